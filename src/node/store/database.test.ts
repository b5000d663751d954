import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase } from './database.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-database-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

// A process that is killed loses nothing either way; only a machine that loses power shows the difference.
it('a database waits for the disk at every commit, also when it is opened again', () => {
  const SYNCHRONOUS_FULL = 2
  for (let times = 0; times < 2; times += 1) {
    const database = openDatabase(join(directory, 'ledger.sqlite'))
    const settingOf = (name: string): unknown => database.prepare(`PRAGMA ${name}`).get()?.[name]
    expect(settingOf('synchronous')).toBe(SYNCHRONOUS_FULL)
    expect(settingOf('journal_mode')).toBe('wal')
    expect(settingOf('locking_mode')).toBe('exclusive')
    database.close()
  }
})

it('a crash while a database is made leaves none, and nothing in the way of the next one', () => {
  const file = join(directory, 'ledger.sqlite')
  writeFileSync(`${file}-new`, 'half of a')
  // Of a database that is gone: its log would be taken for the new one's.
  writeFileSync(`${file}-wal`, 'what was written to another one')
  const database = openDatabase(file)
  expect(database.prepare('SELECT count(*) AS count FROM entry').get()).toEqual({ count: 0 })
  database.close()
  expect(readdirSync(directory)).toEqual(['ledger.sqlite'])
})
