import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { LatticeEvent } from '../../wire/api.ts'
import { INCARNATION_BYTES, type AuthorId } from '../../wire/author.ts'
import { toHex } from '../../wire/bytes.ts'
import { decodeCheckpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import { decodeEntry, NO_PREVIOUS, type SignedEntry } from '../../wire/entry.ts'
import { verifySignature } from '../../wire/signature.ts'
import type { EventDraft } from '../replica/contract.ts'
import { auditedEntry, type EntryRow } from './audit.ts'
import { openDatabase, storeErrorOf } from './database.ts'
import { corrupt, StoreError } from './errors.ts'
import { inodeOf, locationOf } from './location.ts'

/**
 * Newest entries of each author whose signatures are checked at every start. Every older one is bound
 * to them by the chain of hashes, which is checked whole.
 */
const SIGNATURES_AT_START = 64
/** Entries that are read and checked at a stretch: a few tens of milliseconds. */
const ENTRIES_PER_PAGE = 256
/** Events that are kept. */
const EVENTS_MAX = 10_000

export interface Batch {
  entries: readonly SignedEntry[]
  checkpoints: readonly SignedCheckpoint[]
  evidence: readonly SignedEntry[]
  reservedClock: number | null
  events: readonly EventDraft[]
}

/**
 * The durable side of a replica: entries, the newest checkpoints, events. The room `store` owns the
 * files of the data directory and decides nothing about what belongs in them. What `commit` returned
 * from is on the disk, whatever happens to the process or the machine afterwards; a crash in the middle
 * leaves the state before it.
 */
export class Store {
  /** Random id of this data directory, 16 hex. */
  readonly incarnation: string
  /** Where the directory really is: SHA-256 over the running system, device and inode, 64 hex. */
  readonly location: string
  readonly #file: string
  readonly #inode: string | null
  readonly #database: DatabaseSync
  readonly #authors = new Map<AuthorId, number>()
  readonly #upsertMeta: StatementSync
  readonly #insertEntry: StatementSync
  readonly #insertEvent: StatementSync
  readonly #selectRange: StatementSync
  readonly #selectOne: StatementSync
  readonly #selectFrom: StatementSync

  /** Opens or creates the store of one node. Throws `StoreError`. `lattice` and `peerId` must be its own. */
  constructor(directory: string, lattice: string, peerId: string) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new StoreError(
        'unwritable',
        `cannot make ${directory}: ${(error as Error).message}`,
        'check its parent and its owner',
        error,
      )
    }
    this.location = locationOf(directory)
    this.#file = join(directory, 'ledger.sqlite')
    this.#database = openDatabase(this.#file)
    this.#inode = inodeOf(this.#file)
    try {
      this.#upsertMeta = this.#database.prepare(
        'INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)',
      )
      this.#own('lattice', lattice)
      this.#own('peer', peerId)
      this.incarnation =
        this.#meta('incarnation') ??
        this.#setMeta('incarnation', toHex(randomBytes(INCARNATION_BYTES)))
      this.#readAuthors()
      this.#insertEntry = this.#database.prepare(
        'INSERT INTO entry (author, seq, bytes, signature) VALUES (?, ?, ?, ?)',
      )
      this.#insertEvent = this.#database.prepare(
        'INSERT INTO event (kind, message, data, at_ms) VALUES (?, ?, ?, ?)',
      )
      this.#selectRange = this.#database.prepare(
        'SELECT seq, bytes, signature FROM entry WHERE author = ? AND seq >= ? AND seq < ? ORDER BY seq',
      )
      this.#selectFrom = this.#database.prepare(
        'SELECT seq, bytes, signature FROM entry WHERE author = ? AND seq >= ? ORDER BY seq LIMIT ?',
      )
      this.#selectOne = this.#database.prepare(
        'SELECT bytes, signature FROM entry WHERE author = ? AND seq = ?',
      )
    } catch (error) {
      this.close()
      throw storeErrorOf(error, this.#file)
    }
  }

  /** The clock up to which promises may have been made, microseconds. */
  get reservedClock(): number {
    return Number(this.#meta('reserved_clock') ?? 0)
  }

  /** One transaction, on the disk when this returns. Throws when it is not; then nothing of it is. */
  commit(batch: Batch, wallMs: number): void {
    this.#assertInPlace()
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      this.#insertEntries(batch.entries)
      for (const { peerId, bytes, signature } of batch.checkpoints) {
        this.#database
          .prepare('INSERT OR REPLACE INTO checkpoint (peer, bytes, signature) VALUES (?, ?, ?)')
          .run(peerId, bytes, signature)
      }
      for (const { id, bytes, signature } of batch.evidence) {
        this.#database
          .prepare('INSERT OR IGNORE INTO evidence (id, bytes, signature) VALUES (?, ?, ?)')
          .run(id, bytes, signature)
      }
      if (batch.reservedClock !== null) this.#setMeta('reserved_clock', String(batch.reservedClock))
      for (const { kind, message, data } of batch.events)
        this.#insertEvent.run(kind, message, JSON.stringify(data), wallMs)
      if (batch.events.length > 0) {
        this.#database
          .prepare('DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?')
          .run(EVENTS_MAX)
      }
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      // Authors that were first numbered in it are not numbered any more.
      this.#readAuthors()
      throw new StoreError(
        'unwritable',
        `cannot write: ${(error as Error).message}`,
        'check the disk; nothing of this was acknowledged',
        error,
      )
    }
  }

  /** Entries `[from, to)` of one author, in sequence; fewer when there are fewer. */
  *entries(author: AuthorId, from: number, to: number): Generator<SignedEntry> {
    const number = this.#authors.get(author)
    if (number === undefined) return
    for (const row of this.#selectRange.all(number, from, to)) {
      const { bytes, signature } = row as unknown as EntryRow
      yield decodeEntry(bytes, signature)
    }
  }

  entry(author: AuthorId, seq: number): SignedEntry | null {
    const number = this.#authors.get(author)
    const row = number === undefined ? undefined : this.#selectOne.get(number, seq)
    if (row === undefined) return null
    const { bytes, signature } = row as unknown as EntryRow
    return decodeEntry(bytes, signature)
  }

  /**
   * Every entry, each author's in sequence, after checking that it is what was once appended: as many as
   * were committed, numbers without gaps, each `prev` the hash of the entry before, and signatures (`all`,
   * or the newest of each author). Throws `StoreError` `corrupt`, naming the first entry that is not.
   */
  load(signatures: 'newest' | 'all'): SignedEntry[] {
    return [...this.pages(signatures)].flat()
  }

  /** The same, piece by piece, so that a long reading can leave the process time in between. */
  *pages(signatures: 'newest' | 'all'): Generator<SignedEntry[]> {
    this.#assertInPlace()
    try {
      this.#forgetPages()
      const damage = this.#database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
      if (damage !== 'ok') throw corrupt(`the database is damaged: ${String(damage)}`)
      this.#readAuthors()
      const authors = [...this.#authors.keys()]
      for (const author of authors) yield* this.#pagesOf(author, signatures)
      this.#assertNoStrays()
    } catch (error) {
      throw storeErrorOf(error, this.#file)
    }
  }

  *#pagesOf(author: AuthorId, signatures: 'newest' | 'all'): Generator<SignedEntry[]> {
    const number = this.#numberOf(author)
    const last = this.#database
      .prepare('SELECT max(seq) AS seq FROM entry WHERE author = ?')
      .get(number)
    const uncheckedBelow =
      signatures === 'all' ? 0 : Number(last?.['seq'] ?? 0) - SIGNATURES_AT_START
    let seq = 0
    let prev = NO_PREVIOUS
    for (;;) {
      const rows = this.#selectFrom.all(number, seq, ENTRIES_PER_PAGE)
      if (rows.length === 0) return this.#assertSize(author, number, seq)
      const page = rows.map((row) => {
        const signed = auditedEntry(
          row as unknown as EntryRow,
          { author, seq, prev },
          seq >= uncheckedBelow,
        )
        seq += 1
        prev = signed.id
        return signed
      })
      yield page
    }
  }

  /** The end of a log cannot be missed by what is left of it, so it is noted beside it. */
  #assertSize(author: AuthorId, number: number, size: number): void {
    const committed = Number(this.#meta(sizeKey(number)) ?? size)
    if (size !== committed)
      throw corrupt(`author ${author}: only ${size} of ${committed} entries are there`)
  }

  /** Every entry that there is, and every one that was committed, has its author. */
  #assertNoStrays(): void {
    const strays = this.#database
      .prepare(
        `SELECT (SELECT count(*) FROM entry WHERE author NOT IN (SELECT number FROM author)) +
                (SELECT count(*) FROM meta WHERE key LIKE 'size:%'
                 AND CAST(substr(key, 6) AS INTEGER) NOT IN (SELECT number FROM author)) AS strays`,
      )
      .get()
    if (strays?.['strays'] !== 0) throw corrupt('an author is missing')
  }

  /** A file that was removed can still be written and read by who has it open, and is gone at the end. */
  #assertInPlace(): void {
    if (this.#inode !== null && inodeOf(this.#file) === this.#inode) return
    throw new StoreError(
      'corrupt',
      `${this.#file} was removed or replaced while the node runs`,
      'put it back and restart the node; without it, it fetches everything from its peers',
    )
  }

  /** What is on the disk counts, not what this process still remembers of it. */
  #forgetPages(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    this.#database.exec('PRAGMA shrink_memory')
  }

  /** The newest of each peer. Throws `StoreError` `corrupt` for one that was changed. */
  checkpoints(): SignedCheckpoint[] {
    return this.#database
      .prepare('SELECT peer, bytes, signature FROM checkpoint')
      .all()
      .map((row) => {
        const { bytes, signature } = row as unknown as EntryRow
        try {
          return decodeCheckpoint(bytes, signature, verifySignature)
        } catch (error) {
          throw corrupt(`the checkpoint of ${String(row['peer'])}: ${(error as Error).message}`)
        }
      })
  }

  /** Events after `sinceSeq`, oldest first; ages are counted from `wallMs`. */
  events(sinceSeq: number, limit: number, wallMs: number): LatticeEvent[] {
    return this.#database
      .prepare(
        'SELECT seq, kind, message, data, at_ms FROM event WHERE seq > ? ORDER BY seq LIMIT ?',
      )
      .all(sinceSeq, limit)
      .map((row) => ({
        seq: Number(row['seq']),
        kind: row['kind'] as LatticeEvent['kind'],
        message: String(row['message']),
        data: JSON.parse(String(row['data'])) as LatticeEvent['data'],
        age_ms: Math.max(0, wallMs - Number(row['at_ms'])),
        at: new Date(Number(row['at_ms'])).toISOString(),
      }))
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #insertEntries(entries: readonly SignedEntry[]): void {
    const sizes = new Map<number, number>()
    for (const { entry, bytes, signature } of entries) {
      const number = this.#numberOf(entry.author)
      this.#insertEntry.run(number, entry.seq, bytes, signature)
      sizes.set(number, entry.seq + 1)
    }
    for (const [number, size] of sizes) this.#setMeta(sizeKey(number), String(size))
  }

  #readAuthors(): void {
    this.#authors.clear()
    for (const row of this.#database.prepare('SELECT number, author FROM author').all())
      this.#authors.set(String(row['author']), Number(row['number']))
  }

  #numberOf(author: AuthorId): number {
    const known = this.#authors.get(author)
    if (known !== undefined) return known
    this.#database.prepare('INSERT OR IGNORE INTO author (author) VALUES (?)').run(author)
    const number = Number(
      this.#database.prepare('SELECT number FROM author WHERE author = ?').get(author)?.['number'],
    )
    this.#authors.set(author, number)
    return number
  }

  #meta(key: string): string | null {
    const row = this.#database.prepare('SELECT value FROM meta WHERE key = ?').get(key)
    return row === undefined ? null : String(row['value'])
  }

  #setMeta(key: string, value: string): string {
    this.#upsertMeta.run(key, value)
    return value
  }

  /** The store belongs to one node of one lattice; another's is refused. */
  #own(key: 'lattice' | 'peer', value: string): void {
    const owner = this.#meta(key) ?? this.#setMeta(key, value)
    if (owner === value) return
    throw new StoreError(
      'foreign',
      `the data directory belongs to another ${key === 'peer' ? 'node' : 'lattice'} (${owner}), not to ${value}`,
      key === 'peer'
        ? 'give every node a data directory of its own'
        : 'name or genesis were changed: use a new data directory, or change them back',
    )
  }
}

/** The key of `meta` that tells how many entries of an author were committed. */
const sizeKey = (number: number): string => `size:${number}`
