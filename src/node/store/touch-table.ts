import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { AuthorId } from '../../wire/author.ts'
import { compareEntries, type Position, type SignedEntry } from '../../wire/entry.ts'
import { accountsOf } from '../../wire/intent.ts'
import type { EntryTable } from './entry-table.ts'

/** So many entries go into the table together. */
const ENTRIES_TOGETHER = 256

interface Touch extends Position {
  accounts: readonly string[]
}

/**
 * Which entries name which accounts. Rows of an account lie apart from those of another, so each would
 * cost every commit a page: entries wait in memory and go into the table many at a time, within some
 * later commit. How far each log is in the table stands beside it, and whoever opens it looks through the
 * rest.
 */
export class TouchTable {
  readonly #database: DatabaseSync
  readonly #entries: EntryTable
  readonly #insert: StatementSync
  readonly #selectReach: StatementSync
  readonly #upsertReach: StatementSync
  /** Some of these may be in the table all the same, put there by a release that notes no reach. */
  #waiting: Touch[] = []

  constructor(database: DatabaseSync, entries: EntryTable) {
    this.#database = database
    this.#entries = entries
    this.#insert = database.prepare(
      'INSERT OR IGNORE INTO touch (account, hlc, author, seq) VALUES (?, ?, ?, ?)',
    )
    this.#selectReach = database.prepare('SELECT value FROM meta WHERE key = ?')
    this.#upsertReach = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
    if (this.#selectReach.get(IS_NOTED) === undefined) this.#transact(() => this.#adopt())
    this.reopen()
  }

  /** What waits is found anew, as the disk has it. */
  reopen(): void {
    this.#waiting = []
    for (const author of this.#entries.authors) {
      for (const signed of this.#beyondReach(author)) {
        this.#wait(signed)
        if (this.#waiting.length >= ENTRIES_TOGETHER) this.settle()
      }
    }
  }

  /** Within the transaction that appends them. */
  add(entries: readonly SignedEntry[]): void {
    for (const signed of entries) this.#wait(signed)
    if (this.#waiting.length >= ENTRIES_TOGETHER) this.#putAll()
  }

  /** Puts all that waits into the table. */
  settle(): void {
    if (this.#waiting.length > 0) this.#transact(() => this.#putAll())
  }

  /** Within a transaction, before the entries are gone: a log ends at `size` now. */
  cut(author: AuthorId, size: number): void {
    this.#waiting = this.#waiting.filter((one) => one.author !== author || one.seq < size)
    const number = this.#entries.numberOf(author)
    const remove = this.#database.prepare(
      'DELETE FROM touch WHERE account = ? AND hlc = ? AND author = ? AND seq = ?',
    )
    for (const { entry } of this.#entries.range(author, size, Number.MAX_SAFE_INTEGER))
      for (const account of accountsOf(entry.intent))
        remove.run(account, entry.hlc, number, entry.seq)
    if (this.#reachOf(author) > size) this.#noteReach(author, size)
  }

  /** Entries that name an account, before `before` in the one order, newest first. */
  of(account: string, before: Position | null, limit: number): Position[] {
    const last = before ?? LAST
    const rows = this.#database
      .prepare(
        `SELECT author.author AS author, touch.seq AS seq, touch.hlc AS hlc
         FROM touch JOIN author ON author.number = touch.author
         WHERE touch.account = ?1 AND touch.hlc <= ?2
         AND (touch.hlc < ?2 OR author.author < ?3 OR (author.author = ?3 AND touch.seq < ?4))
         ORDER BY touch.hlc DESC, author.author DESC, touch.seq DESC LIMIT ?5`,
      )
      .all(account, last.hlc, last.author, last.seq, limit) as unknown as Position[]
    const told = new Set(rows.map(placeOf))
    const waiting = this.#waiting.filter(
      (touch) =>
        touch.accounts.includes(account) &&
        compareEntries(touch, last) < 0 &&
        !told.has(placeOf(touch)),
    )
    return [...rows, ...waiting].toSorted((a, b) => compareEntries(b, a)).slice(0, limit)
  }

  #wait({ entry: { author, seq, hlc, intent } }: SignedEntry): void {
    this.#waiting.push({ author, seq, hlc, accounts: accountsOf(intent) })
  }

  #putAll(): void {
    const reach = new Map<AuthorId, number>()
    for (const { author, seq, hlc, accounts } of this.#waiting) {
      reach.set(author, seq + 1)
      const number = this.#entries.numberOf(author)
      for (const account of accounts) this.#insert.run(account, hlc, number, seq)
    }
    for (const [author, size] of reach) this.#noteReach(author, size)
    this.#waiting = []
  }

  /** Of a directory in which every commit put its own entries here. */
  #adopt(): void {
    for (const author of this.#entries.authors) this.#noteReach(author, this.#entries.endOf(author))
    this.#upsertReach.run(IS_NOTED, 'yes')
  }

  /**
   * Entries that the table does not reach to, up to the first that cannot be read or is not where it
   * belongs: that is for an audit to tell.
   */
  *#beyondReach(author: AuthorId): Generator<SignedEntry> {
    let seq = this.#reachOf(author)
    try {
      for (const signed of this.#entries.range(author, seq, this.#entries.endOf(author))) {
        if (signed.entry.author !== author || signed.entry.seq !== seq++) return
        yield signed
      }
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_SQLITE_ERROR') throw error
    }
  }

  /** How far a log is in the table; 0, too, when that is not known: what is there already does no harm. */
  #reachOf(author: AuthorId): number {
    const row = this.#selectReach.get(reachKey(this.#entries.numberOf(author)))
    const reach = Number(row?.['value'] ?? 0)
    const isPossible =
      Number.isSafeInteger(reach) && reach >= 0 && reach <= this.#entries.endOf(author)
    return isPossible ? reach : 0
  }

  #noteReach(author: AuthorId, size: number): void {
    this.#upsertReach.run(reachKey(this.#entries.numberOf(author)), String(size))
  }

  #transact(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

/** Behind every entry. */
const LAST: Position = { hlc: Number.MAX_SAFE_INTEGER, author: 'z', seq: 0 }

const placeOf = ({ author, seq }: Position): string => `${author}:${seq}`

/** Keys of `meta`: whether reaches are noted at all, and how far a log is in the table. */
const IS_NOTED = 'touched'
const reachKey = (number: number): string => `touched:${number}`
