import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostBench, settingsOf } from './fixtures/host-bench.ts'

const { signal } = new AbortController()
const THEIRS = '# mine\nexample.com {\n\trespond "hello"\n}\n'
const CADDYFILE = 'etc/caddy/Caddyfile'
const OURS = 'etc/caddy/aethel-lattice'

let bench: HostBench
beforeEach(async () => {
  bench = await HostBench.make()
  await mkdir(join(bench.folder, 'etc/caddy'), { recursive: true })
  await writeFile(join(bench.folder, CADDYFILE), THEIRS)
})
afterEach(async () => bench[Symbol.asyncDispose]())

/** Settings with a site and, when there is a key, a certificate for it. */
const withSite = (site: string, key = '') => {
  const { files, secrets } = settingsOf()
  const certificate = [
    { path: 'host/node1.crt', mode: 0o644, text: `certificate of ${key}` },
    { path: 'host/node1.key', mode: 0o640, text: key },
  ]
  return {
    files: [...files, { path: 'host/node1.caddy', mode: 0o644, text: site }],
    secrets: [...secrets, ...(key === '' ? [] : certificate)],
  }
}
const importLine = (): string => `import ${join(bench.folder, OURS)}/*.caddy\n`
const current = async () => (await bench.session.call('observe', {}, signal)).current

describe('a site', () => {
  it('is placed and included once, and loaded when it is another', async () => {
    await bench.deploy(bench.one, 1, withSite('site', 'key'))
    expect(await bench.read(`${OURS}/node1.caddy`)).toBe('site')
    expect(await bench.read(`${OURS}/node1.key`)).toBe('key')
    expect(await bench.read(CADDYFILE)).toBe(`${THEIRS}${importLine()}`)
    expect(bench.caddy.asked).toEqual(['look', 'load'])
    expect(bench.caddy.lookedAt).toContain(importLine())
    await bench.deploy(bench.two, 2, withSite('site', 'key'))
    expect(bench.caddy.asked).toEqual(['look', 'load'])
    await bench.deploy(bench.two, 3, withSite('site', 'other key'))
    expect(bench.caddy.asked).toEqual(['look', 'load', 'look', 'load'])
    expect(await bench.read(CADDYFILE)).toBe(`${THEIRS}${importLine()}`)
  })

  it('brings Caddy where it is missing, and only then', async () => {
    await bench.stage(bench.one)
    expect(bench.caddy.asked).toEqual([])
    bench.caddy.isThere = false
    await bench.stage(bench.one)
    expect(bench.caddy.asked).toEqual([])
    await bench.stage(bench.one, withSite('site'))
    await bench.stage(bench.one, withSite('site'))
    expect(bench.caddy.asked).toEqual(['install'])
  })

  it('is loaded again when nobody knows whether it was', async () => {
    const generation = await bench.deploy(bench.one, 1, withSite('site'))
    await rm(join(bench.host.root, 'run/caddy'))
    await bench.session.call('activate', { generation, fence: 1 }, signal)
    expect(bench.caddy.asked).toEqual(['look', 'load', 'look', 'load'])
    bench.caddy.isUp = false
    await bench.session.call('activate', { generation, fence: 1 }, signal)
    expect(bench.caddy.isUp).toBe(true)
  })

  it('that Caddy refuses is taken back, and so is the line that includes it', async () => {
    bench.caddy.problem = 'unrecognized directive'
    await expect(bench.deploy(bench.one, 1, withSite('bad'))).rejects.toMatchObject({
      code: 'caddy-refuses',
      hint: expect.stringContaining('unrecognized directive') as string,
    })
    expect(await bench.read(CADDYFILE)).toBe(THEIRS)
    expect(await readdir(join(bench.folder, OURS))).toEqual([])
    bench.caddy.problem = null
    await bench.deploy(bench.one, 1, withSite('good', 'key'))
    bench.caddy.problem = 'unrecognized directive'
    await expect(bench.deploy(bench.one, 2, withSite('bad', 'other'))).rejects.toThrow('refuses')
    expect(await bench.read(`${OURS}/node1.caddy`)).toBe('good')
    expect(await bench.read(`${OURS}/node1.key`)).toBe('key')
  })

  it('goes back with what it belongs to', async () => {
    const first = await bench.deploy(bench.one, 1, withSite('first'))
    await bench.deploy(bench.one, 2, withSite('second', 'key'))
    const restore = async (generation: typeof first | null, state: 'running' | 'stopped') =>
      bench.session.call(
        'restore',
        { previous: { generation, configDigest: 'c', state }, fence: 2 },
        signal,
      )
    await restore(first, 'running')
    expect(await readdir(join(bench.folder, OURS))).toEqual(['node1.caddy'])
    expect(await bench.read(`${OURS}/node1.caddy`)).toBe('first')
    await restore(null, 'stopped')
    expect(await bench.read(CADDYFILE)).toBe(THEIRS)
    expect(await readdir(join(bench.folder, 'etc/caddy'))).toEqual(['Caddyfile'])
    expect(bench.caddy.asked.at(-1)).toBe('load')
  })

  it.each([
    ['edited', async () => writeFile(join(bench.folder, OURS, 'node1.caddy'), 'by hand')],
    ['removed', async () => rm(join(bench.folder, OURS, 'node1.caddy'))],
    ['readable by others', async () => chmod(join(bench.folder, OURS, 'node1.key'), 0o644)],
    ['not included', async () => writeFile(join(bench.folder, CADDYFILE), THEIRS)],
  ])('is drift when it was %s, and is mended', async (_how, edit) => {
    const generation = await bench.deploy(bench.one, 1, withSite('site', 'key'))
    expect(await current()).toMatchObject({ areSettingsIntact: true })
    await edit()
    expect(await current()).toMatchObject({ areSettingsIntact: false })
    await bench.session.call('activate', { generation, fence: 1 }, signal)
    expect(await current()).toMatchObject({ ...generation, areSettingsIntact: true })
  })

  it('leaves those of other nodes included when it goes', async () => {
    await bench.deploy(bench.one, 1, withSite('site'))
    await writeFile(join(bench.folder, OURS, 'node2.caddy'), 'other')
    const previous = { generation: null, configDigest: null, state: 'stopped' as const }
    await bench.session.call('restore', { previous, fence: 1 }, signal)
    expect(await bench.read(CADDYFILE)).toBe(`${THEIRS}${importLine()}`)
    expect(await readdir(join(bench.folder, OURS))).toEqual(['node2.caddy'])
  })
})

it.each([
  ['nothing', null, ''],
  ['a file without a line end', 'a.example', 'a.example\n'],
])('Caddy’s own file may be %s', async (_what, text, start) => {
  await rm(join(bench.folder, CADDYFILE))
  if (text !== null) await writeFile(join(bench.folder, CADDYFILE), text)
  await bench.deploy(bench.one, 1, withSite('site'))
  expect(await bench.read(CADDYFILE)).toBe(`${start}${importLine()}`)
})

it('Caddy’s own file may be a link, and stays one', async () => {
  const kept = join(bench.folder, 'kept')
  await writeFile(kept, THEIRS)
  await rm(join(bench.folder, CADDYFILE))
  await symlink(kept, join(bench.folder, CADDYFILE))
  await bench.deploy(bench.one, 1, withSite('site'))
  expect(await bench.read('kept')).toBe(`${THEIRS}${importLine()}`)
  expect(await readdir(dirname(kept))).toContain('kept')
})

it('nothing of it is touched for a node without a site', async () => {
  await bench.deploy(bench.one, 1)
  expect(await bench.read(CADDYFILE)).toBe(THEIRS)
  expect(bench.caddy.asked).toEqual([])
})
