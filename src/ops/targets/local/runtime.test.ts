import { execFile } from 'node:child_process'
import { chmod, copyFile, link, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LocalBench } from './fixtures/local-bench.ts'
import { keepRuntime } from './runtime.ts'

const { signal } = new AbortController()

let bench: LocalBench

beforeEach(async () => {
  bench = await LocalBench.make()
})

afterEach(async () => bench.end())

it('outlives the installation: a node comes back though the program it was deployed with is gone', async () => {
  const generation = await bench.stage(bench.one)
  const original = join(bench.folder, 'installation/node')
  await mkdir(join(bench.folder, 'installation'))
  await link(process.execPath, original).catch(async () => copyFile(process.execPath, original))
  const program = `
    import { LocalTarget } from ${JSON.stringify(join(import.meta.dirname, 'local-target.ts'))}
    const target = new LocalTarget(${JSON.stringify(bench.place)})
    await target.activate(${JSON.stringify(generation)}, 1, new AbortController().signal)
  `
  await promisify(execFile)(original, ['--input-type=module', '-e', program])
  const { pid, runtime } = await bench.ask()
  expect(runtime).toBe(join(bench.place.runtime, process.version, 'node'))

  await rm(join(bench.folder, 'installation'), { recursive: true })
  await bench.target.kill(signal)
  expect((await bench.ask((facts) => facts.pid !== pid)).runtime).toBe(runtime)
  const { process: found } = await bench.target.observe(signal)
  expect(found).toMatchObject({ state: 'running', restarts: 1, lastExit: { error: null } })
})

describe('the kept Node.js', () => {
  it('is made once per version and leaves nothing else, whoever makes it at the same time', async () => {
    const { runtime } = bench.place
    const made = await Promise.all([1, 2, 3].map(async () => keepRuntime(runtime)))
    const [kept = ''] = made
    expect(new Set(made)).toEqual(new Set([join(runtime, process.version, 'node')]))
    expect(await readdir(join(runtime, process.version))).toEqual(['node'])

    const { ino } = await stat(kept)
    expect(await keepRuntime(runtime)).toBe(kept)
    expect((await stat(kept)).ino).toBe(ino)
  })

  it.each([
    ['cannot be executed', '', 0o600],
    ['is another one by now', '#!/bin/sh\necho v1.2.3\n', 0o700],
  ])('is replaced when it %s', async (_what, text, mode) => {
    const folder = join(bench.place.runtime, process.version)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'node'), text)
    await chmod(join(folder, 'node'), mode)
    const kept = await keepRuntime(bench.place.runtime)
    const { stdout } = await promisify(execFile)(kept, ['-p', 'process.execPath'])
    expect(stdout.trim()).toBe(join(folder, 'node'))
  })
})
