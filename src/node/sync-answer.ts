import type { AuthorId } from '../wire/author.ts'
import type { SignedCheckpoint } from '../wire/checkpoint.ts'
import { compareEntries, type SignedEntry } from '../wire/entry.ts'
import { missingRanges, type Frontier } from '../wire/frontier.ts'
import { ENTRIES_PER_FRAME_MAX, SYNC_ENTRIES_MAX } from '../wire/limits.ts'
import { encodeFrame, prefixed, type SyncRequest } from '../wire/sync.ts'

export interface SyncSource {
  checkpoint: SignedCheckpoint
  /** What is on the disk now. */
  frontier: Frontier
  entries(author: AuthorId, from: number, to: number): Iterable<SignedEntry>
}

/**
 * The answer to a sync request: our checkpoint, then exactly the entries that the caller lacks, in the
 * order in which they are applied, then an end. Each author's come in sequence, since its clock rises;
 * and the caller never has to take back what it has just applied. Logs only grow, so reading them piece
 * by piece is a snapshot.
 */
export async function* syncAnswer(
  request: SyncRequest,
  source: SyncSource,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield prefixed(encodeFrame({ kind: 'checkpoint', checkpoint: source.checkpoint }))
  let entryCount = 0
  let frame: SignedEntry[] = []
  for (const entry of missingEntries(request.frontier, source)) {
    frame.push(entry)
    entryCount += 1
    if (entryCount === SYNC_ENTRIES_MAX) break
    if (frame.length < ENTRIES_PER_FRAME_MAX) continue
    signal.throwIfAborted()
    yield prefixed(encodeFrame({ kind: 'entries', entries: frame }))
    frame = []
  }
  if (frame.length > 0) yield prefixed(encodeFrame({ kind: 'entries', entries: frame }))
  yield prefixed(encodeFrame({ kind: 'end', entryCount }))
}

/** What lies beyond `frontier`, all authors merged in the one order. */
function* missingEntries(frontier: Frontier, source: SyncSource): Generator<SignedEntry> {
  const logs = missingRanges(frontier, source.frontier).map((range) => pagedLog(range, source))
  const heads = logs.map((log) => log.next().value)
  for (;;) {
    let least = -1
    for (const [index, head] of heads.entries()) {
      const best = heads[least]
      if (head === undefined) continue
      if (best === undefined || compareEntries(head.entry, best.entry) < 0) least = index
    }
    const next = heads[least]
    if (next === undefined) return
    yield next
    heads[least] = logs[least]?.next().value
  }
}

function* pagedLog(
  { author, from, to }: { author: AuthorId; from: number; to: number },
  source: SyncSource,
): Generator<SignedEntry, undefined> {
  for (let start = from; start < to; start += ENTRIES_PER_FRAME_MAX) {
    yield* source.entries(author, start, Math.min(start + ENTRIES_PER_FRAME_MAX, to))
  }
}
