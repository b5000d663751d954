import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { covers, equalFrontiers, type Frontier } from '../wire/frontier.ts'
import type { Genesis } from '../wire/lattice.ts'
import type { Core } from './replica/core.ts'
import { Ledger } from './replica/ledger.ts'
import { corrupt } from './store/errors.ts'
import type { Store } from './store/store.ts'
import type { SignedEntry } from '../wire/entry.ts'

/** Entries after which others get their time. */
const ENTRIES_PER_TURN = 256
/** A reading in the background rests this many times as long as it works. */
const REST_FACTOR = 4

export interface StoreAuditOptions {
  store: Store
  core: Core
  genesis: Genesis
  /** Background: slow, so that the work beside it is not disturbed. */
  pace: 'now' | 'background'
  signal: AbortSignal
}

/**
 * Reads everything that is on the disk, every signature too, beside the running work, and compares it with
 * what this process holds. Resolves with how many entries there were; throws `StoreError` `corrupt`.
 */
export async function auditStore(options: StoreAuditOptions): Promise<number> {
  const { store, core, genesis, pace, signal } = options
  const before = core.logs.frontier()
  const clockOf = (author: string, seq: number): number => store.entry(author, seq)?.entry.hlc ?? 0
  const ledger = new Ledger(genesis, clockOf)
  const sizes = new Map<string, number>()
  let count = 0
  let startedMs = performance.now()
  let part: SignedEntry[] = []
  for (const signed of store.audited('all')) {
    part.push(signed)
    count += 1
    if (part.length < ENTRIES_PER_TURN) continue
    take(part)
    part = []
    await (pace === 'now' ? nextTurn() : pause((performance.now() - startedMs) * REST_FACTOR))
    signal.throwIfAborted()
    startedMs = performance.now()
  }
  take(part)
  compare()
  return count

  function take(entries: readonly SignedEntry[]): void {
    for (const signed of entries) {
      const { author, seq } = signed.entry
      if (!core.logs.holds(signed) && seq < core.logs.sizeOf(author))
        throw corrupt(`entry ${seq} of author ${author} is another than this process holds`)
      sizes.set(author, seq + 1)
    }
    if (!ledger.insert(entries)) throw new Error('entries came out of order')
    ledger.fold(false)
  }

  function compare(): void {
    const read: Frontier = sizes
    if (!covers(read, withoutCuts(before)))
      throw corrupt('the store holds fewer entries than this process')
    // Entries that came during the reading make the states incomparable; the next reading sees them.
    if (!equalFrontiers(read, core.logs.frontier())) return
    if (ledger.accounts.root() !== core.ledger.accounts.root())
      throw corrupt('replaying the store gives another state than this process holds')
  }

  /** What was held when the reading began, but for what a seal has left out since. */
  function withoutCuts(frontier: Frontier): Frontier {
    return new Map(
      [...frontier]
        .map(([author, size]) => [author, Math.min(size, core.logs.sizeOf(author))] as const)
        .filter(([, size]) => size > 0),
    )
  }
}
