import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { authorOf, keyOf } from '../../../test/simulation/members.ts'
import { signRetirement } from '../../wire/seal.ts'
import { salvage } from './salvage.ts'
import { Directory, emptyBatch, entriesOf, lattice } from './store.fixture.ts'

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

it('of what is no database nothing is told', () => {
  const path = mkdtempSync(join(tmpdir(), 'aethel-salvage-'))
  writeFileSync(join(path, 'ledger.sqlite'), 'no database'.repeat(100))
  expect([...salvage(join(path, 'ledger.sqlite'))]).toEqual([])
  rmSync(path, { recursive: true })
})
