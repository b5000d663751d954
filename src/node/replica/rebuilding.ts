import type { SignedEntry } from '../../wire/entry.ts'
import { EMPTY_FRONTIER, sizeAt, type Frontier } from '../../wire/frontier.ts'
import type { Ledger } from './ledger.ts'
import { LATE_MAX } from './limits.ts'

/**
 * A state that is being made anew, from before a clock, while new entries come in: what is read from the
 * store goes into it piece by piece, what came in meanwhile at the end.
 */
export class Rebuilding {
  #beforeHlc: number
  #ledger: Ledger | null = null
  #read: Frontier = EMPTY_FRONTIER
  #late: SignedEntry[] = []
  #isStale = false

  constructor(beforeHlc: number) {
    this.#beforeHlc = beforeHlc
  }

  /** Where it has to begin, should it have to begin again. */
  get beforeHlc(): number {
    return this.#beforeHlc
  }

  /** What is being read does not hold any more, from this clock on. */
  spoil(hlc: number): void {
    this.#beforeHlc = Math.min(this.#beforeHlc, hlc)
    this.#isStale = true
  }

  /** These were appended to the logs. */
  append(entries: readonly SignedEntry[]): void {
    if (this.#late.length + entries.length > LATE_MAX) this.#isStale = true
    else this.#late.push(...entries)
  }

  /** Reading begins: everything that is stored up to `frontier`, on top of `ledger`. */
  begin(ledger: Ledger, frontier: Frontier): void {
    this.#ledger = ledger
    this.#read = frontier
  }

  take(entries: readonly SignedEntry[], isBehind: boolean): void {
    if (this.#ledger?.insert(entries) === false) this.#isStale = true
    this.#ledger?.fold(isBehind)
  }

  /** The finished state; null when everything has to be read again. */
  end(): Ledger | null {
    const late = this.#late.filter(({ entry }) => entry.seq >= sizeAt(this.#read, entry.author))
    if (!this.#isStale && this.#ledger?.insert(late) === true) return this.#ledger
    for (const { entry } of late) this.#beforeHlc = Math.min(this.#beforeHlc, entry.hlc)
    this.#ledger = null
    this.#late = []
    this.#isStale = false
    return null
  }
}
