import { existsSync, linkSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { decodeCanonical } from '../../wire/cbor.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import { decodeSeal, type Seal } from '../../wire/seal.ts'
import { verifySignature } from '../../wire/signature.ts'
import { openDatabase } from './database.ts'
import { EntryTable } from './entry-table.ts'
import { markOf } from './open-mark.ts'

const FILE = 'ledger.sqlite'
const NEW_DIRECTORY = 'repairing'

/** Where a store is filled that is to take the place of the one in `directory`; empty. */
export function newDirectoryIn(directory: string): string {
  const path = join(directory, NEW_DIRECTORY)
  rmSync(path, { recursive: true, force: true })
  return path
}

/**
 * Puts the database of `newDirectory` in the place of the one in `directory`, which is kept under another
 * name; both are closed. At no moment is there none. Returns where the old one is now.
 */
export function exchange(directory: string, newDirectory: string): string {
  let number = 1
  while (existsSync(join(directory, `damaged-${number}-${FILE}`))) number += 1
  const file = join(directory, FILE)
  const aside = join(directory, `damaged-${number}-${FILE}`)
  linkSync(file, aside)
  for (const part of ['-wal', '-shm'])
    if (existsSync(`${file}${part}`)) renameSync(`${file}${part}`, `${aside}${part}`)
  renameSync(join(newDirectory, FILE), file)
  rmSync(markOf(file), { force: true })
  rmSync(newDirectory, { recursive: true, force: true })
  return aside
}

/** The database of a directory. */
export const fileIn = (directory: string): string => join(directory, FILE)

/** What can be told of a damaged database: of each log as much as is sound from its beginning on. */
export function* salvage(file: string): Generator<{ seals: Seal[] } | { entry: SignedEntry }> {
  let database: DatabaseSync
  try {
    database = openDatabase(file)
  } catch {
    return
  }
  try {
    yield { seals: soundSeals(database) }
    for (const entry of soundEntries(database)) yield { entry }
  } finally {
    database.close()
  }
}

function* soundEntries(database: DatabaseSync): Generator<SignedEntry> {
  let table: EntryTable
  try {
    table = new EntryTable(database)
  } catch {
    return
  }
  for (const author of table.authors) {
    try {
      yield* table.audited(author, 0, null, 'all')
    } catch {
      // The rest of this log is for the peers to bring.
    }
  }
}

function soundSeals(database: DatabaseSync): Seal[] {
  try {
    return database
      .prepare('SELECT bytes FROM seal')
      .all()
      .flatMap(({ bytes }) => {
        try {
          return [decodeSeal(decodeCanonical(bytes as Uint8Array), verifySignature)]
        } catch {
          return []
        }
      })
  } catch {
    return []
  }
}
