import { renameSync, rmSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { corrupt, StoreError } from './errors.ts'
import { schema, STORE_FORMAT } from './schema.ts'

/** The oldest SQLite without the WAL-reset corruption bug. */
const SQLITE_MIN = [3, 51, 3] as const
/** Bytes of the smallest database there is. */
const DATABASE_BYTES_MIN = 512
/**
 * Pages of the write-ahead log, 16 MB, at which it is copied into the database. Whoever commits waits for
 * that; with SQLite's own 1000 that was one entry in two hundred.
 */
const LOG_PAGES = 4000

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const BUSY = 5
const LOCKED = 6
const CORRUPT = 11
const NOT_A_DATABASE = 26

/**
 * Opens the database for this process alone, durable at every commit. The one place that names
 * node:sqlite. Throws `StoreError`; then the file is not held.
 */
export function openDatabase(file: string): DatabaseSync {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size
  // SQLite would take the stump of a file for a new, empty database.
  if (bytes !== undefined && bytes < DATABASE_BYTES_MIN)
    throw corrupt(`${file} is no database: it has ${bytes} bytes`)
  let database: DatabaseSync | null = null
  try {
    if (bytes === undefined) createDatabase(file)
    // One process holds the file for as long as it is open: a second one on the same directory is refused.
    database = new DatabaseSync(file, { timeout: 0, allowExtension: false })
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    // Not stored in the file: a commit is on the disk before it returns.
    database.exec('PRAGMA synchronous = FULL')
    database.exec('PRAGMA foreign_keys = ON')
    database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`)
    database.exec('BEGIN EXCLUSIVE; COMMIT')
    assertVersion(database)
    assertFormat(database, file)
    return database
  } catch (error) {
    database?.close()
    throw storeErrorOf(error, file)
  }
}

/**
 * A crash on the way leaves no database rather than an empty one: so one that is empty was cut off. A
 * write-ahead log that is still there belongs to a database that is gone.
 */
function createDatabase(file: string): void {
  const draft = `${file}-new`
  for (const stale of [draft, `${draft}-journal`, `${file}-wal`, `${file}-shm`])
    rmSync(stale, { force: true })
  const database = new DatabaseSync(draft, { allowExtension: false })
  try {
    database.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT`)
  } finally {
    database.close()
  }
  renameSync(draft, file)
}

/** What went wrong, in the terms of the store. */
export function storeErrorOf(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error
  const { errcode, message } = error as Error & { errcode?: number }
  switch ((errcode ?? 0) & 0xff) {
    case BUSY:
    case LOCKED:
      return new StoreError(
        'locked',
        `${file} is in use by another process`,
        'give every node a data directory of its own',
        error,
      )
    case CORRUPT:
    case NOT_A_DATABASE:
      return corrupt(`${file} is no database: ${message}`, error)
    default:
      return new StoreError(
        'unwritable',
        `cannot open ${file}: ${message}`,
        'check that the directory exists and is writable',
        error,
      )
  }
}

function assertFormat(database: DatabaseSync, file: string): void {
  const format = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (format > STORE_FORMAT) {
    throw new StoreError(
      'newer',
      `${file} has format ${format}, this release knows ${STORE_FORMAT}`,
      'deploy a newer release',
    )
  }
  if (format === 0) throw corrupt(`${file} is no store: it is an empty database`)
}

function assertVersion(database: DatabaseSync): void {
  const text = String(database.prepare('SELECT sqlite_version() AS version').get()?.['version'])
  const parts = text.split('.').map(Number)
  const difference =
    SQLITE_MIN.map((least, index) => (parts[index] ?? 0) - least).find((one) => one !== 0) ?? 0
  if (difference < 0) {
    throw new StoreError(
      'unwritable',
      `SQLite ${text} can corrupt its log`,
      `run a Node.js with SQLite ${SQLITE_MIN.join('.')} or later`,
    )
  }
}
