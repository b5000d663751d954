import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readLog, rotateLog } from './log-file.ts'

let folder: string
let paths: { nodeLog: string; olderNodeLog: string }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aethel-log-'))
  paths = { nodeLog: join(folder, 'node.log'), olderNodeLog: join(folder, 'node.log.1') }
})
beforeEach(async () => {
  await rm(paths.nodeLog, { force: true })
  await rm(paths.olderNodeLog, { force: true })
})
afterAll(async () => rm(folder, { recursive: true }))

async function tail(lines: number): Promise<string[]> {
  const found: string[] = []
  const { signal } = new AbortController()
  for await (const line of readLog(paths, { lines, follow: false }, signal)) found.push(line)
  return found
}

describe('the end of a log', () => {
  it.each([
    ['', 5, []],
    ['a\n', 5, ['a']],
    ['a\nb\nc\n', 2, ['b', 'c']],
    ['a\nb\nc\n', 0, []],
    ['a\n\nc\nunfinished', 5, ['a', '', 'c']],
  ])('of %j, %i lines', async (text, lines, expected) => {
    await writeFile(paths.nodeLog, text)
    expect(await tail(lines)).toEqual(expected)
  })

  it('is empty without a log, and reaches into the older part', async () => {
    expect(await tail(3)).toEqual([])
    await writeFile(paths.olderNodeLog, '1\n2\n3\n')
    expect(await tail(2)).toEqual(['2', '3'])
    await writeFile(paths.nodeLog, '4\n')
    expect(await tail(3)).toEqual(['2', '3', '4'])
  })

  it('is the last lines of a log over the limit of what is read', async () => {
    await writeFile(paths.nodeLog, `${'x'.repeat(6 * 1024 * 1024)}\nlast\n`)
    expect(await tail(10)).toEqual(['last'])
  })
})

it('moves a large log aside without a gap for who follows', async () => {
  const stopped = new AbortController()
  const seen: string[] = []
  const sizes: number[] = []
  await writeFile(paths.nodeLog, 'one\n')
  const following = (async () => {
    for await (const line of readLog(paths, { lines: 5, follow: true }, stopped.signal)) {
      seen.push(line)
      if (line === 'one') {
        await rotateLog(paths, 100)
        sizes.push((await stat(paths.nodeLog)).size)
        await rotateLog(paths, 3)
        sizes.push((await stat(paths.nodeLog)).size)
        await appendFile(paths.nodeLog, 'b\n')
      }
      if (line === 'b') await appendFile(paths.nodeLog, 'unfinished, then ')
      if (line === 'b') await appendFile(paths.nodeLog, 'finished\nend\n')
      if (line === 'end') stopped.abort()
    }
  })()
  await expect(following).rejects.toMatchObject({ name: 'AbortError' })
  expect(seen).toEqual(['one', 'b', 'unfinished, then finished', 'end'])
  expect(sizes).toEqual([4, 0])
  expect(await readFile(paths.olderNodeLog, 'utf8')).toBe('one\n')
})
