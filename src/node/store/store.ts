import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { LatticeEvent } from '../../wire/api.ts'
import { INCARNATION_BYTES, type AuthorId } from '../../wire/author.ts'
import { toHex } from '../../wire/bytes.ts'
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts'
import { decodeCheckpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import type { Position, SignedEntry } from '../../wire/entry.ts'
import { EMPTY_FRONTIER, sizeAt, type Frontier } from '../../wire/frontier.ts'
import { decodeSeal, encodeSeal, type Seal } from '../../wire/seal.ts'
import { verifySignature } from '../../wire/signature.ts'
import type { Ready } from '../replica/contract.ts'
import { inOrder } from '../replica/in-order.ts'
import type { RestoredLog } from '../replica/logs.ts'
import type { EntryRow } from './audit.ts'
import { openDatabase, storeErrorOf } from './database.ts'
import { EntryTable, type Signatures } from './entry-table.ts'
import { corrupt, StoreError } from './errors.ts'
import { EventTable } from './event-table.ts'
import { inodeOf, locationOf } from './location.ts'
import { OpenMark } from './open-mark.ts'
import { SnapshotTable, type SnapshotRow } from './snapshot-table.ts'
import { TouchTable } from './touch-table.ts'

/** Pages of a database whose every page is looked at when the whole is read: a blink of an eye. */
const PAGES_CHECKED_MAX = 8192

/** What goes into one transaction. */
export interface Batch extends Pick<Ready, 'reservedClock' | 'staleSnapshotsHlc'> {
  entries: readonly SignedEntry[]
  seals: readonly Seal[]
  cuts: Ready['cuts']
  snapshots: readonly NonNullable<Ready['snapshot']>[]
  checkpoints: readonly SignedCheckpoint[]
  events: Ready['events']
}

export const emptyBatch: Batch = {
  entries: [],
  seals: [],
  cuts: [],
  snapshots: [],
  staleSnapshotsHlc: null,
  checkpoints: [],
  reservedClock: null,
  events: [],
}

/**
 * The durable side of a replica: entries, seals, snapshots, the newest checkpoints, events. The room
 * `store` owns the files of the data directory and decides nothing about what belongs in them. What
 * `commit` returned from is on the disk, whatever happens to the process or the machine afterwards; a
 * crash in the middle leaves the state before it.
 */
export class Store {
  /** Where the directory really is: SHA-256 over the running system, device and inode, 64 hex. */
  readonly location: string
  readonly #file: string
  readonly #inode: string | null
  readonly #mark: OpenMark
  readonly #database: DatabaseSync
  readonly #entries: EntryTable
  readonly #touches: TouchTable
  readonly #snapshots: SnapshotTable
  readonly #events: EventTable
  #incarnation: string
  /** Something could not be written, or is not what was written. */
  #isSuspect = false

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
    this.#mark = new OpenMark(this.#file)
    this.#database = openDatabase(this.#file)
    this.#inode = inodeOf(this.#file)
    try {
      this.#own('lattice', lattice)
      this.#own('peer', peerId)
      this.#incarnation = this.#meta('incarnation') ?? ''
      if (this.#incarnation === '') this.reincarnate()
      this.#entries = new EntryTable(this.#database)
      this.#touches = new TouchTable(this.#database, this.#entries)
      this.#snapshots = new SnapshotTable(this.#database, this.#entries)
      this.#events = new EventTable(this.#database)
    } catch (error) {
      this.#letGo()
      throw storeErrorOf(error, this.#file)
    }
  }

  /** Random id of this data directory, 16 hex. */
  get incarnation(): string {
    return this.#incarnation
  }

  /** Gives the directory another incarnation: its log has ended, and another one begins. */
  reincarnate(): void {
    this.#incarnation = toHex(randomBytes(INCARNATION_BYTES))
    this.#setMeta('incarnation', this.#incarnation)
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
      this.#entries.append(batch.entries)
      this.#touches.add(batch.entries)
      for (const snapshot of batch.snapshots) this.#snapshots.keep(snapshot)
      for (const { author, size } of batch.cuts) {
        this.#touches.cut(author, size)
        this.#entries.cut(author, size)
        this.#snapshots.cut(author, size)
      }
      if (batch.staleSnapshotsHlc !== null) this.#snapshots.forgetFrom(batch.staleSnapshotsHlc)
      for (const seal of batch.seals)
        this.#upsert('seal', seal.author, [encodeCanonical(encodeSeal(seal))])
      for (const { peerId, bytes, signature } of batch.checkpoints)
        this.#upsert('checkpoint', peerId, [bytes, signature])
      if (batch.reservedClock !== null) this.#setMeta('reserved_clock', String(batch.reservedClock))
      this.#events.append(batch.events, wallMs)
      this.#database.exec('COMMIT')
      this.#mark.make()
    } catch (error) {
      this.#rollBack()
      throw new StoreError(
        'unwritable',
        `cannot write: ${(error as Error).message}`,
        'check the disk; nothing of this was acknowledged',
        error,
      )
    }
  }

  /** Entries `[from, to)` of one author, in sequence; fewer when there are fewer. */
  entries(author: AuthorId, from: number, to: number): Generator<SignedEntry> {
    return this.#entries.range(author, from, to)
  }

  entry(author: AuthorId, seq: number): SignedEntry | null {
    return this.#entries.one(author, seq)
  }

  /** Entries that touch an account, before `before` in the one order, newest first. */
  history(account: string, before: Position | null, limit: number): Position[] {
    return this.#touches.of(account, before, limit)
  }

  /**
   * Every entry beyond `from`, in the one order, after checking that it is what was once appended: as many
   * as were committed, numbers without gaps, each `prev` the hash of the entry before, and signatures
   * (`all`, or the newest of each author). What is on the disk counts, not what this process still
   * remembers of it. Throws `StoreError` `corrupt`, naming the first entry that is not.
   */
  *audited(signatures: Signatures, from: Frontier = EMPTY_FRONTIER): Generator<SignedEntry> {
    this.#assertInPlace()
    if (this.#mark.isLogLost) throw corrupt(`the write-ahead log of ${this.#file} was lost`)
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      this.#database.exec('PRAGMA shrink_memory')
      if (from.size === 0) this.#checkPages()
      this.#entries.readAuthors()
      yield* inOrder(
        this.#entries.authors.map((author) =>
          this.#entries.audited(author, sizeAt(from, author), null, signatures),
        ),
      )
      this.#entries.assertNoStrays()
    } catch (error) {
      this.#isSuspect = true
      throw storeErrorOf(error, this.#file)
    }
  }

  /**
   * Entries from one frontier to another, in the one order, after the same checks: a state is made of them.
   * A log that is cut meanwhile ends there. Throws `StoreError` as `audited` does.
   */
  *between(from: Frontier, to: Frontier): Generator<SignedEntry> {
    try {
      yield* inOrder(
        [...to].map(([author, size]) =>
          this.#entries.audited(author, sizeAt(from, author), size, 'newest'),
        ),
      )
    } catch (error) {
      this.#isSuspect = true
      throw storeErrorOf(error, this.#file)
    }
  }

  /** The newest snapshot, from before a clock where one is given; null when there is none. */
  snapshot(beforeHlc: number = Number.MAX_SAFE_INTEGER): SnapshotRow | null {
    return this.#snapshots.newestBefore(beforeHlc)
  }

  /** No snapshot holds: the next start replays everything. */
  forgetSnapshots(): void {
    this.#snapshots.forgetFrom(0)
  }

  /** The logs up to these sizes, as they were kept with a snapshot. Throws `StoreError`. */
  logs(sizes: Frontier): RestoredLog[] {
    return this.#snapshots.leaves(sizes).map(({ author, leaves }) => {
      const last = this.#entries.one(author, sizeAt(sizes, author) - 1)
      if (last === null)
        throw corrupt(`entry ${sizeAt(sizes, author) - 1} of author ${author}: it is missing`)
      return { author, leaves, last }
    })
  }

  /** Throws `StoreError` `corrupt` for one that was changed. */
  seals(): Seal[] {
    return this.#database
      .prepare('SELECT author, bytes FROM seal')
      .all()
      .map((row) => {
        try {
          return decodeSeal(decodeCanonical(row['bytes'] as Uint8Array), verifySignature)
        } catch (error) {
          throw corrupt(`the seal of ${String(row['author'])}: ${(error as Error).message}`)
        }
      })
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
    return this.#events.since(sinceSeq, limit, wallMs)
  }

  /** The newest events, the oldest of them first. */
  newestEvents(limit: number, wallMs: number): LatticeEvent[] {
    return this.#events.newest(limit, wallMs)
  }

  get isOpen(): boolean {
    return this.#database.isOpen
  }

  close(): void {
    if (!this.#database.isOpen) return
    if (!this.#isSuspect && !this.#mark.isLogLost) {
      try {
        this.#touches.settle()
      } catch {
        // Whoever opens it next finds them.
      }
    }
    this.#letGo()
  }

  #letGo(): void {
    this.#mark.remove()
    this.#database.close()
  }

  /** Nothing of the transaction was; what is remembered is what the disk has, if it can be read. */
  #rollBack(): void {
    this.#isSuspect = true
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      // Authors that were first numbered in it are not numbered any more.
      this.#entries.readAuthors()
      this.#touches.reopen()
    } catch {
      // Why it could not be committed is what counts.
    }
  }

  /** Of a large database only what holds the entries is looked at, row by row. */
  #checkPages(): void {
    const pages = Number(this.#database.prepare('PRAGMA page_count').get()?.['page_count'])
    if (pages > PAGES_CHECKED_MAX) return
    const damage = this.#database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (damage !== 'ok') throw corrupt(`the database is damaged: ${String(damage)}`)
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

  #upsert(table: 'seal' | 'checkpoint', key: string, values: readonly Uint8Array[]): void {
    this.#database
      .prepare(`INSERT OR REPLACE INTO ${table} VALUES (${['?', ...values.map(() => '?')].join()})`)
      .run(key, ...values)
  }

  #meta(key: string): string | null {
    const row = this.#database.prepare('SELECT value FROM meta WHERE key = ?').get(key)
    return row === undefined ? null : String(row['value'])
  }

  #setMeta(key: string, value: string): void {
    this.#database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value)
  }

  /** The store belongs to one node of one lattice; another's is refused. */
  #own(key: 'lattice' | 'peer', value: string): void {
    const owner = this.#meta(key)
    if (owner === null) return this.#setMeta(key, value)
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
