import { lstat, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostBench, SERVICE, SOCKET } from './fixtures/host-bench.ts'

const { signal } = new AbortController()
let bench: HostBench
beforeEach(async () => {
  bench = await HostBench.make()
})
afterEach(async () => bench[Symbol.asyncDispose]())

const units = 'etc/systemd/system'

describe('a teardown', () => {
  const owner = { user: 'ana', host: 'laptop', pid: 7, processStart: '', command: 'teardown' }
  const lock = async (): Promise<number> => {
    const held = await bench.session.call('record.acquire', { owner, token: null }, signal)
    if (!held.isHeld) throw new Error('the lock was free')
    return held.token
  }
  const teardown = async (keepsData: boolean, fence: number) =>
    bench.session.call('teardown', { keepsData, fence }, signal)
  const traces = async () => bench.session.call('traces', {}, signal)
  const listOf = async (path: string) => readdir(join(bench.folder, path), { recursive: true })

  it('tells all that goes, and then nothing is left of it', async () => {
    await bench.deploy(bench.one, 1)
    await writeFile(join(bench.host.root, 'shared/data/log'), 'entries')
    const fence = await lock()
    const told = await traces()
    const { root, etc } = bench.host
    expect(told).toMatchObject({
      isRunning: true,
      data: { path: join(root, 'shared/data'), files: 1, bytes: 7 },
      stays: [],
      unseen: null,
    })
    const names = told.found.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        join(etc, 'systemd/system', SERVICE),
        join(etc, 'systemd/system', SOCKET),
        join(root, 'shared/.env'),
        join(root, 'generations'),
        join(root, 'record'),
        'aethel-lattice',
      ]),
    )
    expect(await teardown(false, fence)).toEqual({ left: [] })
    await expect(lstat(root)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await listOf(units)).toEqual([])
    expect(bench.services.enabled.size).toBe(0)
    expect(await traces()).toMatchObject({ isRunning: false, found: [], data: null })
  })

  it('keeps data, and nothing else; the next deploy finds them', async () => {
    await bench.deploy(bench.one, 1)
    await writeFile(join(bench.host.root, 'shared/data/log'), 'entries')
    expect(await teardown(true, await lock())).toEqual({ left: [] })
    expect((await listOf('root')).toSorted()).toEqual(['shared', 'shared/data', 'shared/data/log'])
    expect((await traces()).data).toMatchObject({ files: 1 })
    await bench.deploy(bench.one, 1)
    expect(await bench.read('root/shared/data/log')).toBe('entries')
  })

  it('leaves what is not ours, and says so', async () => {
    await bench.deploy(bench.one, 1)
    const mine = ['shared/notes', 'backup.tar'].map((name) => join(bench.host.root, name))
    for (const path of mine) await writeFile(path, 'x')
    const { left } = await teardown(false, await lock())
    expect(left).toEqual(mine)
    expect((await listOf('root')).toSorted()).toEqual(['backup.tar', 'shared', 'shared/notes'])
  })

  it('lets the user stay where another node has it', async () => {
    await bench.deploy(bench.one, 1)
    await writeFile(join(bench.folder, units, 'aethel-lattice-node2.service'), '')
    expect((await traces()).stays).toEqual(['user aethel-lattice: it runs node2, too'])
    await teardown(false, await lock())
    expect(await bench.host.users.find('aethel-lattice')).not.toBeNull()
    expect(await listOf(units)).toEqual(['aethel-lattice-node2.service'])
  })

  it('that was cut is completed when it is asked again', async () => {
    await bench.deploy(bench.one, 1)
    const fence = await lock()
    bench.services.fails = new Error('cut')
    await expect(teardown(false, fence)).rejects.toThrow('cut')
    expect(await teardown(false, fence)).toEqual({ left: [] })
    await expect(lstat(bench.host.root)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is refused without the lock, and touches nothing', async () => {
    const first = await bench.deploy(bench.one, 1)
    const fence = await lock()
    await expect(teardown(false, fence - 1)).rejects.toMatchObject({ code: 'lock-lost' })
    expect(await bench.session.call('observe', {}, signal)).toMatchObject({
      current: first,
      process: { state: 'running' },
    })
  })
})
