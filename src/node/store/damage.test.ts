import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorOf, keyOf } from '../../../test/simulation/members.ts'
import { encodeEntry, signEntry, type SignedEntry } from '../../wire/entry.ts'
import { EMPTY_FRONTIER } from '../../wire/frontier.ts'
import { StoreError } from './errors.ts'
import { exchange, newDirectoryIn } from './salvage.ts'
import { Store } from './store.ts'
import { Directory, emptyBatch, entriesOf, lattice } from './store.fixture.ts'

const ours = entriesOf(0, 6)
const theirs = entriesOf(1, 6)
const at = (index: number): SignedEntry => ours[index] as SignedEntry
const hex = (bytes: Uint8Array): string => `X'${Buffer.from(bytes).toString('hex')}'`

let directory: Directory
beforeEach(() => {
  directory = new Directory()
  const store = directory.store()
  store.commit({ ...emptyBatch, entries: [...ours, ...theirs] }, 1)
  store.close()
})
afterEach(() => directory[Symbol.dispose]())

/** What opening and loading the store comes to. */
function found(): string {
  try {
    const store = directory.store()
    try {
      return `${[...store.audited('all')].length} entries`
    } finally {
      store.close()
    }
  } catch (error) {
    if (error instanceof StoreError) return `${error.code}: ${error.message}; ${error.hint}`
    throw error
  }
}

const where = (seq: number): string =>
  `WHERE seq = ${seq} AND author = (SELECT number FROM author WHERE author = '${authorOf(lattice, 0)}')`
const changed = (index: number, note: string): SignedEntry =>
  signEntry({ ...at(index).entry, intent: { kind: 'noop', note } }, keyOf(lattice, 0).sign)

it('an undamaged store is whole', () => {
  expect(found()).toBe('12 entries')
})

describe('what a state is made of', () => {
  const frontier = new Map([
    [authorOf(lattice, 0), 6],
    [authorOf(lattice, 1), 6],
  ])
  const read = (): SignedEntry[] => [...directory.store().between(EMPTY_FRONTIER, frontier)]

  it('is looked at as it is read', () => {
    expect(read()).toHaveLength(12)
  })

  it.each([
    ['misses one', `seq = 3`, /entry 3 of .* missing/],
    ['ends too early', `seq > 2`, /only 3 of 6 entries are there/],
  ])('is nothing when a log %s', (_, which, problem) => {
    directory.edit(`DELETE FROM entry WHERE ${which}`)
    expect(read).toThrow(problem)
  })

  it('ends where a log is cut meanwhile', () => {
    const store = directory.store()
    const reading = store.between(EMPTY_FRONTIER, frontier)
    const first = reading.next()
    store.commit({ ...emptyBatch, cuts: [{ author: authorOf(lattice, 0), size: 2 }] }, 1)
    expect(first.done).toBe(false)
    expect(() => [...reading]).not.toThrow()
    expect([...store.between(EMPTY_FRONTIER, frontier)]).toHaveLength(2 + 6)
  })
})

describe('load finds', () => {
  const forged = encodeEntry({ ...at(3).entry, intent: { kind: 'noop', note: 'forged' } })
  const edits: [string, string, RegExp][] = [
    [
      'an entry that was edited',
      `UPDATE entry SET bytes = ${hex(forged)} ${where(3)}`,
      /entry 3 of author .* signature does not fit/,
    ],
    [
      'an entry that its own author signed anew',
      `UPDATE entry SET bytes = ${hex(changed(3, 'x').bytes)}, signature = ${hex(changed(3, 'x').signature)} ${where(3)}`,
      /entry 4 of author .* the entry before it was changed/,
    ],
    [
      'an entry that is no entry',
      `UPDATE entry SET bytes = X'00' ${where(3)}`,
      /entry 3 of author/,
    ],
    ['an entry that is nothing', `UPDATE entry SET bytes = X'' ${where(3)}`, /entry 3 of author/],
    ['an entry that was removed', `DELETE FROM entry ${where(3)}`, /entry 3 of author .* missing/],
    ['the first entry removed', `DELETE FROM entry ${where(0)}`, /entry 0 of author .* missing/],
    ['the last entry removed', `DELETE FROM entry ${where(5)}`, /author .* only 5 of 6 entries/],
    [
      'all of an author removed',
      `DELETE FROM entry WHERE author = 1`,
      /author .* only 0 of 6 entries/,
    ],
    ['an author removed', `DELETE FROM author WHERE number = 1`, /an author is missing/],
    [
      'an author and its entries removed',
      `DELETE FROM entry WHERE author = 1; DELETE FROM author WHERE number = 1`,
      /an author is missing/,
    ],
    [
      'an author renamed',
      `UPDATE author SET author = '${authorOf(lattice, 2)}' WHERE number = 1`,
      /belongs elsewhere/,
    ],
    [
      'two authors exchanged',
      `UPDATE entry SET author = author + 10; UPDATE entry SET author = 13 - author`,
      /belongs elsewhere/,
    ],
    [
      'a signature that was changed',
      `UPDATE entry SET signature = ${hex(at(2).signature)} ${where(3)}`,
      /entry 3 of author .* signature does not fit/,
    ],
    [
      'a signature that is too short',
      `UPDATE entry SET signature = X'00' ${where(3)}`,
      /entry 3 of author/,
    ],
    [
      'an entry in the place of another',
      `UPDATE entry SET seq = 9 ${where(5)}`,
      /entry 5 of author .* missing/,
    ],
    [
      'an entry twice',
      `INSERT INTO entry SELECT author, 6, bytes, signature FROM entry ${where(5)}`,
      /entry 6 of author .* belongs elsewhere/,
    ],
  ]
  it.each(edits)('%s', (_name, statement, message) => {
    directory.edit(statement)
    expect(found()).toMatch(/^corrupt: .*; have it repaired/)
    expect(found()).toMatch(message)
  })

  it('a signature that was changed among old entries, when all are checked', () => {
    using big = new Directory()
    const store = big.store()
    store.commit({ ...emptyBatch, entries: entriesOf(0, 2100) }, 1)
    store.close()
    big.edit(`UPDATE entry SET signature = ${hex(at(0).signature)} ${where(10)}`)
    const again = big.store()
    // The bytes are still what was signed: that is not looked at anew at every start.
    expect([...again.audited('newest')]).toHaveLength(2100)
    expect(() => [...again.audited('all')]).toThrow(/entry 10 of author/)
  })

  it('a flipped byte anywhere in an entry, also while the store is open', () => {
    const store = directory.store()
    expect([...store.audited('all')]).toHaveLength(12)
    const file = readFileSync(directory.file)
    const place = file.indexOf(Buffer.from(at(2).bytes))
    expect(place).toBeGreaterThan(0)
    const handle = openSync(directory.file, 'r+')
    writeSync(handle, Buffer.of((file[place + 60] ?? 0) ^ 1), 0, 1, place + 60)
    closeSync(handle)
    expect(() => [...store.audited('all')]).toThrow(StoreError)
    store.close()
    expect(found()).toMatch(/^corrupt: entry [23] of author/)
  })

  it('a page that was overwritten', () => {
    const file = readFileSync(directory.file)
    for (let page = 4096; page < file.length; page += 4096) {
      const damaged = Buffer.from(file)
      damaged.fill(0x5a, page, page + 4096)
      writeFileSync(directory.file, damaged)
      expect(found(), `page at ${page}`).toMatch(/^corrupt: /)
    }
    writeFileSync(directory.file, file)
    expect(found()).toBe('12 entries')
  })

  it('a file that was cut off', () => {
    const file = readFileSync(directory.file)
    for (const length of [0, 1, 100, 511, 512, 4096, 8192, file.length - 4096]) {
      writeFileSync(directory.file, file)
      truncateSync(directory.file, length)
      expect(found(), `${length} bytes`).toMatch(/^corrupt: /)
    }
  })

  it('a file that is no database', () => {
    writeFileSync(
      directory.file,
      'this is not a database, and it is long enough to be read as one.'.repeat(20),
    )
    expect(found()).toMatch(/^corrupt: .* is no database/)
  })

  it('a checkpoint that was changed', () => {
    directory.edit(`INSERT INTO checkpoint (peer, bytes, signature) VALUES ('x', X'00', X'00')`)
    expect(() => directory.store().checkpoints()).toThrow(
      expect.objectContaining({ name: 'StoreError', code: 'corrupt' }),
    )
  })
})

describe('a write-ahead log that was taken away', () => {
  const log = (): string => `${directory.file}-wal`
  /** A process that writes and is killed: the log is not folded into the database. */
  const killed = (): void => {
    const script = join(directory.path, 'killed.ts')
    const moduleOf = (path: string): string => pathToFileURL(join(import.meta.dirname, path)).href
    writeFileSync(
      script,
      `import { emptyBatch, Store } from '${moduleOf('store.ts')}'
       import { entriesOf, lattice, peerId } from '${moduleOf('store.fixture.ts')}'
       const store = new Store(process.argv[2], lattice.id, peerId)
       store.commit({ ...emptyBatch, entries: entriesOf(2, 3) }, 1)
       process.kill(process.pid, 'SIGKILL')`,
    )
    const run = spawnSync(process.execPath, [script, directory.path], { encoding: 'utf8' })
    expect(run.signal).toBe('SIGKILL')
  }

  it('is missed at every start, until the store is repaired', () => {
    killed()
    rmSync(log())
    expect(found()).toMatch(/^corrupt: the write-ahead log .* was lost/)
    expect(found()).toMatch(/^corrupt: the write-ahead log .* was lost/)
    const fresh = newDirectoryIn(directory.path)
    new Store(fresh, lattice.id, keyOf(lattice, 0).peerId).close()
    exchange(directory.path, fresh)
    expect(found()).toBe('0 entries')
  })

  it('is not missed after a kill that left it, nor after a stop', () => {
    killed()
    expect(found()).toBe('15 entries')
    expect(existsSync(log())).toBe(false)
    expect(found()).toBe('15 entries')
  })
})

describe('a damaged store', () => {
  it('can be refused and opened again: it is not held', () => {
    const file = readFileSync(directory.file)
    truncateSync(directory.file, 5000)
    expect(found()).toMatch(/^corrupt/)
    expect(found()).toMatch(/^corrupt/)
    writeFileSync(directory.file, file)
    expect(found()).toBe('12 entries')
  })
})
