import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type * as z from 'zod'
import { attestRequest, type attestAnswer } from '../../wire/api.ts'
import { FRONTIER_BODY_BYTES_MAX, SYNC_REQUEST_BYTES_MAX } from '../../wire/limits.ts'
import { paths, SYNC_MEDIA_TYPE } from '../../wire/protocol.ts'
import { NoticeFeed } from './notice-feed.ts'
import { signalOf, type ApiContext } from './context.ts'
import { frontierIn } from './frontier-body.ts'
import { parseInput, Refusal } from './refusal.ts'
import { SharedSlots } from './slots.ts'

/** What peers and verifiers ask: entries, change notices, attestations. Public, and all of it signed. */
export function syncRoutes(app: FastifyInstance, context: ApiContext): void {
  const { service, limits, recognise } = context

  app.addContentTypeParser(
    SYNC_MEDIA_TYPE,
    { parseAs: 'buffer', bodyLimit: SYNC_REQUEST_BYTES_MAX },
    (_request, body, done) => done(null, body),
  )
  const answers = new SharedSlots('sync answers', limits.syncAnswersMax, limits.syncPerCallerMax)
  app.post(paths.sync, { bodyLimit: SYNC_REQUEST_BYTES_MAX }, async (request, reply) => {
    if (!(request.body instanceof Uint8Array)) throw notASyncRequest()
    const release = answers.take(recognise(request))
    const deadline = setTimeout(() => reply.raw.destroy(), limits.syncMs)
    // Fires after the last byte too, and when the client went away before the first.
    reply.raw.once('close', () => {
      clearTimeout(deadline)
      release()
    })
    const signal = signalOf(reply.raw, context)
    const chunks = service.serveSync(request.body, signal)[Symbol.asyncIterator]()
    const first = await chunks.next()
    reply.raw.setTimeout(limits.syncStallMs, () => reply.raw.destroy())
    return reply.type(SYNC_MEDIA_TYPE).send(streamOf(first, chunks))
  })

  const feed = new NoticeFeed(service, limits)
  context.closing.addEventListener('abort', () => feed.close(), { once: true })
  app.get(paths.changes, { exposeHeadRoute: false }, async (request, reply) => {
    feed.subscribe(reply, recognise(request))
    context.noteStream(reply.raw)
  })

  const bodyLimit = FRONTIER_BODY_BYTES_MAX
  app.post(paths.attest, { bodyLimit }, async (request): Promise<z.infer<typeof attestAnswer>> => {
    const receivedMs = Date.now()
    const hint = '{"nonce": 32 hex digits, "cut": {"<author>": <size>, …}}'
    const { nonce, cut } = parseInput(attestRequest, request.body, hint)
    const signed = service.attest(
      nonce,
      cut === undefined ? null : frontierIn('cut', cut),
      receivedMs,
    )
    return {
      success: true,
      statement: Buffer.from(signed.bytes).toString('base64'),
      signature: Buffer.from(signed.signature).toString('base64'),
    }
  })
}

/** An answer that breaks off lacks its `end` frame, which is how the reader knows. */
function streamOf(first: IteratorResult<Uint8Array>, rest: AsyncIterator<Uint8Array>): Readable {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (let next = first; next.done !== true; next = await rest.next()) yield next.value
    } finally {
      await rest.return?.()
    }
  }
  // In bytes, not objects: sixteen frames read ahead would be megabytes for each slow reader.
  return Readable.from(chunks(), { objectMode: false })
}

const notASyncRequest = (): Refusal =>
  new Refusal(415, 'wrong-media-type', 'this endpoint takes encoded sync requests', {
    hint: `send "content-type: ${SYNC_MEDIA_TYPE}"`,
  })
