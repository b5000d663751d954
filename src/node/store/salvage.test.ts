import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { authorOf, keyOf } from '../../../test/simulation/members.ts'
import { signRetirement } from '../../wire/seal.ts'
import { salvage } from './salvage.ts'
import { Directory, emptyBatch, entriesOf, lattice } from './store.fixture.ts'

const PAGE_BYTES = 4096

const mine = entriesOf(0, 200)
const theirs = entriesOf(1, 5)

let directory: Directory
beforeEach(() => {
  directory = new Directory()
})
afterEach(() => directory[Symbol.dispose]())

const found = (): { seals: number; ids: string[] } => {
  const all = [...salvage(directory.file)]
  return {
    seals: all.flatMap((one) => ('seals' in one ? one.seals : [])).length,
    ids: all.flatMap((one) => ('entry' in one ? [one.entry.id] : [])),
  }
}

it('of a damaged store each log is told as far as it is sound, every signature looked at', () => {
  const retired = signRetirement(
    { lattice: lattice.id, author: authorOf(lattice, 2), size: 0 },
    keyOf(lattice, 2).sign,
  )
  const store = directory.store()
  store.commit({ ...emptyBatch, entries: [...mine, ...theirs], seals: [retired] }, 1)
  store.close()
  // A start does not look at a signature that old.
  directory.edit(
    `UPDATE entry SET signature = zeroblob(64) WHERE seq = 10 AND author =
     (SELECT number FROM author WHERE author = '${authorOf(lattice, 0)}')`,
  )
  const sound = [...mine.slice(0, 10), ...theirs].map(({ id }) => id)
  const { seals, ids } = found()
  expect(seals).toBe(1)
  expect(new Set(ids)).toEqual(new Set(sound))
  expect(ids).toHaveLength(sound.length)
})

it('a damaged page of the newest entries costs these, and not those before them', () => {
  const long = entriesOf(0, 700)
  const store = directory.store()
  for (const entry of long) store.commit({ ...emptyBatch, entries: [entry] }, 1)
  store.close()
  const bytes = readFileSync(directory.file)
  const place = bytes.lastIndexOf(long.at(-1)?.signature ?? '')
  const start = place - (place % PAGE_BYTES)
  bytes.fill(0xff, start, start + PAGE_BYTES)
  writeFileSync(directory.file, bytes)
  const { ids } = found()
  expect(ids.length).toBeGreaterThan(500)
  expect(ids).toEqual(long.map(({ id }) => id).slice(0, ids.length))
})

it('of what is no database nothing is told', () => {
  const path = mkdtempSync(join(tmpdir(), 'aethel-salvage-'))
  writeFileSync(join(path, 'ledger.sqlite'), 'no database'.repeat(100))
  expect([...salvage(join(path, 'ledger.sqlite'))]).toEqual([])
  rmSync(path, { recursive: true })
})
