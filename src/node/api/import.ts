import type { FastifyInstance } from 'fastify'
import { splitFrames } from '../../wire/frame-stream.ts'
import type { ImportAnswer } from '../../wire/ledger-api.ts'
import { FRAMES_MEDIA_TYPE, paths } from '../../wire/protocol.ts'
import { verifySignature } from '../../wire/signature.ts'
import { decodeFrame } from '../../wire/sync.ts'
import type { NodeService } from '../service.ts'
import type { ApiContext } from './context.ts'
import { Refusal } from './refusal.ts'
import { Slots } from './slots.ts'

/**
 * Entries that the operator brings: a backup, or a part of one. They are taken as a peer's are, since
 * they prove themselves. One frame is in memory at a time, and is on the disk before the next is read.
 */
export function importRoutes(app: FastifyInstance, context: ApiContext): void {
  const { service, limits, log, requireScope } = context
  const imports = new Slots('imports', limits.importsMax)

  void app.register(async (scope) => {
    scope.addContentTypeParser(FRAMES_MEDIA_TYPE, (_request, stream, done) => done(null, stream))
    scope.post(
      paths.import,
      { onRequest: async (request) => requireScope(request, 'admin') },
      async (request): Promise<ImportAnswer> => {
        if (request.headers['content-type'] !== FRAMES_MEDIA_TYPE) throw notFrames()
        log.info({ action: 'import', address: request.ip }, '[CONTROL] import')
        return imports.during(async () =>
          importFrames(request.body as AsyncIterable<Uint8Array>, service),
        )
      },
    )
  })
}

async function importFrames(
  body: AsyncIterable<Uint8Array>,
  service: NodeService,
): Promise<ImportAnswer> {
  const answer: ImportAnswer = {
    success: true,
    entries: 0,
    new: 0,
    held: 0,
    left_out: 0,
    refused: 0,
    reason: null,
  }
  for await (const bytes of splitFrames(body)) {
    const frame = decodeFrame(bytes, verifySignature)
    // The checkpoints in a backup are what it is measured by afterwards; the core needs none of them.
    if (frame.kind === 'seals') await service.ledger.importSeals(frame.seals)
    if (frame.kind !== 'entries') continue
    const { newCount, heldCount, leftOutCount, refused } = await service.ledger.import(
      frame.entries,
    )
    answer.entries += frame.entries.length
    answer.new += newCount
    answer.held += heldCount
    answer.left_out += leftOutCount
    answer.refused += refused.length
    answer.reason ??= refused[0] ?? null
  }
  return { ...answer, success: answer.refused === 0 }
}

const notFrames = (): Refusal =>
  new Refusal(415, 'wrong-media-type', 'this endpoint takes frames of entries', {
    hint: `send "content-type: ${FRAMES_MEDIA_TYPE}"; "aethel-lattice restore" does`,
  })
