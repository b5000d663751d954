/** What `doctor` finds on real hosts, and that it leaves them as they were. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtCli, type BuiltCli } from '../cli/built-cli.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { upTestLab } from './test-lab.ts'

const execute = promisify(execFile)

interface Check {
  id: string
  verdict: string
  finding: string
  hint: string | null
}

interface Report {
  code: number | null
  verdict: string
  checksOf(node: string): Check[]
  check(node: string, id: string): Check | undefined
  dials: { from: string; to: string; transport: string; outcome: string | null }[]
}

let cli: BuiltCli
let lab: Lab
let first: Host
let second: Host
beforeAll(async () => {
  cli = await builtCli()
  lab = await upTestLab()
  first = lab.host('node1')
  second = lab.host('node2')
})
afterAll(async () => {
  cli?.remove()
  await lab?.down()
})

interface Asking {
  home?: string
  inventory?: string
  node?: string
}

async function doctor({ home, inventory, node }: Asking = {}): Promise<Report> {
  const file = inventory ?? lab.files.inventory
  const args = ['doctor', ...(node === undefined ? [] : [node]), '--json', '--file', file]
  const environment = { HOME: home ?? lab.files.home }
  const { code, out } = await cli.run(args, { cwd: lab.place.directory, environment })
  const { verdict, nodes, dials } = JSON.parse(out) as {
    verdict: string
    nodes: { name: string; checks: Check[] }[]
    dials: Report['dials']
  }
  const checksOf = (name: string): Check[] => nodes.find((one) => one.name === name)?.checks ?? []
  return {
    code,
    verdict,
    checksOf,
    check: (name, id) => checksOf(name).find((check) => check.id === id),
    dials,
  }
}

/** All that the host's disk holds; logins and logs are written by the host itself. */
const listing = (host: Host): Promise<string> =>
  host.exec([
    'sh',
    '-c',
    `find / -xdev \\( -path /var/log -o -path /run \\) -prune -o -printf '%p %y %m %u %s %T@ %C@ %l\\n' | sort`,
  ])

describe('healthy bare hosts', () => {
  test('PASS, and are not changed', async () => {
    const before = await Promise.all(lab.hosts.map(listing))
    const report = await doctor()
    expect(report).toMatchObject({ code: 0, verdict: 'PASS' })
    for (const { name } of lab.hosts) {
      const checks = report.checksOf(name)
      expect(checks.map(({ id }) => id)).toEqual(
        'dns route ssh host-key authentication sudo system disk memory clock node ports'.split(' '),
      )
      expect(checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([])
    }
    expect(report.dials.map(({ outcome }) => outcome)).toEqual(Array(4).fill('closed'))
    expect(await Promise.all(lab.hosts.map(listing))).toEqual(before)
  })

  test('are told in lines that people read', async () => {
    const { code, out } = await cli.run(['doctor', '--file', lab.files.inventory], {
      cwd: lab.place.directory,
      environment: { HOME: lab.files.home },
    })
    expect(code).toBe(0)
    expect(out).toContain(`node2 operator@${second.address}:22\n  ✔ PASS     dns, route, ssh`)
    expect(out).toContain('node1 to node2 (HTTP and libp2p): nothing listens there yet')
  })
})

describe('a way that is cut', () => {
  const drop = `add table inet own
add chain inet own out { type filter hook output priority 0; }
add rule inet own out ip daddr ADDRESS tcp dport 9000 drop\n`

  test('in one direction, for one port, is found in that direction', async () => {
    await first.exec(['nft', '-f', '-'], { input: drop.replace('ADDRESS', second.address) })
    const report = await doctor()
    await first.exec(['nft', 'delete', 'table', 'inet', 'own'])
    expect(report).toMatchObject({ code: 1, verdict: 'FAIL' })
    expect(report.check('node1', 'dials')).toMatchObject({
      verdict: 'FAIL',
      finding: `gets no answer from node2 (libp2p, ${second.address}:9000)`,
      hint: expect.stringContaining('let node1 through to node2'),
    })
    expect(report.check('node2', 'dials')).toBe(undefined)
    expect(report.dials.map(({ from, transport, outcome }) => [from, transport, outcome])).toEqual([
      ['node1', 'http', 'closed'],
      ['node1', 'p2p', 'silent'],
      ['node2', 'http', 'closed'],
      ['node2', 'p2p', 'closed'],
    ])
  })

  test('from here leaves all of the host unknown', async () => {
    await first.link.cut({ with: [lab.machine], durationMs: 60_000 })
    const report = await doctor({ node: 'node1' })
    await first.link.heal()
    expect(report.code).toBe(1)
    expect(report.check('node1', 'route')).toMatchObject({
      verdict: 'FAIL',
      hint: expect.stringContaining('firewall'),
    })
    for (const id of ['ssh', 'sudo', 'disk', 'clock', 'ports', 'dials']) {
      expect(report.check('node1', id)?.verdict).toBe('UNKNOWN')
    }
  })
})

describe('a login that does not come to pass', () => {
  test('for want of the right host key', async () => {
    const home = await mkdtemp(join(tmpdir(), 'aethel-doctor-home-'))
    await cp(lab.files.home, home, { recursive: true })
    const [one = '', two = ''] = (await readFile(lab.files.knownHosts, 'utf8')).split('\n')
    const [, ...twoKey] = two.split(' ')
    await writeFile(
      join(home, '.ssh/known_hosts'),
      `${one.split(' ')[0]} ${twoKey.join(' ')}\n${two}\n`,
    )
    await writeFile(
      join(home, '.ssh/config'),
      (await readFile(lab.files.sshConfig, 'utf8')).replaceAll(lab.files.home, home),
    )
    const report = await doctor({ home })
    await rm(home, { recursive: true })
    expect(report).toMatchObject({ code: 1, verdict: 'FAIL' })
    expect(report.check('node1', 'ssh')?.verdict).toBe('PASS')
    expect(report.check('node1', 'host-key')).toMatchObject({
      verdict: 'FAIL',
      finding: expect.stringContaining('is known by'),
      hint: expect.any(String),
    })
    expect(report.check('node1', 'disk')?.verdict).toBe('UNKNOWN')
    expect(report.check('node2', 'host-key')?.verdict).toBe('PASS')
  })

  test('for want of a server', async () => {
    await second.exec(['systemctl', 'stop', 'ssh'])
    const report = await doctor()
    await second.exec(['systemctl', 'start', 'ssh'])
    expect(report.code).toBe(1)
    expect(report.check('node2', 'route')).toMatchObject({
      verdict: 'FAIL',
      finding: expect.stringContaining('nothing listens on that port'),
      hint: expect.stringContaining('sshd'),
    })
    expect(report.check('node1', 'route')?.verdict).toBe('PASS')
  })

  test('for want of an account', async () => {
    const inventory = await withUser('node2', 'nobody-there')
    const report = await doctor({ inventory, node: 'node2' })
    expect(report.code).toBe(1)
    expect(report.check('node2', 'host-key')?.verdict).toBe('PASS')
    expect(report.check('node2', 'authentication')).toMatchObject({
      verdict: 'FAIL',
      finding: expect.stringContaining('login refused'),
    })
  })
})

/** The lab's nodes.yaml, with another user for one node. */
async function withUser(node: string, user: string): Promise<string> {
  const text = await readFile(lab.files.inventory, 'utf8')
  const path = join(lab.place.directory, 'other-user.yaml')
  const at = text.indexOf(`name: ${node}`)
  await writeFile(path, text.slice(0, at) + text.slice(at).replace(/user: \w+/, `user: ${user}`))
  return path
}

describe('sudo', () => {
  test('that asks for a password is unknown', async () => {
    const report = await doctor({ inventory: await withUser('node2', 'asker'), node: 'node2' })
    expect(report).toMatchObject({ code: 2, verdict: 'UNKNOWN' })
    expect(report.check('node2', 'sudo')).toMatchObject({
      verdict: 'UNKNOWN',
      hint: expect.stringContaining('NOPASSWD'),
    })
    expect(report.check('node2', 'disk')?.verdict).toBe('UNKNOWN')
    expect(report.check('node2', 'memory')?.verdict).toBe('PASS')
  })

  test('that is not there fails', async () => {
    await second.exec(['mv', '/usr/bin/sudo', '/usr/bin/sudo.away'])
    const report = await doctor({ node: 'node2' })
    await second.exec(['mv', '/usr/bin/sudo.away', '/usr/bin/sudo'])
    expect(report.code).toBe(1)
    expect(report.check('node2', 'sudo')).toMatchObject({
      verdict: 'FAIL',
      finding: 'there is no sudo, and operator is not root',
      hint: expect.stringContaining('apt-get install sudo'),
    })
  })
})

describe('a port that another process has', () => {
  const listen =
    'my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5, ReuseAddr => 1) or die; sleep'

  test('is told with its name and number, and is no node', async () => {
    await first.exec(['systemd-run', '--unit=web', 'perl', '-MIO::Socket', '-e', listen])
    const pid = (await first.exec(['systemctl', 'show', '-P', 'MainPID', 'web'])).trim()
    await first.exec(['sh', '-c', 'until ss -Hltn "sport = :8000" | grep -q .; do sleep 0.1; done'])
    const report = await doctor()
    await first.exec(['systemctl', 'stop', 'web'])
    expect(report.code).toBe(1)
    expect(report.check('node1', 'ports')).toMatchObject({
      verdict: 'FAIL',
      finding: `perl (pid ${pid}) listens on 8000 (HTTP)`,
      hint: expect.stringContaining('stop it'),
    })
    expect(report.check('node1', 'url')?.verdict).toBe('FAIL')
    expect(report.check('node2', 'dials')).toMatchObject({
      verdict: 'PASS',
      finding: `reaches node1 (HTTP, ${first.address}:8000)`,
    })
  })
})

describe('a clock', () => {
  test('that is an hour ahead fails', async () => {
    await second.setClock(3_600_000)
    const report = await doctor()
    await second.setClock(0)
    expect(report.code).toBe(1)
    expect(report.check('node2', 'clock')).toMatchObject({
      verdict: 'FAIL',
      finding: expect.stringMatching(/^(?:3600|3599|3601) s ahead of this machine’s/),
      hint: expect.stringContaining('NTP'),
    })
    expect(report.check('node1', 'clock')?.verdict).toBe('PASS')
  })
})

describe('a disk', () => {
  test('that is full fails', async () => {
    first.disk.fill(64 * 1024 * 1024)
    const report = await doctor({ node: 'node1' })
    first.disk.free()
    expect(report.code).toBe(1)
    expect(report.check('node1', 'disk')).toMatchObject({
      verdict: 'FAIL',
      finding: expect.stringMatching(/^only \d+\.\d MB and \d+ files free in \/opt$/),
      hint: expect.stringContaining('make room'),
    })
  })

  test('that is read-only fails', async () => {
    await first.exec(['mount', '--bind', '/opt', '/opt'])
    await first.exec(['mount', '-o', 'remount,bind,ro', '/opt'])
    const report = await doctor({ node: 'node1' })
    await first.exec(['umount', '/opt'])
    expect(report.code).toBe(1)
    expect(report.check('node1', 'disk')).toMatchObject({
      verdict: 'FAIL',
      finding: '/opt is on a read-only file system (ro)',
      hint: expect.any(String),
    })
  })
})

describe('hosts whose nodes run', () => {
  beforeAll(async () => {
    for (const words of ['keys', 'deploy --yes']) {
      const args = [...words.split(' '), '--file', lab.files.inventory]
      const program = join(import.meta.dirname, '../../bin/aethel-lattice.js')
      const environment = { ...process.env, HOME: lab.files.home }
      await execute(process.execPath, [program, ...args], { env: environment })
    }
  })

  test('PASS: the listeners are ours, the urls answer, each reaches the other', async () => {
    const report = await doctor()
    expect(report).toMatchObject({ code: 0, verdict: 'PASS' })
    for (const { name } of lab.hosts) {
      const checks = report.checksOf(name)
      expect(checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([])
      expect(report.check(name, 'ports')?.finding).toBe(
        'the node listens on 8000 (HTTP) and 9000 (libp2p)',
      )
      expect(report.check(name, 'node')?.finding).toMatch(/^Node\.js \d+\.\d+\.\d+ is there$/)
      expect(report.check(name, 'url')?.finding).toContain(`answers as ${name}, release r`)
    }
    expect(report.dials.map(({ outcome }) => outcome)).toEqual(Array(4).fill('open'))
  })

  test('are told from those whose node is down', async () => {
    const unit = 'aethel-lattice-node2'
    await second.exec(['systemctl', 'stop', `${unit}.socket`, `${unit}.service`])
    const report = await doctor()
    expect(report.code).toBe(1)
    expect(report.check('node2', 'url')?.verdict).toBe('FAIL')
    expect(report.check('node2', 'ports')?.finding).toBe(
      'nobody listens on 8000 (HTTP) and 9000 (libp2p)',
    )
    expect(report.check('node1', 'url')?.verdict).toBe('PASS')
  })
})
