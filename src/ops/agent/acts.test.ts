import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { zstdCompressSync } from 'node:zlib'
import { HostBench, SERVICE, settingsOf, SOCKET, stagingOf } from './fixtures/host-bench.ts'

const { signal } = new AbortController()
let bench: HostBench
beforeEach(async () => {
  bench = await HostBench.make()
})
afterEach(async () => bench[Symbol.asyncDispose]())

const unitPath = (name: string): string => `etc/systemd/system/${name}`
const observe = async () => bench.session.call('observe', {}, signal)

async function* stream(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

describe('staging', () => {
  it('brings what is missing, once', async () => {
    const { one, two } = bench
    const first = await bench.stage(one)
    expect(first.missing).toHaveLength(2)
    expect((await bench.stage(one)).missing).toEqual([])
    // Only what differs between the releases.
    expect((await bench.stage(two)).missing).toHaveLength(1)
    expect(await bench.session.call('check', first.generation, signal)).toBe('intact')
    expect((await observe()).current).toBeNull()
  })

  it('keeps what arrived whole when it is cut short', async () => {
    const { one } = bench
    const [page] = one.manifest.files.filter((file) => file.path === 'page/index.html')
    const whole = await readFile(join(one.dir, 'node.mjs'))
    const cut = stream(zstdCompressSync(whole))
    await expect(bench.stage(one, settingsOf(), cut)).rejects.toMatchObject({ code: 'transfer' })
    expect((await bench.stage(one)).missing).toEqual([page?.sha256])
  })

  it.each([
    ['other bytes', zstdCompressSync(Buffer.alloc(100_000, 7))],
    ['no compression', Buffer.from('hello')],
    ['nothing', zstdCompressSync(Buffer.alloc(0))],
  ])('refuses %s', async (_what, bytes) => {
    await expect(bench.stage(bench.one, settingsOf(), stream(bytes))).rejects.toMatchObject({
      code: 'transfer',
    })
  })

  it('refuses more than was asked for', async () => {
    const texts = bench.one.manifest.files.map(async (file) =>
      readFile(join(bench.one.dir, file.path)),
    )
    const bytes = zstdCompressSync(Buffer.concat([...(await Promise.all(texts)), Buffer.from('x')]))
    await expect(bench.stage(bench.one, settingsOf(), stream(bytes))).rejects.toMatchObject({
      code: 'transfer',
    })
  })

  it('mends a damaged release', async () => {
    const { generation } = await bench.stage(bench.one)
    const place = join(bench.host.root, 'releases', generation.release)
    await rm(join(place, 'node.mjs'))
    await writeFile(join(place, 'stray'), 'x')
    expect(await bench.session.call('check', generation, signal)).toBe('damaged')
    expect((await bench.stage(bench.one)).missing).toEqual([])
    expect(await bench.session.call('check', generation, signal)).toBe('intact')
  })

  it.each([
    'host/aethel-lattice-node2.service',
    'host/sshd.service',
    'host/aethel-lattice-node1.service.d/x',
    'host',
    'host/aethel-lattice-node1.timer',
  ])('refuses the host file %s', async (path) => {
    const settings = { files: [{ path, mode: 0o644, text: '' }], secrets: [] }
    const args = await stagingOf(bench.one, settings)
    await expect(bench.session.call('stage', args, signal)).rejects.toMatchObject({
      code: 'settings',
    })
  })

  it.each(['../x', '/etc/passwd', 'a/../../x', 'data/x', '.', 'a//b', 'a\nb'])(
    'refuses the settings file %j',
    async (path) => {
      const args = await stagingOf(bench.one, {
        files: [{ path, mode: 0o644, text: '' }],
        secrets: [],
      })
      await expect(bench.session.call('stage', args, signal)).rejects.toMatchObject({
        code: 'settings',
      })
    },
  )

  it.each([
    { release: '../../etc', settings: 'ab'.repeat(32) },
    { release: 'r0123456789ab', settings: '../x' },
  ])('has no generation %j', async (generation) => {
    await expect(
      bench.session.call('activate', { generation, fence: 1 }, signal),
    ).rejects.toMatchObject({ code: 'agent-protocol' })
  })

  it('gives files their modes', async () => {
    await bench.deploy(bench.one, 1)
    const modeOf = async (path: string) => (await stat(join(bench.folder, path))).mode & 0o777
    expect(await modeOf('root/shared/node.key')).toBe(0o600)
    expect(await modeOf('root/shared/data')).toBe(0o700)
    expect(await modeOf('root/current/settings')).toBe(0o750)
    expect(await modeOf(unitPath(SERVICE))).toBe(0o644)
  })

  it('keeps the agent that acts', async () => {
    await bench.stage(bench.one)
    const { sha256 } = bench.host.program
    expect(await bench.read(`root/agent/${sha256}.mjs`)).toBe('// the agent\n')
  })
})

describe('activating', () => {
  it('installs the units, starts the socket and then the service', async () => {
    const generation = await bench.deploy(bench.one, 1)
    expect(bench.services.asked).toEqual([
      `stop ${SOCKET} ${SERVICE}`,
      'reload',
      `enable ${SOCKET} ${SERVICE}`,
      `start ${SOCKET}`,
      `restart ${SERVICE}`,
    ])
    expect(await bench.read(unitPath(SERVICE))).toContain('first')
    expect(await observe()).toMatchObject({
      name: 'node1',
      current: { ...generation, version: '1.0.0', areSettingsIntact: true, isReleaseIntact: true },
      process: { state: 'running', isSupervised: true, restarts: 0 },
    })
    expect(await bench.session.call('liveness', {}, signal)).toBe('alive')
  })

  it('leaves the socket alone when only the release is another', async () => {
    await bench.deploy(bench.one, 1)
    bench.services.asked.length = 0
    await bench.deploy(bench.two, 2)
    expect(bench.services.asked).toEqual([`enable ${SOCKET} ${SERVICE}`, `restart ${SERVICE}`])
  })

  it('reads units again when the service has another, and lets the socket listen on', async () => {
    await bench.deploy(bench.one, 1)
    bench.services.asked.length = 0
    await bench.deploy(bench.one, 2, settingsOf({ unit: 'second' }))
    expect(bench.services.asked).toEqual([
      'reload',
      `enable ${SOCKET} ${SERVICE}`,
      `restart ${SERVICE}`,
    ])
  })

  it('ends the socket when it is to listen elsewhere', async () => {
    await bench.deploy(bench.one, 1)
    bench.services.asked.length = 0
    await bench.deploy(bench.one, 2, settingsOf({ listen: '8001' }))
    expect(bench.services.asked[0]).toBe(`stop ${SOCKET} ${SERVICE}`)
    expect(bench.services.asked).toContain(`start ${SOCKET}`)
  })

  it('is refused to a lock that is over, and changes nothing', async () => {
    const first = await bench.deploy(bench.one, 2)
    const { generation } = await bench.stage(bench.two)
    bench.services.asked.length = 0
    const late = bench.session.call('activate', { generation, fence: 1 }, signal)
    await expect(late).rejects.toMatchObject({ code: 'fenced', exit: 'locked' })
    expect((await observe()).current).toMatchObject(first)
    expect(bench.services.asked).toEqual([])
  })

  it('that was cut after the switch is completed when it is asked again', async () => {
    await bench.deploy(bench.one, 1)
    const settings = settingsOf({ unit: 'second' })
    const { generation } = await bench.stage(bench.two, settings)
    bench.services.fails = new Error('cut')
    const cut = bench.session.call('activate', { generation, fence: 2 }, signal)
    await expect(cut).rejects.toThrow('cut')
    bench.services.unread.add(SERVICE)
    bench.services.asked.length = 0
    await bench.session.call('activate', { generation, fence: 2 }, signal)
    expect(bench.services.asked).toContain('reload')
    expect(bench.services.asked.at(-1)).toBe(`restart ${SERVICE}`)
    expect((await observe()).current).toMatchObject({ ...generation, areSettingsIntact: true })
  })
})

describe('a unit that was edited on the host', () => {
  it('is drift, is kept, and comes back with a restore', async () => {
    const wanted = await bench.deploy(bench.one, 1)
    const path = join(bench.folder, unitPath(SERVICE))
    await writeFile(path, '[Service]\n# by hand\n')
    const edited = (await observe()).current
    expect(edited).toMatchObject({ release: wanted.release, areSettingsIntact: false })
    expect(edited?.settings).not.toBe(wanted.settings)

    await bench.session.call('activate', { generation: wanted, fence: 2 }, signal)
    expect(await bench.read(unitPath(SERVICE))).toContain('first')
    const generation = { release: wanted.release, settings: edited?.settings ?? '' }
    const previous = { generation, configDigest: null, state: 'running' as const }
    await bench.session.call('restore', { previous, fence: 3 }, signal)
    expect(await bench.read(unitPath(SERVICE))).toContain('by hand')
    expect((await observe()).current).toMatchObject({ ...generation, areSettingsIntact: true })
  })

  it('is drift when it was removed', async () => {
    await bench.deploy(bench.one, 1)
    await rm(join(bench.folder, unitPath(SOCKET)))
    expect((await observe()).current).toMatchObject({ areSettingsIntact: false })
  })
})

describe('restoring', () => {
  it('brings back generation and units', async () => {
    const before = await bench.deploy(bench.one, 1)
    await bench.deploy(bench.two, 2, settingsOf({ unit: 'second' }))
    const previous = { generation: before, configDigest: 'c', state: 'running' as const }
    await bench.session.call('restore', { previous, fence: 2 }, signal)
    expect((await observe()).current).toMatchObject({ ...before, areSettingsIntact: true })
    expect(await bench.read(unitPath(SERVICE))).toContain('first')
    bench.services.asked.length = 0
    await bench.session.call('restore', { previous, fence: 2 }, signal)
    expect(bench.services.asked).toEqual([])
  })

  it('to nothing leaves no unit and nothing that starts', async () => {
    await bench.deploy(bench.one, 1)
    const previous = { generation: null, configDigest: null, state: 'stopped' as const }
    await bench.session.call('restore', { previous, fence: 1 }, signal)
    expect(await readdir(join(bench.folder, 'etc/systemd/system'))).toEqual([])
    expect(bench.services.enabled.size).toBe(0)
    expect(await observe()).toMatchObject({ current: null, process: { state: 'stopped' } })
  })

  it('to stopped switches back without a start', async () => {
    const before = await bench.deploy(bench.one, 1)
    await bench.deploy(bench.two, 2)
    bench.services.asked.length = 0
    const previous = { generation: before, configDigest: 'c', state: 'stopped' as const }
    await bench.session.call('restore', { previous, fence: 2 }, signal)
    expect(await observe()).toMatchObject({ current: before, process: { state: 'stopped' } })
    expect(bench.services.asked.filter((asked) => /^(?:re)?start /.test(asked))).toEqual([])
  })
})

describe('what runs', () => {
  it('is dead once it exited, though it runs again', async () => {
    await bench.deploy(bench.one, 1)
    bench.services.exitsAndRestarts()
    expect(await bench.session.call('liveness', {}, signal)).toBe('dead')
    expect((await observe()).process).toMatchObject({
      state: 'running',
      restarts: 1,
      lastExit: { code: 3 },
    })
    bench.services.exitsAndRestarts()
    bench.services.exitsAndRestarts()
    expect((await observe()).process.state).toBe('failing')
  })

  it('is meant to be up while its socket listens', async () => {
    await bench.deploy(bench.one, 1)
    await bench.services.stop([SERVICE])
    bench.services.listening.add(SOCKET)
    expect((await observe()).process.state).toBe('failing')
  })

  it('is stopped for good, and started again', async () => {
    await bench.deploy(bench.one, 1)
    await bench.session.call('stop', {}, signal)
    expect(bench.services.enabled.size).toBe(0)
    expect((await observe()).process.state).toBe('stopped')
    await bench.session.call('start', {}, signal)
    expect((await observe()).process.state).toBe('running')
    expect(bench.services.enabled).toEqual(new Set([SOCKET, SERVICE]))
    expect(await bench.session.call('liveness', {}, signal)).toBe('alive')
  })

  it('has a log', async () => {
    const { events } = bench.session.open('logs', { lines: 5, follow: false }, signal)
    const lines: string[] = []
    for await (const event of events) lines.push(...event.lines)
    expect(lines).toEqual(['one', 'two'])
  })

  it('cannot be started before a deploy', async () => {
    await expect(bench.session.call('start', {}, signal)).rejects.toMatchObject({
      code: 'not-deployed',
    })
  })
})

describe('taking away', () => {
  it('prunes all but what is kept and what is current', async () => {
    const first = await bench.deploy(bench.one, 1)
    const second = await bench.deploy(bench.two, 2)
    const { generation: third } = await bench.stage(bench.one, settingsOf({ more: 'X=1\n' }))
    await bench.session.call('prune', { keep: [first], fence: 2 }, signal)
    const { held } = await observe()
    expect(held.map(({ release, settings }) => ({ release, settings }))).toEqual(
      expect.arrayContaining([first, second]),
    )
    expect(await bench.session.call('check', third, signal)).toBe('absent')
  })
})

describe('the record', () => {
  const owner = { user: 'ana', host: 'laptop', pid: 7, processStart: '', command: 'deploy' }

  it('is held by one, seen by all, and written under the lock only', async () => {
    const { session } = bench
    const held = await session.call('record.acquire', { owner, token: null }, signal)
    if (!held.isHeld) throw new Error('the lock was free')
    const { token } = held
    expect(held.record).toMatchObject({ journal: [], register: { proven: [] } })
    expect(await session.call('record.acquire', { owner, token: null }, signal)).toMatchObject({
      isHeld: false,
      holder: { owner: 'ana@laptop', command: 'deploy', token },
    })
    await session.call('record.renew', { token }, signal)
    const record = { type: 'end' as const, run: 'x', at: 'now', result: 'deployed' as const }
    await session.call('record.append', { records: [record], token }, signal)
    await expect(
      session.call('record.append', { records: [record], token: token - 1 }, signal),
    ).rejects.toMatchObject({ code: 'lock-lost' })
    await session.call('record.release', { token }, signal)
    expect(await session.call('record.look', {}, signal)).toMatchObject({
      holder: null,
      journal: [record],
    })
  })

  it('takes the token that is asked for, or tells the newest', async () => {
    const { session } = bench
    const token = Date.now() * 2
    expect(await session.call('record.acquire', { owner, token }, signal)).toMatchObject({
      isHeld: true,
      token,
    })
    expect(await session.call('record.unlock', { token: token - 1 }, signal)).toMatchObject({
      holder: { owner: 'ana@laptop', token },
    })
    expect(await session.call('record.unlock', { token }, signal)).toEqual({ holder: null })
    expect(await session.call('record.acquire', { owner, token }, signal)).toEqual({
      isHeld: false,
      newest: token + 1,
    })
  })
})
