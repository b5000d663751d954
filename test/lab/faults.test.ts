/** What can befall a host: its plug, its disk, its clock, its distance. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { beforeAll, afterAll, describe, expect, test } from 'vitest'
import { Distance } from './distance.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { attempt, run } from './shell.ts'
import { upTestLab } from './test-lab.ts'

const HOUR_MS = 3_600_000

let lab: Lab
let host: Host
beforeAll(async () => {
  lab = await upTestLab({ hostCount: 1 })
  host = lab.host('node1')
})
afterAll(() => lab?.down())

const write = (name: string, isSynced: boolean) =>
  host.exec(['sh', '-c', `echo kept > /root/${name}; ${isSynced ? `sync /root/${name}` : ':'}`])

describe('power', () => {
  test('pulled, takes every process at once and what was not synced', async () => {
    await host.exec(['systemd-run', '--unit=busy', 'sleep', 'infinity'])
    await write('synced', true)
    await write('unsynced', false)
    await host.powerOff()
    expect(await host.isOn()).toBe(false)
    await expect(host.exec(['true'])).rejects.toThrow('node1 is off')
    expect(await host.readFile('/root/synced')).toBe('kept\n')
    await expect(host.readFile('/root/unsynced')).rejects.toThrow('ENOENT')
    expect(await host.boot()).toEqual([])
    expect((await host.attempt(['systemctl', 'is-active', 'busy'])).stdout).toBe('inactive\n')
  })

  test('switched off in order, keeps everything', async () => {
    await write('in-order', false)
    await host.shutDown()
    expect(await host.isOn()).toBe(false)
    expect(await host.boot()).toEqual([])
    expect(await host.readFile('/root/in-order')).toBe('kept\n')
  })

  test('a host that reboots itself comes back', async () => {
    await host.exec(['touch', '/run/before'])
    expect(await host.reboot()).toEqual([])
    expect((await host.attempt(['test', '-e', '/run/before'])).code).toBe(1)
    expect((await attempt`ssh -F ${lab.files.sshConfig} node1 true`).exitCode).toBe(0)
  })
})

describe('a disk', () => {
  test('that is full refuses to grow, and takes again what fits', async () => {
    const grow = ['dd', 'if=/dev/zero', 'of=/root/more', 'bs=1M', 'count=8', 'conv=fsync']
    host.disk.fill(1024 * 1024)
    const refused = await host.attempt(grow)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('No space left on device')
    host.disk.free()
    expect((await host.attempt(grow)).code).toBe(0)
  })

  test('that fails is read-only under whoever uses it, until it is checked', async () => {
    host.disk.fail()
    const refused = await host.attempt(['touch', '/root/refused'])
    expect(refused.stderr).toContain('Read-only file system')
    expect(await host.exec(['cat', '/etc/hostname'])).toBe('node1\n')
    await host.powerOff()
    await host.mendDisk()
    expect(await host.boot()).toEqual([])
    await host.exec(['touch', '/root/taken'])
  })
})

describe('a clock', () => {
  const secondsOff = async (...command: string[]): Promise<number> =>
    Number((await run`ssh -F ${lab.files.sshConfig} ${command}`).stdout) - Date.now() / 1000

  test('may be an hour off for sessions, sudo and units, until a reboot', async () => {
    const unit = 'systemd-run --wait --pipe --quiet --property=DynamicUser=yes date +%s'
    for (const offsetMs of [HOUR_MS, -HOUR_MS]) {
      await host.setClock(offsetMs)
      for (const command of ['date +%s', 'sudo date +%s', unit]) {
        const offSeconds = await secondsOff('node1', command)
        expect(Math.abs(offSeconds - offsetMs / 1000)).toBeLessThan(60)
      }
    }
    expect(await host.reboot()).toEqual([])
    expect(Math.abs(await secondsOff('node1', 'date +%s'))).toBeLessThan(60)
  })

  test('is another one for whoever comes at once', async () => {
    for (let times = 0; times < 8; times++) {
      await host.setClock(HOUR_MS)
      await using connection = connect(22, host.address)
      await once(connection, 'connect')
    }
    expect(Math.abs((await secondsOff('node1', 'date +%s')) - HOUR_MS / 1000)).toBeLessThan(60)
  })

  test('that is off leaves durations alone', async () => {
    await host.setClock(HOUR_MS)
    const started = performance.now()
    await run`ssh -F ${lab.files.sshConfig} node1 ${'systemd-run --wait --quiet sleep 1'}`
    const tookMs = performance.now() - started
    expect(tookMs).toBeGreaterThan(1000)
    expect(tookMs).toBeLessThan(60_000)
  })
})

describe('a distance', () => {
  test('makes each round trip take its time, and counts them', async () => {
    const rttMs = 200
    await using far = await Distance.to(lab, host, 22, rttMs)
    const target = ['-p', String(far.port), '-l', 'root', far.address, 'echo far']
    const started = performance.now()
    const said = await run`ssh -F ${lab.files.sshConfig} ${target}`
    const tookMs = performance.now() - started
    expect(said.stdout).toBe('far\n')
    const { connections, roundTrips } = await far.traffic()
    expect(connections).toBe(1)
    expect(roundTrips).toBeGreaterThan(4)
    expect(tookMs).toBeGreaterThan((roundTrips - 1) * rttMs)
  })
})

describe('a reset', () => {
  test('makes a bare host that the same known hosts let in', async () => {
    await write('old', true)
    await host.exec(['useradd', 'stranger'])
    await host.link.cut({ port: 1, durationMs: HOUR_MS })
    const machineId = await host.readFile('/etc/machine-id')
    expect(await host.reset()).toEqual([])
    expect((await host.attempt(['id', 'stranger'])).code).toBe(1)
    expect(await host.exec(['ls', '/root'])).toBe('')
    expect(await host.exec(['nft', 'list', 'ruleset'])).toBe('')
    expect(await host.readFile('/etc/machine-id')).not.toBe(machineId)
    expect((await run`ssh -F ${lab.files.sshConfig} node1 hostname`).stdout).toBe('node1\n')
  })

  test('takes a host that lies in ruins', async () => {
    await host.exec(['rm', '-rf', '--no-preserve-root', '/usr', '/etc'])
    expect(await host.reset()).toEqual([])
    expect(await host.exec(['hostname'])).toBe('node1\n')
  })
})
