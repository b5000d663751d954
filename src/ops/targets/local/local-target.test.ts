import {
  appendFile,
  chmod,
  lstat,
  readdir,
  readFile,
  readlink,
  rm,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { Release } from '../../release/artifact.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ShownFile } from '../settings.ts'
import type { Contents } from '../target.ts'
import { fakeSettings } from './fixtures/fake-node.ts'
import { LocalBench } from './fixtures/local-bench.ts'
import { LocalTarget } from './local-target.ts'

const { signal } = new AbortController()

let bench: LocalBench

beforeEach(async () => {
  bench = await LocalBench.make()
})

afterEach(async () => bench.end())

describe('a node on this machine', () => {
  it('is nothing before its first activation', async () => {
    expect(await bench.target.observe(signal)).toEqual({
      name: 'node1',
      current: null,
      contents: null,
      lacks: [],
      overrides: [],
      process: {
        state: 'stopped',
        isSupervised: false,
        pid: null,
        startedAt: null,
        restarts: 0,
        lastExit: null,
      },
      held: [],
    })
    await expect(bench.target.start(signal)).rejects.toMatchObject({ code: 'not-deployed' })
    await expect(bench.target.kill(signal)).rejects.toMatchObject({ code: 'not-running' })
    expect(await bench.target.liveness(signal)).toBe('dead')
  })

  it('runs what was staged, with a clean environment and its key to itself', async () => {
    process.env['AETHEL_FOREIGN'] = 'x'
    process.env['NODE_OPTIONS'] ??= ''
    const generation = await bench.deploy(bench.one, 1)
    delete process.env['AETHEL_FOREIGN']

    const facts = await bench.ask()
    expect(facts).toMatchObject({
      version: '1.0.0',
      keyMode: 0o600,
      cwd: join(bench.root, 'shared'),
    })
    expect(facts.settings).toEqual({ AETHEL_HTTP_PORT: String(bench.port) })
    expect(facts.environment).not.toContain('AETHEL_FOREIGN')
    expect(facts.environment).not.toContain('NODE_OPTIONS')

    const observed = await bench.target.observe(signal)
    expect(observed).toMatchObject({
      current: { ...generation, version: '1.0.0', isReleaseIntact: true, areSettingsIntact: true },
      process: { state: 'running', pid: facts.pid, restarts: 0, lastExit: null },
      held: [{ ...generation, version: '1.0.0', configDigest: 'for ""' }],
    })
    expect(await bench.target.liveness(signal)).toBe('alive')
    expect(await bench.readState()).toMatchObject({
      nodePid: facts.pid,
      release: bench.one.id,
      settings: generation.settings,
    })
    expect((await lstat(join(bench.root, 'shared/.env'))).isSymbolicLink()).toBe(true)
    expect(await bench.target.check(generation, signal)).toBe('intact')
  })

  it('switches release and settings together, and back', async () => {
    const old = await bench.deploy(bench.one, 1, 'AETHEL_LOG_LEVEL=info\n')
    await bench.ask()
    await writeFile(join(bench.root, 'shared/data/entries'), 'precious')

    const next = await bench.deploy(bench.two, 2, 'AETHEL_LOG_LEVEL=debug\n')
    expect(await bench.ask((facts) => facts.version === '2.0.0')).toMatchObject({
      settings: { AETHEL_LOG_LEVEL: 'debug' },
    })
    expect((await bench.target.observe(signal)).held).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...old, version: '1.0.0' }),
        expect.objectContaining({ ...next, version: '2.0.0' }),
      ]),
    )

    await bench.target.restore({ generation: old, configDigest: null, state: 'running' }, 2, signal)
    const { pid } = await bench.ask((facts) => facts.version === '1.0.0')
    expect(await bench.ask()).toMatchObject({ settings: { AETHEL_LOG_LEVEL: 'info' } })
    expect(await readFile(join(bench.root, 'shared/data/entries'), 'utf8')).toBe('precious')

    await bench.target.restore({ generation: old, configDigest: null, state: 'running' }, 2, signal)
    expect((await bench.ask()).pid).toBe(pid)

    await bench.target.restore(
      { generation: next, configDigest: null, state: 'stopped' },
      3,
      signal,
    )
    expect(await bench.target.observe(signal)).toMatchObject({
      current: next,
      process: { state: 'stopped', pid: null },
    })

    await bench.target.restore(
      { generation: null, configDigest: null, state: 'stopped' },
      3,
      signal,
    )
    expect(await bench.target.observe(signal)).toMatchObject({
      current: null,
      process: { state: 'stopped' },
    })
    expect(await readFile(join(bench.root, 'shared/data/entries'), 'utf8')).toBe('precious')
  })

  it('shares content between releases and removes only what nothing keeps', async () => {
    const old = await bench.deploy(bench.one, 1)
    const next = await bench.deploy(bench.two, 1)
    const page = (release: Release) =>
      lstat(join(bench.root, 'releases', release.id, 'page/index.html'))
    expect((await page(bench.one)).ino).toBe((await page(bench.two)).ino)
    expect((await readdir(join(bench.root, 'blobs'))).length).toBe(3)

    await bench.target.prune([old], 1, signal)
    expect((await bench.target.observe(signal)).held.length).toBe(2)

    await bench.target.prune([], 1, signal)
    expect((await bench.target.observe(signal)).held).toMatchObject([next])
    expect(await readdir(join(bench.root, 'releases'))).toEqual([bench.two.id])
    expect((await readdir(join(bench.root, 'blobs'))).length).toBe(2)
    expect(await bench.target.check(next, signal)).toBe('intact')
    expect(await bench.target.check(old, signal)).toBe('absent')
    await expect(bench.target.activate(old, 1, signal)).rejects.toMatchObject({
      code: 'not-staged',
    })
  })

  it('shows what it consists of, and what it held before, but no secret', async () => {
    const old = await bench.deploy(bench.one, 1, 'AETHEL_LOG_LEVEL=info\n')
    await bench.deploy(bench.two, 1, 'AETHEL_LOG_LEVEL=warn\n')
    const { contents } = await bench.target.observe(signal)
    expect(contents).toMatchObject({
      activated: contents?.settings,
      release: bench.two.manifest.files,
      releaseEdits: [],
    })
    const text = (of: Contents | null, path: string) =>
      of?.settings.find((file) => file.path === path)?.text
    expect(text(contents, '.env')).toContain('AETHEL_LOG_LEVEL=warn\n')
    expect(text(contents, 'node.key')).toBe(null)

    const before = await bench.target.read(old, signal)
    expect(text(before, '.env')).toContain('AETHEL_LOG_LEVEL=info\n')
    expect(text(before, 'node.key')).toBe(null)
    expect(before.release).toEqual(bench.one.manifest.files)
    const unheld = { ...old, settings: '0'.repeat(64) }
    await expect(bench.target.read(unheld, signal)).rejects.toMatchObject({ code: 'not-staged' })
  })

  it('shows no text of settings that nobody noted down', async () => {
    const generation = await bench.deploy(bench.one, 1)
    const noted = join(bench.root, 'current/generation.json')
    await writeFile(noted, JSON.stringify({ ...generation, configDigest: null }))
    const { contents, current } = await bench.target.observe(signal)
    expect(current).toMatchObject({ ...generation, areSettingsIntact: true })
    expect(contents?.activated).toBe(null)
    expect(contents?.settings.map((file) => file.text)).toEqual([null, null])

    await bench.stage(bench.one)
    expect((await bench.target.observe(signal)).contents?.activated).not.toBe(null)
  })

  it('stages the same again without a change', async () => {
    const generation = await bench.deploy(bench.one, 1)
    const { pid } = await bench.ask()
    const before = await lstat(join(bench.root, 'releases', bench.one.id, 'node.mjs'))
    expect(await bench.stage(bench.one)).toEqual(generation)
    expect((await lstat(join(bench.root, 'releases', bench.one.id, 'node.mjs'))).ino).toBe(
      before.ino,
    )
    expect((await bench.ask()).pid).toBe(pid)
  })
})

describe('drift', () => {
  it('is seen and mended when release files were edited', async () => {
    const generation = await bench.deploy(bench.one, 1)
    await rm(join(bench.root, 'releases', bench.one.id, 'node.mjs'))
    await writeFile(join(bench.root, 'releases', bench.one.id, 'node.mjs'), 'process.exit(1)')
    await writeFile(join(bench.root, 'releases', bench.one.id, 'extra.mjs'), '')
    expect((await bench.target.observe(signal)).current).toMatchObject({ isReleaseIntact: false })
    expect((await bench.target.observe(signal)).contents?.releaseEdits).toEqual([
      { path: 'node.mjs', change: 'changed' },
      { path: 'extra.mjs', change: 'added' },
    ])
    expect(await bench.target.check(generation, signal)).toBe('damaged')

    await bench.stage(bench.one)
    expect(await bench.target.check(generation, signal)).toBe('intact')
    expect((await bench.target.observe(signal)).current).toMatchObject({ isReleaseIntact: true })
  })

  it('is mended when a blob was edited through a release’s link to it', async () => {
    const generation = await bench.deploy(bench.one, 1)
    await appendFile(join(bench.root, 'releases', bench.one.id, 'node.mjs'), '\n// edited')
    expect(await bench.target.check(generation, signal)).toBe('damaged')
    await bench.stage(bench.one)
    expect(await bench.target.check(generation, signal)).toBe('intact')
  })

  it.each([
    ['in place', async (path: string) => appendFile(path, 'AETHEL_LOG_LEVEL=warn\n')],
    [
      'by an editor that replaces the file',
      async (path: string) => {
        const text = await readFile(path, 'utf8')
        await rm(path)
        await writeFile(path, `${text}AETHEL_LOG_LEVEL=warn\n`, { mode: 0o600 })
      },
    ],
  ])('of settings edited %s can be undone and brought back', async (_how, edit) => {
    const generation = await bench.deploy(bench.one, 1)
    await edit(join(bench.root, 'shared/.env'))
    const { current, contents } = await bench.target.observe(signal)
    expect(current).toMatchObject({ release: bench.one.id, areSettingsIntact: false })
    const envIn = (files: readonly ShownFile[] | null | undefined) =>
      files?.find((file) => file.path === '.env')?.text
    expect(envIn(contents?.settings)).toBe(`${envIn(contents?.activated)}AETHEL_LOG_LEVEL=warn\n`)
    expect(current?.settings).not.toBe(generation.settings)

    await bench.deploy(bench.one, 2)
    expect((await bench.ask()).settings).not.toHaveProperty('AETHEL_LOG_LEVEL')
    expect((await bench.target.observe(signal)).current).toMatchObject({
      ...generation,
      areSettingsIntact: true,
    })

    const edited = { release: bench.one.id, settings: current?.settings ?? '' }
    await bench.target.restore(
      { generation: edited, configDigest: null, state: 'running' },
      2,
      signal,
    )
    expect(
      (await bench.ask((facts) => 'AETHEL_LOG_LEVEL' in facts.settings)).settings,
    ).toMatchObject({
      AETHEL_LOG_LEVEL: 'warn',
    })
  })

  it('has no known configuration digest until what was edited is deployed', async () => {
    await bench.deploy(bench.one, 1)
    const digest = async () => (await bench.target.observe(signal)).current?.configDigest
    expect(await digest()).toBe('for ""')
    await appendFile(join(bench.root, 'shared/.env'), 'AETHEL_LOG_LEVEL=warn\n')
    expect(await digest()).toBe(null)
    await bench.deploy(bench.one, 2, 'AETHEL_LOG_LEVEL=warn\n')
    expect(await digest()).toBe('for "AETHEL_LOG_LEVEL=warn\n"')
  })

  it('shows as other settings when a mode was loosened', async () => {
    const generation = await bench.deploy(bench.one, 1)
    await chmod(join(bench.root, 'shared/node.key'), 0o644)
    expect((await bench.target.observe(signal)).current?.areSettingsIntact).toBe(false)
    await bench.deploy(bench.one, 1)
    expect((await bench.target.observe(signal)).current).toMatchObject(generation)
    expect((await bench.ask()).keyMode).toBe(0o600)
  })
})

describe('what is refused', () => {
  it('an old lock', async () => {
    const generation = await bench.deploy(bench.one, 7)
    const { pid } = await bench.ask()
    await expect(bench.target.activate(generation, 6, signal)).rejects.toMatchObject({
      code: 'fenced',
    })
    await expect(bench.target.prune([], 6, signal)).rejects.toMatchObject({ code: 'fenced' })
    await expect(
      bench.target.restore({ generation: null, configDigest: null, state: 'stopped' }, 6, signal),
    ).rejects.toMatchObject({ code: 'fenced' })
    expect((await bench.ask()).pid).toBe(pid)
  })

  it.each(['../x', '/etc/x', 'data/x', 'a/../../x', 'a//b', ''])('settings at %j', async (path) => {
    const settings = { files: [{ path, mode: 0o600, text: '' }], secrets: [] }
    await expect(
      bench.target.stage({ release: bench.one, settings, configDigest: '' }, signal),
    ).rejects.toMatchObject({
      code: 'settings',
    })
  })

  it('an artifact that changed after it was read', async () => {
    await appendFile(join(bench.folder, 'one/node.mjs'), '// x')
    await expect(bench.stage(bench.one)).rejects.toMatchObject({
      code: 'artifact',
    })
    expect((await bench.target.observe(signal)).held).toEqual([])
  })

  it('an aborted call', async () => {
    const aborted = AbortSignal.abort()
    await expect(bench.target.observe(aborted)).rejects.toMatchObject({ name: 'AbortError' })
    await expect(bench.stage(bench.one, '', aborted)).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})

describe('a teardown', () => {
  const namesOf = async () => (await bench.target.traces(signal)).found.map(({ name }) => name)

  it('ends what runs and keeps the data, which the next deploy finds', async () => {
    await bench.deploy(bench.one, 1)
    await bench.ask()
    await writeFile(join(bench.root, 'shared/data/log'), 'entries')
    expect(await bench.target.traces(signal)).toMatchObject({ isRunning: true, unseen: null })
    expect(await namesOf()).toContain(bench.place.runtime)
    expect(await bench.target.teardown({ keepsData: true }, 2, signal)).toEqual([])
    expect((await readdir(bench.root, { recursive: true })).toSorted()).toEqual([
      'shared',
      'shared/data',
      ...(await readdir(join(bench.root, 'shared/data'))).map((name) => `shared/data/${name}`),
    ])
    expect(await namesOf()).toEqual([])
    await bench.deploy(bench.one, 3)
    await bench.ask()
    expect(await readFile(join(bench.root, 'shared/data/log'), 'utf8')).toBe('entries')
  })

  it('removes data when it is told to, and what nodes run with when it was the last', async () => {
    await bench.deploy(bench.one, 1)
    const other = new LocalTarget({ ...bench.place, root: join(bench.folder, 'nodes/node2') })
    const settings = fakeSettings(bench.port)
    const staged = await other.stage({ release: bench.one, settings, configDigest: '' }, signal)
    await bench.target.stop(signal)
    await other.activate(staged, 1, signal)
    await bench.target.teardown({ keepsData: false }, 2, signal)
    await expect(lstat(bench.root)).rejects.toMatchObject({ code: 'ENOENT' })
    expect((await lstat(bench.place.runtime)).isDirectory()).toBe(true)
    await other.teardown({ keepsData: false }, 2, signal)
    await expect(lstat(bench.place.runtime)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

it('leaves no unfinished file, and `current` is one relative link', async () => {
  const { release, settings } = await bench.deploy(bench.one, 1)
  expect(await readlink(join(bench.root, 'current'))).toBe(
    `generations/${release}-${settings.slice(0, 12)}`,
  )
  const files = await readdir(bench.root, { recursive: true })
  expect(files.filter((file) => file.includes('.unfinished-'))).toEqual([])
})
