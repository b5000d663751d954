import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorOf, keyOf } from '../../../test/simulation/members.ts'
import { NO_SEALS } from '../../wire/seal.ts'
import { signCheckpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import type { EventDraft } from '../replica/contract.ts'
import { StoreError } from './errors.ts'
import { Directory, emptyBatch, entriesOf, lattice, peerId } from './store.fixture.ts'
import { Store } from './store.ts'

const author = authorOf(lattice, 0)
const other = authorOf(lattice, 1)

let directory: Directory
beforeEach(() => {
  directory = new Directory()
})
afterEach(() => directory[Symbol.dispose]())

const checkpointOf = (index: number, clockFloor: number): SignedCheckpoint =>
  signCheckpoint(
    {
      lattice: lattice.id,
      publicKey: keyOf(lattice, index).publicKey,
      incarnation: '0011223344556677',
      frontier: new Map([[author, 3]]),
      seals: NO_SEALS,
      root: 'aa'.repeat(32),
      stateRoot: 'bb'.repeat(32),
      clockFloor,
      wallMs: 1,
    },
    keyOf(lattice, index).sign,
  )
const event = (message: string): EventDraft => ({ kind: 'mode', message, data: { to: 'HTTP' } })

const codeOf = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (error instanceof StoreError) return error.code
    throw error
  }
  return 'none'
}

describe('what was committed', () => {
  const mine = entriesOf(0, 5)
  const theirs = entriesOf(1, 3)

  it('is there after the process ended without a word', () => {
    const store = directory.store()
    store.commit({ ...emptyBatch, entries: [...mine, ...theirs] }, 1)
    store.commit({ ...emptyBatch, checkpoints: [checkpointOf(1, 5), checkpointOf(2, 6)] }, 1)
    store.commit({ ...emptyBatch, checkpoints: [checkpointOf(1, 7)], reservedClock: 99 }, 1)
    const { incarnation } = store
    store.close()
    const again = directory.store()
    expect(again.incarnation).toBe(incarnation)
    expect(new Set([...again.audited('all')].map(({ id }) => id))).toEqual(
      new Set([...mine, ...theirs].map(({ id }) => id)),
    )
    const floors = again.checkpoints().map((one) => [one.peerId, one.checkpoint.clockFloor])
    expect(new Map(floors as [string, number][])).toEqual(
      new Map([
        [keyOf(lattice, 1).peerId, 7],
        [keyOf(lattice, 2).peerId, 6],
      ]),
    )
    expect(again.reservedClock).toBe(99)
  })

  it('is read back in pieces, each author’s in sequence', () => {
    const store = directory.store()
    store.commit({ ...emptyBatch, entries: [...theirs, ...mine] }, 1)
    const ids = (from: number, to: number): string[] =>
      [...store.entries(author, from, to)].map(({ id }) => id)
    expect(ids(1, 3)).toEqual(mine.slice(1, 3).map(({ id }) => id))
    expect(ids(3, 100)).toEqual(mine.slice(3).map(({ id }) => id))
    expect(ids(5, 9)).toEqual([])
    expect([...store.entries(authorOf(lattice, 2), 0, 9)]).toEqual([])
    expect(store.entry(other, 2)?.id).toBe(theirs[2]?.id)
    expect(store.entry(other, 3)).toBeNull()
    expect(store.entry(authorOf(lattice, 2), 0)).toBeNull()
  })

  it('is all or nothing: what cannot be committed leaves the state before it', () => {
    const store = directory.store()
    store.commit({ ...emptyBatch, entries: mine }, 1)
    const bad = { ...emptyBatch, entries: [...theirs, ...mine], reservedClock: 5 }
    expect(codeOf(() => store.commit(bad, 1))).toBe('unwritable')
    expect(store.reservedClock).toBe(0)
    expect([...store.audited('all')]).toHaveLength(5)
    expect(store.entry(author, 4)?.id).toBe(mine[4]?.id)
    expect([...store.entries(other, 0, 9)]).toEqual([])
    store.commit({ ...emptyBatch, entries: theirs }, 1)
    store.close()
    expect([...directory.store().audited('all')]).toHaveLength(8)
  })

  it('is refused once the file was removed: what is written to it would be gone at the end', () => {
    const store = directory.store()
    store.commit({ ...emptyBatch, entries: mine.slice(0, 2) }, 1)
    rmSync(directory.file)
    expect(codeOf(() => store.commit({ ...emptyBatch, entries: mine.slice(2) }, 1))).toBe('corrupt')
  })

  it('is there after kill -9 in the middle of writing, to the last commit that returned', () => {
    const script = join(directory.path, 'writer.ts')
    const moduleOf = (path: string): string => pathToFileURL(join(import.meta.dirname, path)).href
    writeFileSync(
      script,
      `import { writeSync } from 'node:fs'
       import { Store } from '${moduleOf('store.ts')}'
       import { emptyBatch, entriesOf, lattice, peerId } from '${moduleOf('store.fixture.ts')}'
       const store = new Store(process.argv[2], lattice.id, peerId)
       for (const entry of entriesOf(0, 2000)) {
         store.commit({ ...emptyBatch, entries: [entry] }, 1)
         writeSync(1, entry.entry.seq + '\\n')
         if (entry.entry.seq === 400) process.kill(process.pid, 'SIGKILL')
       }`,
    )
    const run = spawnSync(process.execPath, [script, directory.path], { encoding: 'utf8' })
    expect(run.signal).toBe('SIGKILL')
    const acknowledged = Number(run.stdout.trim().split('\n').at(-1))
    expect(acknowledged).toBe(400)
    expect([...directory.store().audited('all')]).toHaveLength(401)
  })
})

describe('a data directory', () => {
  it('is made, for its owner alone', () => {
    const path = join(directory.path, 'deep', 'state')
    const store = new Store(path, lattice.id, peerId)
    store.close()
    expect(statSync(path).mode & 0o077).toBe(0)
  })

  it('keeps its incarnation; emptied, it gets another', () => {
    const first = directory.store()
    first.close()
    const second = directory.store()
    second.close()
    expect(second.incarnation).toBe(first.incarnation)
    expect(first.incarnation).toMatch(/^[0-9a-f]{16}$/)
    for (const name of readdirSync(directory.path)) rmSync(join(directory.path, name))
    expect(directory.store().incarnation).not.toBe(first.incarnation)
  })

  it('belongs to one node of one lattice', () => {
    directory.store().close()
    const stranger = keyOf(lattice, 1).peerId
    expect(codeOf(() => directory.store(stranger))).toBe('foreign')
    expect(codeOf(() => new Store(directory.path, 'ab'.repeat(32), peerId))).toBe('foreign')
    // Refused, it is not held either.
    directory.store().close()
  })

  it('is told from another by its location, and only by that', () => {
    const store = directory.store()
    const { location } = store
    store.close()
    using elsewhere = new Directory()
    expect(directory.store().location).toBe(location)
    expect(elsewhere.store().location).not.toBe(location)
    expect(location).toMatch(/^[0-9a-f]{64}$/)
  })

  it('has one user: another store in this process is refused', () => {
    directory.store()
    expect(codeOf(() => directory.store())).toBe('locked')
  })

  it('has one user: another process is refused', () => {
    directory.store().commit({ ...emptyBatch, entries: entriesOf(0, 1) }, 1)
    const script = join(directory.path, 'second.ts')
    const moduleOf = (path: string): string => pathToFileURL(join(import.meta.dirname, path)).href
    writeFileSync(
      script,
      `import { Store } from '${moduleOf('store.ts')}'
       try {
         new Store(process.argv[2], '${lattice.id}', '${peerId}')
         console.log('opened')
       } catch (error) {
         console.log(error.name, error.code, error.hint)
       }`,
    )
    const run = spawnSync(process.execPath, [script, directory.path], { encoding: 'utf8' })
    expect(run.stdout).toMatch(/^StoreError locked give every node a data directory of its own/)
  })

  it('that a newer release has written is refused and left alone', () => {
    directory.store().close()
    directory.edit('PRAGMA user_version = 99')
    expect(codeOf(() => directory.store())).toBe('newer')
    directory.edit('PRAGMA user_version = 1')
    directory.store()
  })

  it('that cannot be made is refused', () => {
    const file = join(directory.path, 'file')
    writeFileSync(file, '')
    expect(codeOf(() => new Store(join(file, 'state'), lattice.id, peerId))).toBe('unwritable')
    mkdirSync(join(directory.path, 'x', 'ledger.sqlite'), { recursive: true })
    expect(codeOf(() => new Store(join(directory.path, 'x'), lattice.id, peerId))).toBe(
      'unwritable',
    )
    expect(existsSync(file)).toBe(true)
  })
})

describe('events', () => {
  it('come back oldest first, from where the reader was, with their age', () => {
    const store = directory.store()
    store.commit({ ...emptyBatch, events: [event('one'), event('two')] }, 1000)
    store.commit({ ...emptyBatch, events: [event('three')] }, 2000)
    const all = store.events(0, 10, 5000)
    expect(all.map(({ message, age_ms: age }) => [message, age])).toEqual([
      ['one', 4000],
      ['two', 4000],
      ['three', 3000],
    ])
    expect(all[2]).toMatchObject({
      kind: 'mode',
      data: { to: 'HTTP' },
      at: '1970-01-01T00:00:02.000Z',
    })
    expect(store.events(all[1]?.seq ?? 0, 10, 5000).map(({ message }) => message)).toEqual([
      'three',
    ])
    expect(store.events(0, 2, 5000)).toHaveLength(2)
    // A clock that was set back makes no negative age.
    expect(store.events(0, 1, 0)[0]?.age_ms).toBe(0)
  })

  it('are pruned to the newest, and never numbered twice', () => {
    const store = directory.store()
    const batch = (from: number): EventDraft[] =>
      Array.from({ length: 6000 }, (_, index) => event(`${from + index}`))
    store.commit({ ...emptyBatch, events: batch(0) }, 1)
    store.commit({ ...emptyBatch, events: batch(6000) }, 1)
    const kept = store.events(0, 20_000, 1)
    expect(kept).toHaveLength(10_000)
    expect(kept[0]?.message).toBe('2000')
    expect(kept.at(-1)).toMatchObject({ message: '11999', seq: 12_000 })
  })
})
