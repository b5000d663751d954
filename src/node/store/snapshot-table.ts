import type { DatabaseSync } from 'node:sqlite'
import { hashBytes } from '../../merkle/index.ts'
import type { AuthorId } from '../../wire/author.ts'
import type { Frontier } from '../../wire/frontier.ts'
import type { KeptSnapshot } from '../replica/snapshot.ts'
import { corrupt } from './errors.ts'
import type { EntryTable } from './entry-table.ts'

export interface SnapshotRow {
  bytes: Uint8Array
  signature: Uint8Array
}

/** States that were kept, and the leaves of the logs as far as they reach. */
export class SnapshotTable {
  readonly #database: DatabaseSync
  readonly #entries: EntryTable

  constructor(database: DatabaseSync, entries: EntryTable) {
    this.#database = database
    this.#entries = entries
  }

  /** Keeps a snapshot, and of those before it the fewer the older they are. */
  keep({ snapshot, bytes, signature, leaves }: KeptSnapshot): void {
    for (const { author, from, hashes } of leaves) {
      const number = this.#entries.numberOf(author)
      this.#database.prepare('DELETE FROM leaves WHERE author = ? AND start >= ?').run(number, from)
      this.#database
        .prepare('INSERT INTO leaves (author, start, hashes) VALUES (?, ?, ?)')
        .run(number, from, hashes)
    }
    this.#database
      .prepare('INSERT INTO snapshot (hlc, bytes, signature) VALUES (?, ?, ?)')
      .run(snapshot.folded.last.hlc, bytes, signature)
    // Number n stays for twice as many as the largest power of two that divides it.
    this.#database.exec(
      `DELETE FROM snapshot WHERE (SELECT max(number) FROM snapshot) - number >= 2 * (number & -number)`,
    )
  }

  /** Those of this clock and later do not hold any more. */
  forgetFrom(hlc: number): void {
    this.#database.prepare('DELETE FROM snapshot WHERE hlc >= ?').run(hlc)
  }

  /** A log ends at `size` now. */
  cut(author: AuthorId, size: number): void {
    const number = this.#entries.numberOf(author)
    this.#database.prepare('DELETE FROM leaves WHERE author = ? AND start >= ?').run(number, size)
    this.#database
      .prepare(
        `UPDATE leaves SET hashes = substr(hashes, 1, (?2 - start) * ${hashBytes})
         WHERE author = ?1 AND start < ?2 AND start + length(hashes) / ${hashBytes} > ?2`,
      )
      .run(number, size)
  }

  /** The newest from before this clock; null when there is none. */
  newestBefore(hlc: number): SnapshotRow | null {
    const row = this.#database
      .prepare('SELECT bytes, signature FROM snapshot WHERE hlc < ? ORDER BY number DESC LIMIT 1')
      .get(hlc)
    return row === undefined ? null : (row as unknown as SnapshotRow)
  }

  /** The leaves of these logs, one behind the other. Throws `StoreError` when they are not all there. */
  leaves(sizes: Frontier): { author: AuthorId; leaves: Uint8Array }[] {
    return [...sizes].map(([author, size]) => {
      const rows = this.#database
        .prepare('SELECT hashes FROM leaves WHERE author = ? AND start < ? ORDER BY start')
        .all(this.#entries.numberOf(author), size)
      const all = Buffer.concat(rows.map((row) => row['hashes'] as Uint8Array))
      if (all.length < size * hashBytes) throw corrupt(`leaves of author ${author} are missing`)
      return { author, leaves: all.subarray(0, size * hashBytes) }
    })
  }
}
