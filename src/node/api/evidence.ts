import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { NONCE_BYTES } from '../../wire/attestation.ts'
import { parseAuthorId } from '../../wire/author.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import { covers, frontierObject, sizeAt } from '../../wire/frontier.ts'
import {
  extensionRequest,
  statementRequest,
  type checkpointAnswer,
  type consistencyAnswer,
  type entriesAnswer,
  type entryAnswer,
  type ExtensionAnswer,
  type InclusionAnswer,
  type statementAnswer,
} from '../../wire/ledger-api.ts'
import { checkpointViewOf, entryViewOf } from '../../wire/ledger-view.ts'
import { ENTRIES_PER_ANSWER_MAX, FRONTIER_BODY_BYTES_MAX } from '../../wire/limits.ts'
import { paths } from '../../wire/protocol.ts'
import { UnknownCutError } from '../service.ts'
import type { ApiContext } from './context.ts'
import { frontierIn } from './frontier-body.ts'
import { extensionProofOf, growthOf, inclusionProofOf } from './proofs.ts'
import { parseInput, Refusal, wholeNumber } from './refusal.ts'
import { parseEntry } from './wait.ts'

const size = wholeNumber(0, Number.MAX_SAFE_INTEGER)
const authorParams = z.object({
  author: z.string().refine((text) => parseAuthorId(text) !== null, 'not an author id'),
})
const rangeQuery = z.object({
  from: size.default(0),
  limit: wholeNumber(1, ENTRIES_PER_ANSWER_MAX).default(ENTRIES_PER_ANSWER_MAX),
})
const sizeQuery = z.object({ size: size.optional() })
const growthQuery = z.object({ from: size, to: size.optional() })

const AUTHOR_HINT = 'author as ledger.frontier of GET /api/lattice/health names it'
const FRONTIER_HINT = '{"frontier": {"<author>": <size>, …}}'

/** What was signed, and proofs that it belongs together. Public: all of it can be verified. */
export function evidenceRoutes(app: FastifyInstance, { service }: ApiContext): void {
  const { ledger } = service
  const treeOf = ledger.treeOf.bind(ledger)

  /** Throws a 404 for an entry that is not held. */
  const heldEntry = (params: unknown): SignedEntry => {
    const { author, seq } = parseEntry(params)
    const [entry] = ledger.entries(author, seq, seq + 1)
    if (entry === undefined) throw notHeld('entry')
    return entry
  }

  /** The newest checkpoint while what it names is held: a log may just have been cut. Throws a 409. */
  const signedNow = (): SignedCheckpoint => {
    const signed = ledger.checkpoint()
    if (covers(service.frontier(), signed.checkpoint.frontier)) return signed
    throw notSignedYet('what is held now')
  }

  app.get(`${paths.entries}/:author`, async (request): Promise<z.infer<typeof entriesAnswer>> => {
    const { author } = parseInput(authorParams, request.params, AUTHOR_HINT)
    const hint = `from=<seq>, limit=1 to ${ENTRIES_PER_ANSWER_MAX}`
    const { from, limit } = parseInput(rangeQuery, request.query, hint)
    const held = treeOf(author)?.size ?? 0
    const entries = ledger.entries(author, from, Math.min(from + limit, held))
    const next = from + entries.length
    return {
      success: true,
      author,
      size: held,
      entries: entries.map(entryViewOf),
      next: entries.length > 0 && next < held ? next : null,
    }
  })

  app.get(
    `${paths.entries}/:author/:seq`,
    async ({ params }): Promise<z.infer<typeof entryAnswer>> => ({
      success: true,
      entry: entryViewOf(heldEntry(params)),
    }),
  )

  app.get(`${paths.inclusion}/:author/:seq`, async (request): Promise<InclusionAnswer> => {
    const entry = heldEntry(request.params)
    const { author, seq } = entry.entry
    const signed = signedNow()
    const signedSize = sizeAt(signed.checkpoint.frontier, author)
    if (seq >= signedSize) throw notSignedYet('the entry')
    const hint = `size=${seq + 1} to ${signedSize}, which is what the node has signed`
    const query = parseInput(sizeQuery, request.query, hint)
    const at = query.size ?? signedSize
    if (at <= seq || at > signedSize) {
      throw new Refusal(400, 'bad-request', 'size: not one of this proof', { hint })
    }
    return { success: true, ...inclusionProofOf(entry, at, signed, treeOf) }
  })

  app.get(
    `${paths.consistency}/:author`,
    async (request): Promise<z.infer<typeof consistencyAnswer>> => {
      const { author } = parseInput(authorParams, request.params, AUTHOR_HINT)
      const tree = treeOf(author)
      if (tree === null) throw notHeld('author')
      const hint = `from=0 to ${tree.size}, to=<from> to ${tree.size}`
      const { from, to = tree.size } = parseInput(growthQuery, request.query, hint)
      if (from > to || to > tree.size) {
        throw new Refusal(400, 'bad-request', 'from, to: not sizes of this log', { hint })
      }
      return { success: true, ...growthOf(author, from, to, tree) }
    },
  )

  const bodyLimit = FRONTIER_BODY_BYTES_MAX
  app.post(paths.consistency, { bodyLimit }, async ({ body }): Promise<ExtensionAnswer> => {
    const { frontier } = parseInput(extensionRequest, body, FRONTIER_HINT)
    const earlier = frontierIn('frontier', frontier)
    const signed = signedNow()
    if (!covers(signed.checkpoint.frontier, earlier)) throw new UnknownCutError('not signed')
    return { success: true, ...extensionProofOf(earlier, signed, treeOf) }
  })

  app.get(paths.checkpoint, async (): Promise<z.infer<typeof checkpointAnswer>> => ({
    success: true,
    checkpoint: checkpointViewOf(ledger.checkpoint()),
  }))

  app.post(
    paths.checkpoint,
    { bodyLimit },
    async ({ body }): Promise<z.infer<typeof statementAnswer>> => {
      const receivedMs = Date.now()
      const { frontier, nonce } = parseInput(statementRequest, body, FRONTIER_HINT)
      const cut = frontierIn('frontier', frontier)
      const signed = service.attest(
        nonce ?? randomBytes(NONCE_BYTES).toString('hex'),
        cut,
        receivedMs,
      )
      return {
        success: true,
        frontier: frontierObject(cut),
        root: signed.attestation.cut?.root ?? '',
        statement: Buffer.from(signed.bytes).toString('base64'),
        signature: Buffer.from(signed.signature).toString('base64'),
      }
    },
  )
}

const notHeld = (what: 'entry' | 'author'): Refusal =>
  new Refusal(404, `unknown-${what}`, `this node does not hold this ${what}`, {
    hint: 'another node may; "ledger.frontier" of GET /api/lattice/health says what is held',
  })

/** A checkpoint follows every change within milliseconds. */
const notSignedYet = (what: string): Refusal =>
  new Refusal(409, 'not-signed-yet', `the newest signed checkpoint is not of ${what} yet`, {
    hint: 'ask again in a moment',
    headers: { 'retry-after': '1' },
  })
