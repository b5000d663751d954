import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { AuthorId } from '../../wire/author.ts'
import { compareEntries, type Entry, type Position } from '../../wire/entry.ts'
import { accountsOf } from '../../wire/intent.ts'

/** Entries that are not in the table yet, at most. */
const PENDING_MAX = 256

interface Touch extends Position {
  accounts: readonly string[]
}

/**
 * Which entries name which accounts. Rows of an account lie apart from those of another, so each would
 * cost every commit a page: entries wait in memory and go into the table many at a time, within some
 * later commit. How far each log is in the table stands beside it, and a start looks through the rest.
 */
export class TouchTable {
  readonly #database: DatabaseSync
  readonly #numberOf: (author: AuthorId) => number
  readonly #insert: StatementSync
  #pending: Touch[] = []

  constructor(database: DatabaseSync, numberOf: (author: AuthorId) => number) {
    this.#database = database
    this.#numberOf = numberOf
    this.#insert = database.prepare(
      'INSERT OR IGNORE INTO touch (account, hlc, author, seq) VALUES (?, ?, ?, ?)',
    )
  }

  /** A log is in the table as far as `size`: 0 for one that begins. */
  begin(number: number, size: number): void {
    this.#setReach(number, size)
  }

  /** How far a log is in the table; null: nobody noted it, as when every commit put its entries there. */
  reachOf(number: number): number | null {
    const row = this.#database.prepare('SELECT value FROM meta WHERE key = ?').get(reachKey(number))
    return row === undefined ? null : Number(row['value'])
  }

  /** What waited is what is waiting anew: `entries` are those that the table does not reach to. */
  wait(entries: Iterable<Entry>): void {
    this.#pending = []
    for (const entry of entries) this.add(entry)
  }

  add({ author, seq, hlc, intent }: Entry): void {
    const accounts = accountsOf(intent)
    this.#pending.push({ author, seq, hlc, accounts })
  }

  /** Within a transaction: puts what waits into the table when it is enough. */
  settle(): void {
    if (this.#pending.length < PENDING_MAX) return
    const reach = new Map<AuthorId, number>()
    const rows = this.#pending.flatMap(({ author, seq, hlc, accounts }) => {
      reach.set(author, seq + 1)
      return accounts.map((account) => ({ account, hlc, number: this.#numberOf(author), seq }))
    })
    for (const { account, hlc, number, seq } of rows) this.#insert.run(account, hlc, number, seq)
    for (const [author, size] of reach) this.#setReach(this.#numberOf(author), size)
    this.#pending = []
  }

  /** Within a transaction: a log ends at `size` now, before `entries`. */
  cut(author: AuthorId, size: number, entries: Iterable<Entry>): void {
    const number = this.#numberOf(author)
    this.#pending = this.#pending.filter((one) => one.author !== author || one.seq < size)
    const remove = this.#database.prepare(
      'DELETE FROM touch WHERE account = ? AND hlc = ? AND author = ? AND seq = ?',
    )
    for (const { hlc, seq, intent } of entries)
      for (const account of accountsOf(intent)) remove.run(account, hlc, number, seq)
    if ((this.reachOf(number) ?? 0) > size) this.#setReach(number, size)
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
    const waiting = this.#pending.filter(
      (touch) => touch.accounts.includes(account) && compareEntries(touch, last) < 0,
    )
    return [...rows, ...waiting].toSorted((a, b) => compareEntries(b, a)).slice(0, limit)
  }

  #setReach(number: number, size: number): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
      .run(reachKey(number), String(size))
  }
}

/** Behind every entry. */
const LAST: Position = { hlc: Number.MAX_SAFE_INTEGER, author: 'z', seq: 0 }

/** The key of `meta` that tells how far a log is in the table. */
const reachKey = (number: number): string => `touched:${number}`
