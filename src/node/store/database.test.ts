import { mkdtempSync, rmSync } from 'node:fs'
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
