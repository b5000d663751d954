import type { Ready } from '../../src/node/replica/contract.ts'
import { inOrder } from '../../src/node/replica/in-order.ts'
import type { Batch } from '../../src/node/store/store.ts'
import type { AuthorId } from '../../src/wire/author.ts'
import { decodeEntry, isSigned, NO_PREVIOUS, type SignedEntry } from '../../src/wire/entry.ts'
import { sizeAt, type Frontier } from '../../src/wire/frontier.ts'
import type { Verify } from '../../src/wire/signature.ts'
import type { Chance } from './chance.ts'
import { batchOf, MemoryDisk } from './disk.ts'
import type { Damage, DiskFailure } from './plan.ts'

/** A write that failed. Nothing of it was acknowledged. */
export class WriteError extends Error {
  override readonly name = 'WriteError'
}

/** What is on the disk is not what was written there. */
export class CorruptError extends Error {
  override readonly name = 'CorruptError'
}

/** What a crash left of a transaction: nothing of none, all, nothing, or pieces that do not count. */
export type Remains = 'none' | 'kept' | 'dropped' | 'torn'

/**
 * A disk that forgets what was not synced: a transaction is written in pieces, with a mark at its end,
 * and counts when all of them are whole. What is read at a start is audited first.
 */
export class Drive extends MemoryDisk {
  failure: DiskFailure | null = null
  /** Milliseconds that a write takes. */
  writeMs = 0
  #writing: Batch | null = null
  #damaged: { author: AuthorId; seq: number; bytes: Uint8Array | null } | null = null
  #isSnapshotDamaged = false

  /** The pieces are on their way. Throws `WriteError` when there is no room for them. */
  write(readies: readonly Ready[]): void {
    if (this.failure === 'full') throw new WriteError('no space left')
    this.#writing = batchOf(readies)
  }

  /** They are on the disk when this returns. Throws `WriteError` when that is not known. */
  sync(): void {
    if (this.failure === 'io') throw new WriteError('input/output error')
    if (this.#writing !== null) this.commit(this.#writing)
    this.#writing = null
  }

  /** The writing process is gone. */
  crash(chance: Chance): Remains {
    const batch = this.#writing
    if (batch === null) return 'none'
    this.#writing = null
    const fate = chance.oneOf(['kept', 'dropped', 'torn'] as const) ?? 'torn'
    const isKept = (): boolean => fate === 'kept' || (fate === 'torn' && chance.isOneIn(2))
    this.recover(remainsOf(batch, isKept), fate === 'kept')
    return fate
  }

  /** Of a damaged log its audit tells. Chooses nothing when there is none. */
  damage(damage: Damage, chance: Chance): void {
    if (damage === 'snapshot') {
      this.#isSnapshotDamaged = true
      return
    }
    const logs = [...this.logs().values()].filter((log) => log.length > 0)
    const signed = chance.oneOf(chance.oneOf(logs) ?? [])
    if (signed === undefined) return
    const { author, seq } = signed.entry
    const bytes = damage === 'flip' ? withFlippedBit(signed.bytes, chance) : null
    this.#damaged = { author, seq, bytes }
  }

  override snapshot(beforeHlc?: number): ReturnType<MemoryDisk['snapshot']> {
    const newest = super.snapshot(beforeHlc)
    if (newest === null || !this.#isSnapshotDamaged) return newest
    return { ...newest, bytes: newest.bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)) }
  }

  override forgetSnapshots(): void {
    super.forgetSnapshots()
    this.#isSnapshotDamaged = false
  }

  /** Reads what is there. Throws `WireError` where that is no entry any more. */
  override entries(author: AuthorId, from: number, to: number): SignedEntry[] {
    const read = super.entries(author, from, to)
    const damaged = this.#damaged
    if (damaged?.author !== author || damaged.seq < from || damaged.seq >= to) return read
    if (damaged.bytes === null) return read.slice(0, damaged.seq - from)
    const { bytes } = damaged
    return read.map((signed) =>
      signed.entry.seq === damaged.seq ? decodeEntry(bytes, signed.signature) : signed,
    )
  }

  /**
   * Whether what lies beyond a snapshot, or everything, is what was once committed; what nothing has
   * changed is not looked at again each time. Throws `CorruptError`.
   */
  audit(beyond: Frontier | undefined, verify: Verify): void {
    const damaged = this.#damaged
    if (damaged === null) return
    const from = beyond === undefined ? 0 : sizeAt(beyond, damaged.author)
    const log = this.logs().get(damaged.author) ?? []
    // The end of a log that has been cut since is nobody's loss.
    if (damaged.seq >= log.length) return
    this.auditLog(damaged.author, from, log.length, verify)
  }

  /**
   * As the real store does where a state is made anew: what is read is looked at as well. A log that is cut
   * meanwhile ends there. Throws `CorruptError`.
   */
  audited(from: Frontier, to: Frontier, verify: Verify): Iterable<SignedEntry> {
    return inOrder(
      [...to].map(([author, size]) => this.#auditedLog(author, sizeAt(from, author), size, verify)),
    )
  }

  *#auditedLog(author: AuthorId, from: number, to: number, verify: Verify): Generator<SignedEntry> {
    for (let seq = from; seq < Math.min(to, this.logs().get(author)?.length ?? 0); seq++) {
      this.auditLog(author, seq, seq + 1, verify)
      yield* this.entries(author, seq, seq + 1)
    }
  }

  /** The pieces of `left` were found; `isWhole`: all that were written, and the mark. */
  protected recover(left: Batch, isWhole: boolean): void {
    if (isWhole) this.commit(left)
  }

  /** As the real store does: the count beside the log, each hash by the entry after, the last signature. */
  protected auditLog(author: AuthorId, from: number, committed: number, verify: Verify): void {
    let prev = this.entry(author, from - 1)?.id ?? NO_PREVIOUS
    let seq = from
    try {
      for (const signed of this.entries(author, from, committed)) {
        const { entry, id } = signed
        if (entry.author !== author || entry.seq !== seq || entry.prev !== prev)
          throw new CorruptError(`entry ${seq} does not belong there`)
        if (seq === committed - 1 && !isSigned(signed, verify))
          throw new CorruptError(`entry ${seq} was changed`)
        prev = id
        seq += 1
      }
    } catch (error) {
      throw new CorruptError(`entry ${seq}: ${(error as Error).message}`)
    }
    if (seq !== committed) throw new CorruptError(`only ${seq} of ${committed} entries are there`)
  }
}

function withFlippedBit(bytes: Uint8Array, chance: Chance): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  const at = chance.below(bytes.length)
  flipped[at] = (flipped[at] ?? 0) ^ (1 << chance.below(8))
  return flipped
}

/** Each item of a transaction is a piece that a crash may tear. */
const remainsOf = (batch: Batch, isKept: () => boolean): Batch => ({
  entries: batch.entries.filter(isKept),
  checkpoints: batch.checkpoints.filter(isKept),
  seals: batch.seals.filter(isKept),
  cuts: batch.cuts.filter(isKept),
  snapshots: batch.snapshots.filter(isKept),
  staleSnapshotsHlc: isKept() ? batch.staleSnapshotsHlc : null,
  reservedClock: isKept() ? batch.reservedClock : null,
  events: batch.events,
})
