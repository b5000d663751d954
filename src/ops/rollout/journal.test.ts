import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JournalFile } from './journal.ts'
import type { JournalRecord } from './journal-record.ts'

let folder: string
let path: string
let journal: JournalFile
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aethel-journal-'))
  path = join(folder, 'local/journal.jsonl')
  journal = new JournalFile(path)
})
afterEach(async () => rm(folder, { recursive: true }))

const begin = (run: string): JournalRecord => ({
  type: 'begin',
  run,
  at: '2026-01-01T00:00:00.000Z',
  fence: 1,
  kind: 'deploy',
  plan: 'p',
  release: { id: 'raaaaaaaaaaaa', version: '1' },
  nodes: [],
  active: [],
})
const end = (run: string): JournalRecord => ({ type: 'end', run, at: '', result: 'deployed' })

describe('a journal', () => {
  it('is empty before the first record, and gives all of them in order', async () => {
    expect(await journal.read()).toEqual([])
    await Promise.all([journal.append([begin('1')]), journal.append([end('1')])])
    await journal.append([begin('2')])
    expect(await new JournalFile(path).read()).toEqual([begin('1'), end('1'), begin('2')])
  })

  it.each(['{"type":"end"', '{"type":"end","run":"é', '{'])(
    'takes an unfinished last line %j as not written, and goes on after it',
    async (torn) => {
      await journal.append([begin('1')])
      await appendFile(path, torn)
      expect(await journal.read()).toEqual([begin('1')])
      await journal.append([end('1')])
      expect(await journal.read()).toEqual([begin('1'), end('1')])
    },
  )

  it.each(['nonsense', '{}', '{"type":"end","run":"1","at":"","result":"fine"}'])(
    'does not pass over the line %j',
    async (line) => {
      await journal.append([begin('1')])
      await appendFile(path, `${line}\n`)
      await expect(journal.read()).rejects.toMatchObject({
        code: 'journal',
        exit: 'badInput',
        message: expect.stringContaining('line 2') as string,
      })
    },
  )

  it('says when it cannot be written, and stays usable', async () => {
    await writeFile(join(folder, 'local'), 'in the way')
    await expect(journal.append([begin('1')])).rejects.toMatchObject({ code: 'journal' })
    await rm(join(folder, 'local'))
    await journal.append([begin('1')])
    expect(await journal.read()).toEqual([begin('1')])
  })

  it('is put aside when it is large, between runs only', async () => {
    const large = { ...begin('1'), active: Array.from({ length: 60_000 }, () => 'a node’s name') }
    await journal.append([large])
    await journal.append([end('1')])
    expect((await journal.read()).length).toBe(2)
    await journal.append([begin('2')])
    expect(await journal.read()).toEqual([begin('2')])
    expect((await readFile(`${path}.old`, 'utf8')).split('\n').length).toBe(3)
  })
})
