import { ENTRIES_PER_FRAME_MAX } from '../../wire/limits.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import { missingRanges, sizeAt, totalOf, type Frontier } from '../../wire/frontier.ts'
import { encodeFrame, prefixed } from '../../wire/sync.ts'
import type { AuthorId } from '../../wire/author.ts'
import type { Seals } from '../../wire/seal.ts'
import type { NodeClient } from '../client/node-client.ts'
import { OperatorError } from '../errors.ts'
import { readBackup } from './backup-file.ts'
import { IMPORT_BYTES_MAX } from './limits.ts'
import type { BackupFile } from './verify-backup.ts'

/** What a node lacks of a backup. */
export interface RestorePlan {
  /** What the node signed that it holds. */
  held: Frontier
  heldEntries: number
  missingEntries: number
  /** Ends of logs that it does not heed. */
  missingSeals: number
}

export async function planRestore(
  client: NodeClient,
  { frontier, seals }: BackupFile,
  signal: AbortSignal,
): Promise<RestorePlan> {
  const { checkpoint } = await client.ledger.checkpoint(signal)
  const held = checkpoint.frontier
  const missing = missingRanges(held, frontier)
  return {
    held,
    heldEntries: totalOf(held),
    missingEntries: missing.reduce((sum, { from, to }) => sum + to - from, 0),
    missingSeals: [...seals].filter(([author, size]) => !heeds(checkpoint.seals, author, size))
      .length,
  }
}

const heeds = (seals: Seals, author: AuthorId, size: number): boolean =>
  (seals.get(author) ?? Number.POSITIVE_INFINITY) <= size

/**
 * Brings a node what it lacks of a verified backup, in pieces that are each on its disk before the next
 * is sent; so what was cut short is gone on with by doing it again. Returns how many entries were new.
 * Throws `OperatorError` for an entry that the node refuses.
 */
export async function bringEntries(
  client: NodeClient,
  file: BackupFile,
  { held, missingEntries, missingSeals }: RestorePlan,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<number> {
  // What lies behind the end of a log is not taken at all.
  if (missingSeals > 0) await bringSeals(client, file, signal)
  let sent = 0
  let fresh = 0
  for await (const entries of piecesOf(file, held)) {
    const answer = await client.import(framesOf(entries), signal)
    if (answer.reason !== null) throw refusedEntry(client, answer.reason)
    sent += entries.length
    fresh += answer.new
    note(`${sent} of ${missingEntries} entries brought`)
  }
  return fresh
}

async function bringSeals(
  client: NodeClient,
  { path }: BackupFile,
  signal: AbortSignal,
): Promise<void> {
  for await (const frame of readBackup(path)) {
    if (frame.kind === 'seals') await client.import(prefixed(encodeFrame(frame)), signal)
  }
}

/** Entries of the backup that count, beyond `held`, as many at a time as one request brings. */
async function* piecesOf(
  { path, frontier }: BackupFile,
  held: Frontier,
): AsyncGenerator<SignedEntry[]> {
  let piece: SignedEntry[] = []
  let bytes = 0
  for await (const frame of readBackup(path)) {
    if (frame.kind !== 'entries') continue
    for (const signed of frame.entries) {
      const { author, seq } = signed.entry
      if (seq < sizeAt(held, author) || seq >= sizeAt(frontier, author)) continue
      piece.push(signed)
      bytes += signed.bytes.length + signed.signature.length
      if (bytes < IMPORT_BYTES_MAX) continue
      yield piece
      piece = []
      bytes = 0
    }
  }
  if (piece.length > 0) yield piece
}

function framesOf(entries: readonly SignedEntry[]): Uint8Array {
  const frames: Uint8Array[] = []
  for (let start = 0; start < entries.length; start += ENTRIES_PER_FRAME_MAX) {
    const part = entries.slice(start, start + ENTRIES_PER_FRAME_MAX)
    frames.push(prefixed(encodeFrame({ kind: 'entries', entries: part })))
  }
  return Buffer.concat(frames)
}

const refusedEntry = (
  client: NodeClient,
  { author, seq, code, message }: { author: string; seq: number; code: string; message: string },
): OperatorError =>
  new OperatorError(
    'entries-refused',
    `${client.name} refuses entry ${seq} of ${author.slice(0, 12)}… (${code}): ${message}`,
    {
      hint:
        code === 'clock-ahead'
          ? 'the node’s clock is behind the entries: set it right, then run the same command again'
          : 'see "aethel-lattice logs"; what it took so far stays, and the same command goes on from there',
    },
  )
