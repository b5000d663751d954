import type { AuthorId } from '../wire/author.ts'
import type { SignedCheckpoint } from '../wire/checkpoint.ts'
import type { SignedEntry } from '../wire/entry.ts'
import { missingRanges, type Frontier } from '../wire/frontier.ts'
import { ENTRIES_PER_FRAME_MAX, SEALS_PER_FRAME_MAX, SYNC_ENTRIES_MAX } from '../wire/limits.ts'
import { clip, type Seal, type Seals } from '../wire/seal.ts'
import { encodeFrame, prefixed, type SyncRequest } from '../wire/sync.ts'
import { inOrder } from './replica/in-order.ts'

export interface SyncSource {
  checkpoint: SignedCheckpoint
  /** What is on the disk now. */
  frontier: Frontier
  /** The proofs of ends of logs that these seals do not know. */
  sealsBeyond(known: Seals): readonly Seal[]
  entries(author: AuthorId, from: number, to: number): Iterable<SignedEntry>
}

/**
 * The answer to a sync request: our checkpoint, the seals that the caller does not heed, then exactly the
 * entries that it lacks, in the order in which they are applied, then an end. Each author's come in
 * sequence, since its clock rises; and the caller never has to take back what it has just applied. Logs
 * only grow, up to a seal, so reading them piece by piece is a snapshot.
 */
export async function* syncAnswer(
  request: SyncRequest,
  source: SyncSource,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield prefixed(encodeFrame({ kind: 'checkpoint', checkpoint: source.checkpoint }))
  for (const seals of inParts(source.sealsBeyond(request.seals), SEALS_PER_FRAME_MAX))
    yield prefixed(encodeFrame({ kind: 'seals', seals }))
  let entryCount = 0
  for (const entries of inParts(missingEntries(request, source), ENTRIES_PER_FRAME_MAX)) {
    signal.throwIfAborted()
    yield prefixed(encodeFrame({ kind: 'entries', entries }))
    entryCount += entries.length
    if (entryCount >= SYNC_ENTRIES_MAX) break
  }
  yield prefixed(encodeFrame({ kind: 'end', entryCount }))
}

function missingEntries({ frontier, seals }: SyncRequest, source: SyncSource) {
  const wanted = missingRanges(frontier, clip(source.frontier, seals))
  return inOrder(wanted.map(({ author, from, to }) => source.entries(author, from, to)))
}

function* inParts<T>(all: Iterable<T>, size: number): Generator<T[]> {
  let part: T[] = []
  for (const one of all) {
    part.push(one)
    if (part.length < size) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}
