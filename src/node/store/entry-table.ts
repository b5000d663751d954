import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { AuthorId } from '../../wire/author.ts'
import { decodeEntry, NO_PREVIOUS, type SignedEntry } from '../../wire/entry.ts'
import { auditedEntry, type EntryRow } from './audit.ts'
import { corrupt } from './errors.ts'

/**
 * Newest entries of each author whose signatures are checked at every start. Every older one is bound
 * to them by the chain of hashes.
 */
const SIGNATURES_AT_START = 64
/** Entries that are read at a stretch. */
const ENTRIES_PER_PAGE = 256

/** Which signatures are checked when entries are read: all, or the newest of each author. */
export type Signatures = 'newest' | 'all'

/** The entries of all logs. */
export class EntryTable {
  readonly #database: DatabaseSync
  readonly #numbers = new Map<AuthorId, number>()
  readonly #insert: StatementSync
  readonly #insertAuthor: StatementSync
  readonly #upsertSize: StatementSync
  readonly #selectRange: StatementSync
  readonly #selectOne: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.readAuthors()
    this.#insert = database.prepare(
      'INSERT INTO entry (author, seq, bytes, signature) VALUES (?, ?, ?, ?)',
    )
    this.#insertAuthor = database.prepare('INSERT INTO author (author) VALUES (?) RETURNING number')
    this.#upsertSize = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
    this.#selectRange = database.prepare(
      'SELECT seq, bytes, signature FROM entry WHERE author = ? AND seq >= ? AND seq < ? ORDER BY seq',
    )
    this.#selectOne = database.prepare(
      'SELECT seq, bytes, signature FROM entry WHERE author = ? AND seq = ?',
    )
  }

  get authors(): AuthorId[] {
    return [...this.#numbers.keys()]
  }

  /** What the disk says, after a transaction that was not. */
  readAuthors(): void {
    this.#numbers.clear()
    for (const row of this.#database.prepare('SELECT number, author FROM author').all())
      this.#numbers.set(String(row['author']), Number(row['number']))
  }

  numberOf(author: AuthorId): number {
    const known = this.#numbers.get(author)
    if (known !== undefined) return known
    const number = Number(this.#insertAuthor.get(author)?.['number'])
    this.#numbers.set(author, number)
    return number
  }

  /** Appends entries, each author's in sequence. */
  append(entries: readonly SignedEntry[]): void {
    const sizes = new Map<number, number>()
    for (const { entry, bytes, signature } of entries) {
      const number = this.numberOf(entry.author)
      this.#insert.run(number, entry.seq, bytes, signature)
      sizes.set(number, entry.seq + 1)
    }
    for (const [number, size] of sizes) this.#upsertSize.run(sizeKey(number), String(size))
  }

  /** A log ends at `size` now; what lies behind is kept apart. */
  cut(author: AuthorId, size: number): void {
    const number = this.numberOf(author)
    this.#database
      .prepare('INSERT OR REPLACE INTO left_out SELECT * FROM entry WHERE author = ? AND seq >= ?')
      .run(number, size)
    this.#database.prepare('DELETE FROM entry WHERE author = ? AND seq >= ?').run(number, size)
    this.#upsertSize.run(sizeKey(number), String(size))
  }

  one(author: AuthorId, seq: number): SignedEntry | null {
    const number = this.#numbers.get(author)
    const row = number === undefined ? undefined : this.#selectOne.get(number, seq)
    if (row === undefined) return null
    const { bytes, signature } = row as unknown as EntryRow
    return decodeEntry(bytes, signature)
  }

  /** Entries `[from, to)` of one author, in sequence; fewer when there are fewer. */
  *range(author: AuthorId, from: number, to: number): Generator<SignedEntry> {
    for (const { bytes, signature } of this.#rows(author, from, to))
      yield decodeEntry(bytes, signature)
  }

  /**
   * The same, after checking that each is what was once appended: numbers without gaps, each `prev` the
   * hash of the entry before, signatures; and as many as were committed, or as are asked for. What is
   * appended after it began is left to the next reading; a log that is cut meanwhile ends there. Throws
   * `StoreError` `corrupt`, naming the first that is not.
   */
  *audited(
    author: AuthorId,
    from: number,
    to: number | null,
    signatures: Signatures,
  ): Generator<SignedEntry> {
    const number = this.numberOf(author)
    const committed = this.#committed(number)
    const uncheckedBelow = signatures === 'all' ? 0 : (to ?? committed ?? 0) - SIGNATURES_AT_START
    let seq = from
    let prev = from === 0 ? NO_PREVIOUS : (this.one(author, from - 1)?.id ?? '')
    const found = to === null ? this.#endIfReadable(author) : { end: to }
    const end = Math.max(found.end, to ?? committed ?? 0)
    for (const row of this.#rows(author, from, end)) {
      const signed = auditedEntry(row, { author, seq, prev }, seq >= uncheckedBelow)
      seq += 1
      prev = signed.id
      yield signed
    }
    if (found.error !== undefined) throw found.error
    // The end of a log cannot be missed by what is left of it, so it is noted beside it.
    const size = to === null ? (committed ?? seq) : Math.min(to, this.#committed(number) ?? to)
    if (to === null ? seq !== size : seq < size)
      throw corrupt(`author ${author}: only ${seq} of ${size} entries are there`)
  }

  /** Every entry that there is, and every one that was committed, has its author. Throws `StoreError`. */
  assertNoStrays(): void {
    const numbers = new Set(this.#numbers.values())
    const next = this.#database.prepare('SELECT min(author) AS author FROM entry WHERE author > ?')
    let number = Number.MIN_SAFE_INTEGER
    for (;;) {
      const found = next.get(number)?.['author'] ?? null
      if (found === null) break
      number = Number(found)
      if (!numbers.has(number)) throw corrupt('an author is missing')
    }
    for (const { key } of this.#database
      .prepare(`SELECT key FROM meta WHERE key LIKE 'size:%'`)
      .iterate()) {
      if (!numbers.has(Number(String(key).slice(SIZE_PREFIX.length))))
        throw corrupt('an author is missing')
    }
  }

  *#rows(author: AuthorId, from: number, to: number): Generator<EntryRow> {
    const number = this.#numbers.get(author)
    if (number === undefined) return
    for (let start = from; start < to;) {
      const end = Math.min(start + ENTRIES_PER_PAGE, to)
      const rows = this.#selectRange.all(number, start, end) as unknown as EntryRow[]
      yield* rows
      // A gap is for who audits to tell: what lies behind it is read on.
      const isPageWhole = rows.length === end - start
      start = isPageWhole ? end : this.#nextFrom(number, end)
    }
  }

  /** The smallest number from `seq` on that an entry has; beyond all when there is none. */
  #nextFrom(number: number, seq: number): number {
    const row = this.#database
      .prepare('SELECT min(seq) AS seq FROM entry WHERE author = ? AND seq >= ?')
      .get(number, seq)
    return Number(row?.['seq'] ?? Number.MAX_SAFE_INTEGER)
  }

  /** One more than the largest number that an entry of the log has; 0 when there is none. */
  endOf(author: AuthorId): number {
    const row = this.#database
      .prepare('SELECT max(seq) + 1 AS size FROM entry WHERE author = ?')
      .get(this.numberOf(author))
    return Number(row?.['size'] ?? 0)
  }

  /** A newest entry that cannot be read hides none of those before it. */
  #endIfReadable(author: AuthorId): { end: number; error?: Error } {
    try {
      return { end: this.endOf(author) }
    } catch (error) {
      return { end: 0, error: error as Error }
    }
  }

  #committed(number: number): number | null {
    const row = this.#database.prepare('SELECT value FROM meta WHERE key = ?').get(sizeKey(number))
    return row === undefined ? null : Number(row['value'])
  }
}

const SIZE_PREFIX = 'size:'

/** The key of `meta` that tells how many entries of an author were committed. */
const sizeKey = (number: number): string => `${SIZE_PREFIX}${number}`
