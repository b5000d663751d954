import type { AuthorId } from '../../wire/author.ts'
import { compareEntries, type Entry, type Position, type SignedEntry } from '../../wire/entry.ts'
import { sizeAt, totalOf, type Frontier } from '../../wire/frontier.ts'
import type { Intent } from '../../wire/intent.ts'
import type { Genesis } from '../../wire/lattice.ts'
import { Accounts, type Rejection, type Undo } from './accounts.ts'
import { Finality } from './finality.ts'
import { OPEN_BEHIND_FACTOR, OPEN_MAX } from './limits.ts'

/** What replay made of an entry. */
export interface Outcome {
  rejection: Rejection | null
  /** No entry can come before it any more. */
  isFinal: boolean
}

/** Rejected entries that were folded, by author and seq; the rest of the folded ones were applied. */
export type Rejections = ReadonlyMap<AuthorId, ReadonlyMap<number, Rejection>>

/** The state after a prefix of all entries in their one order. */
export interface Folded {
  /** How much of each log is in it. */
  sizes: Frontier
  /** The last entry in it; null when there is none. */
  last: Position | null
  balances: ReadonlyMap<string, number>
  rejections: Rejections
}

interface Applied {
  entry: Entry
  rejection: Rejection | null
  undo: Undo
}

/**
 * The state as a function of the set of entries: they are applied in the one order `(hlc, author, seq)`,
 * whatever the order they arrive in. The newest stay open: each step can be taken back, so a late entry
 * costs as many steps as come after it. The rest is folded: of it the balances are kept and no step. What
 * is final is folded at once; what is not, when more than `openMax` entries are open.
 */
export class Ledger {
  readonly #clockOf: (author: AuthorId, seq: number) => number
  readonly #openMax: number
  readonly #finality: Finality
  #accounts: Accounts
  /** Applied entries that can be taken back, in order. */
  readonly #open: Applied[] = []
  #openByAuthor = new Map<AuthorId, Map<number, Applied>>()
  #foldedSizes = new Map<AuthorId, number>()
  #foldedCount = 0
  #lastFolded: Position | null = null
  #rejections = new Map<AuthorId, Map<number, Rejection>>()
  #rejectedCount = 0
  /** The clock that was read last. */
  #lastClock: Position | null = null

  /** `clockOf`: the clock of a folded entry that is not final; it is read rarely. */
  constructor(
    genesis: Genesis,
    clockOf: (author: AuthorId, seq: number) => number,
    openMax: number = OPEN_MAX,
  ) {
    this.#clockOf = clockOf
    this.#openMax = openMax
    this.#finality = new Finality(clockOf)
    this.#accounts = new Accounts(genesis)
  }

  /** The state right after `folded`, with nothing open and nothing final yet. */
  static after(folded: Folded, ...args: ConstructorParameters<typeof Ledger>): Ledger {
    const ledger = new Ledger(...args)
    ledger.#accounts = new Accounts(folded.balances)
    ledger.#foldedSizes = new Map(folded.sizes)
    ledger.#foldedCount = totalOf(folded.sizes)
    ledger.#lastFolded = folded.last
    for (const [author, rejections] of folded.rejections) {
      ledger.#rejections.set(author, new Map(rejections))
      ledger.#rejectedCount += rejections.size
    }
    return ledger
  }

  get accounts(): Accounts {
    return this.#accounts
  }

  /** Entries of which only the effect is kept. */
  get foldedCount(): number {
    return this.#foldedCount
  }

  /** Entries before which another may still come. */
  get pendingFinal(): number {
    return this.#foldedCount + this.#open.length - this.#finality.count
  }

  /** Everything below this clock is final, microseconds. */
  get finalClock(): number {
    return this.#finality.clock
  }

  get rejectedCount(): number {
    return this.#rejectedCount
  }

  rejectionOf(intent: Intent): Rejection | null {
    return this.#accounts.rejectionOf(intent)
  }

  /**
   * Adds entries, each author's in sequence. False, and nothing is changed, when one belongs before a
   * folded one: the state must be made anew from before it.
   */
  insert(entries: readonly SignedEntry[]): boolean {
    const sorted = entries.map((signed) => signed.entry)
    if (sorted.length > 1) sorted.sort(compareEntries)
    const [first] = sorted
    if (first === undefined) return true
    if (this.#lastFolded !== null && compareEntries(first, this.#lastFolded) < 0) return false
    const later = this.#takeBackFrom(first)
    const merged = later.length === 0 ? sorted : [...sorted, ...later].toSorted(compareEntries)
    for (const entry of merged) this.#applyNext(entry)
    return true
  }

  /**
   * Takes out an author's entries from `size` on. False, and nothing is changed, when one of them is
   * folded.
   */
  cut(author: AuthorId, size: number): boolean {
    if (sizeAt(this.#foldedSizes, author) > size) return false
    const first = this.#openByAuthor.get(author)?.get(size)
    if (first === undefined) return true
    for (const entry of this.#takeBackFrom(first.entry)) {
      if (entry.author !== author) this.#applyNext(entry)
    }
    return true
  }

  /** Makes everything below `clockFloor` final. Returns how many entries that were. */
  settle(clockFloor: number): number {
    const before = this.#finality.count
    if (!this.#finality.raise(clockFloor, this.#foldedSizes, this.#lastFolded)) return 0
    const end = this.#open.findIndex(({ entry }) => entry.hlc >= clockFloor)
    for (const { entry } of this.#fold(end === -1 ? this.#open.length : end))
      this.#finality.add(entry)
    return this.#finality.count - before
  }

  /**
   * Folds the oldest open entries when there are too many, final or not. `isBehind`: more are on their way
   * that may be older, and would not fit before what is folded.
   */
  fold(isBehind: boolean): void {
    const openMax = this.#openMax * (isBehind ? OPEN_BEHIND_FACTOR : 1)
    if (this.#open.length > openMax) this.#fold(this.#open.length - Math.floor(openMax / 2))
  }

  /** The state without what is open. */
  folded(): Folded {
    const balances = new Map(this.#accounts.balances)
    for (const { undo } of this.#open.toReversed()) {
      for (const [account, before] of undo.toReversed()) {
        if (before === undefined) balances.delete(account)
        else balances.set(account, before)
      }
    }
    return {
      sizes: new Map(this.#foldedSizes),
      last: this.#lastFolded,
      balances,
      rejections: this.#rejections,
    }
  }

  /** The clock of the author's first entry from `from` on that is not final; null when there is none. */
  openClockOf(author: AuthorId, from: number): number | null {
    const seq = Math.max(from, this.#finality.sizeOf(author))
    if (seq < sizeAt(this.#foldedSizes, author)) return this.#foldedClockOf(author, seq)
    return this.#openByAuthor.get(author)?.get(seq)?.entry.hlc ?? null
  }

  /** Null: not inserted. */
  outcomeOf(author: AuthorId, seq: number): Outcome | null {
    if (seq < sizeAt(this.#foldedSizes, author)) {
      return {
        rejection: this.#rejections.get(author)?.get(seq) ?? null,
        isFinal: seq < this.#finality.sizeOf(author),
      }
    }
    const applied = this.#openByAuthor.get(author)?.get(seq)
    return applied === undefined ? null : { rejection: applied.rejection, isFinal: false }
  }

  /** It is asked for the same entry again and again while a member is away. */
  #foldedClockOf(author: AuthorId, seq: number): number {
    if (this.#lastClock?.author !== author || this.#lastClock.seq !== seq)
      this.#lastClock = { author, seq, hlc: this.#clockOf(author, seq) }
    return this.#lastClock.hlc
  }

  #applyNext(entry: Entry): void {
    const rejection = this.#accounts.rejectionOf(entry.intent)
    const undo = rejection === null ? this.#accounts.apply(entry.intent) : []
    const applied = { entry, rejection, undo }
    this.#open.push(applied)
    if (rejection !== null) this.#rejectedCount += 1
    const byAuthor = this.#openByAuthor.get(entry.author)
    if (byAuthor === undefined)
      this.#openByAuthor.set(entry.author, new Map([[entry.seq, applied]]))
    else byAuthor.set(entry.seq, applied)
  }

  /** Takes back, newest first, everything from `entry` on; returns it in order. */
  #takeBackFrom(entry: Position): Entry[] {
    const later: Entry[] = []
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (compareEntries(last.entry, entry) < 0) break
      this.#open.pop()
      this.#openByAuthor.get(last.entry.author)?.delete(last.entry.seq)
      if (last.rejection === null) this.#accounts.revert(last.entry.intent, last.undo)
      else this.#rejectedCount -= 1
      later.push(last.entry)
    }
    return later.toReversed()
  }

  /** Folds the oldest `count` open entries, and returns them. */
  #fold(count: number): readonly Applied[] {
    if (count === 0) return []
    const folded = this.#open.splice(0, count)
    for (const { entry, rejection } of folded) {
      const { author, seq } = entry
      this.#foldedSizes.set(author, seq + 1)
      this.#openByAuthor.get(author)?.delete(seq)
      if (rejection !== null) {
        const rejections = this.#rejections.get(author) ?? new Map<number, Rejection>()
        this.#rejections.set(author, rejections.set(seq, rejection))
      }
    }
    this.#foldedCount += folded.length
    const last = folded.at(-1)
    if (last !== undefined) this.#lastFolded = last.entry
    return folded
  }
}
