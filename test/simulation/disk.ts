import { hashBytes } from '../../src/merkle/index.ts'
import type { Ready, Restored } from '../../src/node/replica/contract.ts'
import { inOrder } from '../../src/node/replica/in-order.ts'
import type { RestoredLog } from '../../src/node/replica/logs.ts'
import type { KeptSnapshot, Snapshot } from '../../src/node/replica/snapshot.ts'
import type { Batch } from '../../src/node/store/store.ts'
import type { AuthorId } from '../../src/wire/author.ts'
import type { SignedCheckpoint } from '../../src/wire/checkpoint.ts'
import type { SignedEntry } from '../../src/wire/entry.ts'
import { sizeAt, type Frontier } from '../../src/wire/frontier.ts'
import type { Seal } from '../../src/wire/seal.ts'

interface StoredSnapshot {
  number: number
  hlc: number
  bytes: Uint8Array
  signature: Uint8Array
}

/** What a data directory holds: all that was committed, and nothing else. */
export class MemoryDisk {
  #incarnation: string
  readonly #logs = new Map<AuthorId, SignedEntry[]>()
  readonly #checkpoints = new Map<string, SignedCheckpoint>()
  readonly #seals = new Map<AuthorId, Seal>()
  /** The newest last. */
  #snapshots: StoredSnapshot[] = []
  #snapshotCount = 0
  /** The leaves of each log, one behind the other, as far as some snapshot reached. */
  readonly #leaves = new Map<AuthorId, Uint8Array>()
  #reservedClock = 0

  constructor(incarnation: string) {
    this.#incarnation = incarnation
  }

  /** 16 hex, as a new data directory makes one up. */
  get incarnation(): string {
    return this.#incarnation
  }

  get seals(): ReadonlyMap<AuthorId, Seal> {
    return this.#seals
  }

  reincarnate(incarnation: string): void {
    this.#incarnation = incarnation
  }

  /** As the real store does it, in the same order. Throws for what it would refuse. */
  commit(batch: Batch): void {
    for (const signed of batch.entries) {
      const { author, seq } = signed.entry
      const log = this.#logs.get(author) ?? []
      if (log.length !== seq) throw new Error(`entry ${seq} of ${author} after ${log.length}`)
      log.push(signed)
      this.#logs.set(author, log)
    }
    for (const snapshot of batch.snapshots) this.#keep(snapshot)
    for (const { author, size } of batch.cuts) this.#cut(author, size)
    const { staleSnapshotsHlc } = batch
    if (staleSnapshotsHlc !== null)
      this.#snapshots = this.#snapshots.filter(({ hlc }) => hlc < staleSnapshotsHlc)
    for (const seal of batch.seals) this.#seals.set(seal.author, seal)
    for (const checkpoint of batch.checkpoints) this.#checkpoints.set(checkpoint.peerId, checkpoint)
    this.#reservedClock = batch.reservedClock ?? this.#reservedClock
  }

  /** The newest snapshot from before this clock; null when there is none. */
  snapshot(beforeHlc = Number.POSITIVE_INFINITY): StoredSnapshot | null {
    return this.#snapshots.findLast(({ hlc }) => hlc < beforeHlc) ?? null
  }

  forgetSnapshots(): void {
    this.#snapshots = []
  }

  /** What a start reads, from a snapshot on. */
  restored(snapshot: Snapshot | null = null): Restored {
    const sizes = snapshot?.folded.sizes
    return {
      seals: [...this.#seals.values()],
      snapshot,
      logs: sizes === undefined ? [] : [...sizes].map(([author, size]) => this.#log(author, size)),
      entries: [...this.between(sizes ?? new Map(), null)],
      checkpoints: [...this.#checkpoints.values()],
      reservedClock: this.#reservedClock,
    }
  }

  /** What lies beyond `from` and not beyond `to`, in the one order. `to` null: up to the end. */
  between(from: Frontier, to: Frontier | null): Iterable<SignedEntry> {
    const logs = [...this.#logs].map(([author, log]) =>
      this.#piecewise(author, sizeAt(from, author), to === null ? log.length : sizeAt(to, author)),
    )
    return inOrder(logs)
  }

  /** A log may be cut while it is read. */
  *#piecewise(author: AuthorId, from: number, to: number): Generator<SignedEntry> {
    for (let seq = from; seq < to; seq++) yield* this.entries(author, seq, seq + 1)
  }

  entries(author: AuthorId, from: number, to: number): SignedEntry[] {
    return (this.#logs.get(author) ?? []).slice(from, to)
  }

  entry(author: AuthorId, seq: number): SignedEntry | undefined {
    return this.#logs.get(author)?.[seq]
  }

  logs(): ReadonlyMap<AuthorId, readonly SignedEntry[]> {
    return this.#logs
  }

  #keep({ snapshot, bytes, signature, leaves }: KeptSnapshot): void {
    for (const { author, from, hashes } of leaves) {
      const before = this.#leaves.get(author)?.subarray(0, from * hashBytes) ?? new Uint8Array()
      if (before.length < from * hashBytes) throw new Error(`leaves of ${author} are missing`)
      this.#leaves.set(author, Buffer.concat([before, hashes]))
    }
    const newest = ++this.#snapshotCount
    const { hlc } = snapshot.folded.last
    this.#snapshots.push({ number: newest, hlc, bytes, signature })
    // Of the older ones fewer are kept, as in the real store.
    this.#snapshots = this.#snapshots.filter(
      ({ number }) => newest - number < 2 * (number & -number),
    )
  }

  #cut(author: AuthorId, size: number): void {
    const log = this.#logs.get(author)?.slice(0, size) ?? []
    if (log.length === 0) this.#logs.delete(author)
    else this.#logs.set(author, log)
    const leaves = this.#leaves.get(author)
    if (leaves !== undefined) this.#leaves.set(author, leaves.subarray(0, size * hashBytes))
  }

  #log(author: AuthorId, size: number): RestoredLog {
    const leaves = this.#leaves.get(author)?.subarray(0, size * hashBytes) ?? new Uint8Array()
    const last = this.entry(author, size - 1)
    if (last === undefined || leaves.length < size * hashBytes)
      throw new Error(`the log of ${author} does not reach ${size}`)
    return { author, leaves, last }
  }
}

/** What the steps of one turn make durable, as one transaction. */
export function batchOf(readies: readonly Ready[]): Batch {
  const [only] = readies
  return only !== undefined && readies.length === 1 ? batchOfOne(only) : batchOfAll(readies)
}

const batchOfOne = (ready: Ready): Batch => ({
  entries: ready.entries,
  checkpoints: ready.checkpoints,
  seals: ready.seals,
  cuts: ready.cuts,
  snapshots: ready.snapshot === null ? [] : [ready.snapshot],
  staleSnapshotsHlc: ready.staleSnapshotsHlc,
  reservedClock: ready.reservedClock,
  events: ready.events,
})

const batchOfAll = (readies: readonly Ready[]): Batch => ({
  entries: readies.flatMap(({ entries }) => entries),
  checkpoints: readies.flatMap(({ checkpoints }) => checkpoints),
  seals: readies.flatMap(({ seals }) => seals),
  cuts: readies.flatMap(({ cuts }) => cuts),
  snapshots: readies.flatMap(({ snapshot }) => (snapshot === null ? [] : [snapshot])),
  staleSnapshotsHlc: readies.reduce<number | null>(
    (least, { staleSnapshotsHlc: hlc }) =>
      hlc === null ? least : Math.min(least ?? Number.POSITIVE_INFINITY, hlc),
    null,
  ),
  reservedClock: readies.reduce<number | null>((last, ready) => ready.reservedClock ?? last, null),
  events: readies.flatMap(({ events }) => events),
})

/** Like the real engine: checkpoints alone are not worth a write. */
export const isWorthWrite = (ready: Ready): boolean =>
  ready.reservedClock !== null ||
  ready.snapshot !== null ||
  ready.staleSnapshotsHlc !== null ||
  ready.entries.length + ready.events.length + ready.seals.length > 0
