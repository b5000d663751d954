import type { AuthorId } from '../../wire/author.ts'
import { compareEntries, type Entry, type SignedEntry } from '../../wire/entry.ts'
import type { Intent } from '../../wire/intent.ts'
import type { Genesis } from '../../wire/lattice.ts'
import { Accounts, type Rejection, type Undo } from './accounts.ts'

/** What replay made of an entry. */
export interface Outcome {
  rejection: Rejection | null
  /** No entry can come before it any more. */
  isFinal: boolean
}

interface Applied {
  entry: Entry
  rejection: Rejection | null
  undo: Undo
}

/**
 * The state as a function of the set of entries: they are applied in the one order `(hlc, author, seq)`,
 * whatever the order they arrive in. The settled part is folded into the balances; of the rest each step
 * can be taken back, so a late entry costs as many steps as come after it.
 */
export class Ledger {
  readonly #genesis: Genesis
  #accounts: Accounts
  /** Applied entries that are not final, in order. */
  #open: Applied[] = []
  /** Rejected entries that are final; the rest of the final ones were applied. */
  #rejected = new Map<string, Rejection>()
  #openRejected = 0
  /** Per author: entries below this seq are final. */
  #finalSizes = new Map<AuthorId, number>()
  #openByAuthor = new Map<AuthorId, Map<number, Applied>>()
  /** The last final entry; nothing may be inserted before it. */
  #lastFinal: Entry | null = null

  constructor(genesis: Genesis) {
    this.#genesis = genesis
    this.#accounts = new Accounts(genesis)
  }

  get accounts(): Accounts {
    return this.#accounts
  }

  /** Entries that are not final. */
  get openCount(): number {
    return this.#open.length
  }

  get rejectedCount(): number {
    return this.#rejected.size + this.#openRejected
  }

  rejectionOf(intent: Intent): Rejection | null {
    return this.#accounts.rejectionOf(intent)
  }

  /**
   * Adds entries, each author's in sequence. False, and nothing is changed, when one belongs before a
   * final entry: a member broke its promised clock floor, and the caller must `rebuild`.
   */
  insert(entries: readonly SignedEntry[]): boolean {
    const sorted = entries.map((signed) => signed.entry).toSorted(compareEntries)
    const [first] = sorted
    if (first === undefined) return true
    if (this.#lastFinal !== null && compareEntries(first, this.#lastFinal) < 0) return false
    const later = this.#takeBackAfter(first)
    const merged = later.length === 0 ? sorted : [...sorted, ...later].toSorted(compareEntries)
    for (const entry of merged) this.#applyNext(entry)
    return true
  }

  /** Starts over from genesis with all entries there are. Nothing is final until `settle`. */
  rebuild(entries: Iterable<Entry>): void {
    this.#accounts = new Accounts(this.#genesis)
    this.#open = []
    this.#openRejected = 0
    this.#openByAuthor.clear()
    this.#rejected.clear()
    this.#finalSizes.clear()
    this.#lastFinal = null
    for (const entry of [...entries].toSorted(compareEntries)) this.#applyNext(entry)
  }

  /** Makes everything below `clockFloor` final. Returns how many entries that were. */
  settle(clockFloor: number): number {
    let count = 0
    for (const applied of this.#open) {
      if (applied.entry.hlc >= clockFloor) break
      count += 1
      const { author, seq } = applied.entry
      this.#finalSizes.set(author, seq + 1)
      this.#openByAuthor.get(author)?.delete(seq)
      if (applied.rejection !== null) {
        this.#rejected.set(`${author}:${seq}`, applied.rejection)
        this.#openRejected -= 1
      }
      this.#lastFinal = applied.entry
    }
    if (count > 0) this.#open = this.#open.slice(count)
    return count
  }

  /** The clock of an entry that is not final; null of any other. */
  openClockOf(author: AuthorId, seq: number): number | null {
    return this.#openByAuthor.get(author)?.get(seq)?.entry.hlc ?? null
  }

  /** Null: not inserted. */
  outcomeOf(author: AuthorId, seq: number): Outcome | null {
    if (seq < (this.#finalSizes.get(author) ?? 0)) {
      return { rejection: this.#rejected.get(`${author}:${seq}`) ?? null, isFinal: true }
    }
    const applied = this.#openByAuthor.get(author)?.get(seq)
    return applied === undefined ? null : { rejection: applied.rejection, isFinal: false }
  }

  #applyNext(entry: Entry): void {
    const rejection = this.#accounts.rejectionOf(entry.intent)
    const undo = rejection === null ? this.#accounts.apply(entry.intent) : []
    const applied = { entry, rejection, undo }
    this.#open.push(applied)
    if (rejection !== null) this.#openRejected += 1
    const byAuthor = this.#openByAuthor.get(entry.author)
    if (byAuthor === undefined)
      this.#openByAuthor.set(entry.author, new Map([[entry.seq, applied]]))
    else byAuthor.set(entry.seq, applied)
  }

  /** Takes back, newest first, everything that comes after `entry`; returns it in order. */
  #takeBackAfter(entry: Entry): Entry[] {
    const later: Entry[] = []
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (compareEntries(last.entry, entry) < 0) break
      this.#open.pop()
      this.#openByAuthor.get(last.entry.author)?.delete(last.entry.seq)
      if (last.rejection === null) this.#accounts.revert(last.entry.intent, last.undo)
      else this.#openRejected -= 1
      later.push(last.entry)
    }
    return later.toReversed()
  }
}
