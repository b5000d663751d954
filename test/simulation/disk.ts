import type { Ready, Restored } from '../../src/node/replica/contract.ts'
import type { AuthorId } from '../../src/wire/author.ts'
import type { SignedCheckpoint } from '../../src/wire/checkpoint.ts'
import type { SignedEntry } from '../../src/wire/entry.ts'
import type { Seal } from '../../src/wire/seal.ts'

/** What a data directory holds: all that was committed, and nothing else. */
export class MemoryDisk {
  /** 16 hex, as a new data directory makes one up. */
  readonly incarnation: string
  readonly #logs = new Map<AuthorId, SignedEntry[]>()
  readonly #checkpoints = new Map<string, SignedCheckpoint>()
  readonly #seals = new Map<AuthorId, Seal>()
  #reservedClock = 0

  constructor(incarnation: string) {
    this.incarnation = incarnation
  }

  get seals(): ReadonlyMap<AuthorId, Seal> {
    return this.#seals
  }

  /** Like the real store, checkpoints alone are not worth a write. Throws for what a store would refuse. */
  commit(ready: Ready): void {
    const isNeeded =
      ready.entries.length + ready.seals.length + ready.events.length > 0 ||
      ready.reservedClock !== null
    if (!isNeeded) return
    for (const signed of ready.entries) {
      const { author, seq } = signed.entry
      const log = this.#logs.get(author) ?? []
      if (log.length !== seq) throw new Error(`entry ${seq} of ${author} after ${log.length}`)
      log.push(signed)
      this.#logs.set(author, log)
    }
    for (const checkpoint of ready.checkpoints) this.#checkpoints.set(checkpoint.peerId, checkpoint)
    for (const { author, size } of ready.cuts) {
      const log = this.#logs.get(author)?.slice(0, size) ?? []
      if (log.length === 0) this.#logs.delete(author)
      else this.#logs.set(author, log)
    }
    for (const seal of ready.seals) this.#seals.set(seal.author, seal)
    this.#reservedClock = ready.reservedClock ?? this.#reservedClock
  }

  restored(): Restored {
    return {
      seals: [...this.#seals.values()],
      snapshot: null,
      logs: [],
      entries: [...this.#logs.values()].flat(),
      checkpoints: [...this.#checkpoints.values()],
      reservedClock: this.#reservedClock,
    }
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
}
