import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { decodeCanonical } from '../../wire/cbor.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import { decodeSeal, type Seal } from '../../wire/seal.ts'
import { verifySignature } from '../../wire/signature.ts'
import { openDatabase } from './database.ts'
import { EntryTable } from './entry-table.ts'

const FILE = 'ledger.sqlite'
const PARTS = ['', '-wal', '-shm'] as const

/**
 * Moves the database of a directory aside, so that a new one can be begun there; nothing is deleted.
 * Returns where it is now. Throws what the file system throws.
 */
export function setAside(directory: string): string {
  let number = 1
  while (existsSync(join(directory, `damaged-${number}-${FILE}`))) number += 1
  const aside = join(directory, `damaged-${number}-${FILE}`)
  for (const part of PARTS) {
    const file = join(directory, `${FILE}${part}`)
    if (existsSync(file)) renameSync(file, `${aside}${part}`)
  }
  return aside
}

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
