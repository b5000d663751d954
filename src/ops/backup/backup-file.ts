import { createReadStream } from 'node:fs'
import { WireError } from '../../wire/cbor.ts'
import { splitFrames } from '../../wire/frame-stream.ts'
import { verifySignature } from '../../wire/signature.ts'
import { decodeFrame, type SyncFrame } from '../../wire/sync.ts'
import { OperatorError } from '../errors.ts'

/**
 * A backup is a file of what a node answers to a sync request, frame by frame: one or more answers
 * (a signed checkpoint, ends of logs, entries, an end), the first to an empty frontier, and last a signed checkpoint
 * that its entries reach. The room `backup` owns this file: taking one, judging one, and bringing one
 * back. What it says of a file or a node it has recomputed; it never goes by what the node says.
 */

/** The frames of a backup, in order. Checkpoints are verified, entries are not. Throws `OperatorError`. */
export async function* readBackup(path: string): AsyncGenerator<SyncFrame> {
  const order = new FrameOrder()
  try {
    for await (const bytes of splitFrames(createReadStream(path))) {
      const frame = decodeFrame(bytes, verifySignature)
      order.take(frame)
      yield frame
    }
  } catch (error) {
    throw error instanceof WireError ? badBackup(path, error.message) : missingAs(path, error)
  }
  if (!order.isWhole) throw badBackup(path, 'it is cut off: its closing checkpoint is missing')
}

/** What each kind of frame may follow; null: nothing, at the beginning. */
const before: Record<SyncFrame['kind'], readonly (SyncFrame['kind'] | null)[]> = {
  checkpoint: [null, 'end'],
  seals: ['checkpoint', 'seals'],
  entries: ['checkpoint', 'seals', 'entries'],
  end: ['checkpoint', 'seals', 'entries'],
}

/** What may follow what. Throws `WireError`. */
class FrameOrder {
  #last: SyncFrame['kind'] | null = null
  #entryCount = 0

  /** Whether the file may end here. */
  isWhole = false

  take(frame: SyncFrame): void {
    if (!before[frame.kind].includes(this.#last)) {
      throw new WireError('malformed', `its frames are out of order (${frame.kind})`)
    }
    if (frame.kind === 'entries') this.#entryCount += frame.entries.length
    if (frame.kind === 'end') {
      if (frame.entryCount !== this.#entryCount) {
        throw new WireError('malformed', 'entries are missing within it')
      }
      this.#entryCount = 0
    }
    this.isWhole = frame.kind === 'checkpoint' && this.#last === 'end'
    this.#last = frame.kind
  }
}

export const badBackup = (path: string, problem: string): OperatorError =>
  new OperatorError('bad-backup', `${path} is no sound backup: ${problem}`, {
    exit: 'badInput',
    hint: 'take another backup file; nothing of this one was used',
  })

function missingAs(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'EISDIR') return error
  return new OperatorError('no-backup', `there is no backup file ${path}`, {
    exit: 'badInput',
    hint: 'name the file that "aethel-lattice backup --out" wrote',
  })
}
