import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { chainOf, keyOf, makeLattice } from '../../../test/simulation/members.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import { Store } from './store.ts'

export { emptyBatch } from './store.ts'

/** For the tests of this room: real files in a directory of their own. */
export const lattice = makeLattice(3, { isReal: true })
export const peerId = keyOf(lattice, 0).peerId

/** Entries of member `index`, one microsecond apart. */
export const entriesOf = (index: number, count: number, options = {}): SignedEntry[] =>
  chainOf(
    lattice,
    index,
    Array.from({ length: count }, (_, seq) => [seq + 1, { kind: 'noop', note: `${seq}` }] as const),
    options,
  )

export class Directory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'aethel-store-'))
  readonly file = join(this.path, 'ledger.sqlite')
  readonly #open: Store[] = []

  store(owner = peerId): Store {
    const store = new Store(this.path, lattice.id, owner)
    this.#open.push(store)
    return store
  }

  /** Behind the store's back, as an operator with a SQLite shell would. */
  edit(...statements: string[]): void {
    const database = new DatabaseSync(this.file, { enableForeignKeyConstraints: false })
    for (const statement of statements) database.exec(statement)
    // Nothing stays in the write-ahead log.
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    database.close()
  }

  [Symbol.dispose](): void {
    for (const store of this.#open) store.close()
    rmSync(this.path, { recursive: true, force: true })
  }
}
