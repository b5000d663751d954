/** The lab itself: what the other scenarios stand on. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readInventory } from '../../src/ops/inventory/read.ts'
import { until } from './container.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { attempt } from './shell.ts'
import { upTestLab } from './test-lab.ts'

/** Much longer than a connection on one machine takes, much shorter than a cut. */
const DIAL_MS_MAX = 500
const CUT_MS = 4000

let lab: Lab
let first: Host
let second: Host
beforeAll(async () => {
  lab = await upTestLab()
  first = lab.host('node1')
  second = lab.host('node2')
})
afterAll(() => lab?.down())

const ssh = (who: string, command: string, ...options: string[]) =>
  attempt`ssh -F ${lab.files.sshConfig} ${options} ${who} ${command}`

/** Whether this machine reaches a port of the host. */
const reaches = ({ address }: Host, port = 22): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: DIAL_MS_MAX })
    const answer = (isReached: boolean) => {
      socket.destroy()
      resolve(isReached)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('timeout', () => answer(false))
  })

const reachesSecond = async (): Promise<boolean> => {
  const dial = `exec 3<>/dev/tcp/${second.address}/22`
  const { code } = await first.attempt(['timeout', '0.5', 'bash', '-c', dial])
  return code === 0
}

describe('a host', () => {
  test('is a whole Debian: systemd runs, nothing failed', async () => {
    for (const host of lab.hosts) {
      expect(await host.exec(['systemctl', 'list-units', '--failed', '--no-legend'])).toBe('')
      expect(await host.exec(['systemctl', 'is-system-running'])).toBe('running\n')
      expect(await host.exec(['cat', '/proc/1/comm'])).toBe('systemd\n')
      expect(await host.exec(['hostname'])).toBe(`${host.name}\n`)
    }
  })

  test('is bare: caddy is there and does not run, nothing of ours is', async () => {
    const caddy = await first.attempt(['systemctl', 'is-active', 'caddy'])
    expect(caddy.stdout).toBe('inactive\n')
    expect((await first.attempt(['which', 'node', 'python3', 'rsync'])).stdout).toBe('')
    expect((await first.attempt(['test', '-e', '/opt/aethel-lattice'])).code).toBe(1)
  })

  test('may have a firewall of its own, and units in a sandbox', async () => {
    await first.exec(['nft', 'add', 'table', 'inet', 'own'])
    expect(await first.exec(['nft', 'list', 'tables'])).toContain('table inet own')
    expect(await second.exec(['nft', 'list', 'tables'])).not.toContain('table inet own')
    await first.exec(['nft', 'delete', 'table', 'inet', 'own'])
    const sandbox = ['DynamicUser=yes', 'ProtectSystem=strict', 'PrivateDevices=yes']
    const properties = sandbox.flatMap((property) => ['--property', property])
    const run = ['systemd-run', '--wait', '--pipe', '--quiet', ...properties]
    expect(await first.exec([...run, 'id', '-u'])).toMatch(/^6\d{4}\n$/)
    const refused = await first.attempt([...run, 'touch', '/usr/bin/mine'])
    expect(refused.stderr).toContain('Read-only file system')
  })
})

describe('over SSH', () => {
  test('root logs in at the first host, a user with sudo at the second', async () => {
    expect((await ssh('node1', 'id -un')).stdout).toBe('root\n')
    expect((await ssh('node2', 'id -un; sudo -n id -un')).stdout).toBe('operator\nroot\n')
  })

  test('the user asker must give sudo a password', async () => {
    const refused = await ssh('asker@node2', 'sudo -n id -un')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain('a password is required')
    const password = readFileSync(lab.files.sudoPassword)
    const asked = ['-F', lab.files.sshConfig, 'asker@node2', 'sudo -S id -un']
    const wrong = await attempt({ input: 'another\n' })`ssh ${asked}`
    expect(wrong).toMatchObject({ exitCode: 1, stdout: '' })
    expect((await attempt({ input: password })`ssh ${asked}`).stdout).toBe('root\n')
  })

  test('a host key that is not known is refused', async () => {
    const other = await ssh('node1', 'id -un', '-o', 'HostKeyAlgorithms=ecdsa-sha2-nistp256')
    expect(other).toMatchObject({ exitCode: 255, stdout: '' })
    expect(other.stderr).toContain('Host key verification failed')
  })

  test('nodes.yaml names the hosts and how to log in', async () => {
    const { nodes } = await readInventory(lab.files.inventory)
    expect(nodes).toMatchObject([
      { kind: 'server', role: 'primary', host: first.address, ssh: { user: 'root' } },
      { kind: 'server', role: 'backup', host: second.address, ssh: { user: 'operator' } },
    ])
  })
})

describe('a cut', () => {
  test('drops what passes between two hosts, and ends by itself', async () => {
    expect(await reachesSecond()).toBe(true)
    await first.link.cut({ with: [second], durationMs: CUT_MS })
    const cutMs = performance.now()
    expect(await reachesSecond()).toBe(false)
    expect(await reaches(first)).toBe(true)
    await until('the hosts reach each other', reachesSecond, 3 * CUT_MS)
    expect(performance.now() - cutMs).toBeGreaterThan(CUT_MS / 2)
  })

  test('may leave all but one port alone', async () => {
    await first.exec(['systemd-run', '--unit=web', 'perl', '-MIO::Socket', '-e', listen8000])
    await until('port 8000 answers', () => reaches(first, 8000), DIAL_MS_MAX * 10)
    await first.link.cut({ port: 8000, durationMs: 60_000 })
    expect(await reaches(first, 8000)).toBe(false)
    expect(await reaches(first)).toBe(true)
    await first.link.heal()
    expect(await reaches(first, 8000)).toBe(true)
    await first.exec(['systemctl', 'stop', 'web'])
  })

  test('may drop one direction only', async () => {
    await first.link.cut({ with: [second], direction: 'out', durationMs: 60_000 })
    expect(await reachesSecond()).toBe(false)
    expect(await datagramsArrived()).toBe(1)
    await first.link.heal()
    await first.link.cut({ with: [second], direction: 'in', durationMs: 60_000 })
    expect(await reachesSecond()).toBe(false)
    expect(await datagramsArrived()).toBe(0)
    await first.link.heal()
    expect(await reachesSecond()).toBe(true)
  })
})

/** The second host sends the first one a datagram. Nobody listens there; the kernel counts it. */
async function datagramsArrived(): Promise<number> {
  const count = async (): Promise<number> => {
    const counters = await first.exec(['cat', '/proc/net/snmp'])
    return Number(/^Udp: \d+ (\d+)/m.exec(counters)?.[1])
  }
  const before = await count()
  await second.exec(['bash', '-c', `echo hi >/dev/udp/${first.address}/9`])
  await sleep(DIAL_MS_MAX)
  return (await count()) - before
}

const listen8000 =
  'my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5, ReuseAddr => 1) or die; while (my $c = $s->accept) { close $c }'
