/** The script itself, in the shells that hosts have, on this machine. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../client/clock.ts'
import type { HostReading } from './evidence.ts'
import type { HostFacts, HostQuestions } from './facts.ts'
import { CLOCK_SAMPLES } from './limits.ts'
import { localSession } from './local-session.fixture.ts'
import { readHost } from './read-host.ts'

const { signal } = new AbortController()
const listener = createServer()
let taken: number
let root: string

beforeAll(async () => {
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  taken = (listener.address() as AddressInfo).port
})
afterAll(() => listener.close())
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aethel-doctor-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const questions = (changes: Partial<HostQuestions> = {}): HostQuestions => ({
  root: join(root, 'lattice'),
  unit: 'aethel-lattice-no-such-node',
  nodeVersion: '26.10.0',
  ports: [{ name: 'http', port: taken }],
  dials: [],
  ...changes,
})

const read = async (
  session: Parameters<typeof readHost>[0],
  asked: HostQuestions = questions(),
): Promise<Extract<HostReading, { kind: 'read' }>> => {
  const reading = await readHost(session, asked, systemClock, signal)
  if (reading.kind === 'unread') throw new Error(reading.why)
  return reading
}

const factsIn = async (
  shell: string,
  asked?: HostQuestions,
  options?: Parameters<typeof localSession>[1],
): Promise<HostFacts> => (await read(localSession(shell, options), asked)).facts

const shells = ['dash', 'bash'].filter((shell) => {
  try {
    execFileSync(shell, ['-c', ':'])
    return true
  } catch {
    return false
  }
})

it('is tried in more than one shell', () => {
  expect(shells).toContain('bash')
})

/** All that can change of files, but when they were read. */
const listing = (): string =>
  execFileSync('find', [root, '-printf', '%p %m %s %T@ %C@ %l\n'], { encoding: 'utf8' })

const isRoot = process.getuid?.() === 0

/** Each runs dozens of programs. */
const TEST_MS_MAX = 60_000

describe.each(shells)('in %s', { timeout: TEST_MS_MAX }, (shell) => {
  it('says what this machine is, who listens and what can be dialled, and changes nothing', async () => {
    writeFileSync(join(root, 'beside'), 'x')
    const before = listing()
    const { facts, clock } = await read(
      localSession(shell, { cwd: root }),
      questions({
        ports: [
          { name: 'http', port: taken },
          { name: 'p2p', port: 1 },
        ],
        dials: [
          { host: '127.0.0.1', port: taken },
          { host: '127.0.0.1', port: 1 },
          { host: 'no-such-name.invalid', port: 80 },
        ],
      }),
    )
    expect(listing()).toBe(before)
    expect(facts).toMatchObject({
      isWhole: true,
      uid: expect.any(Number),
      machine: expect.stringMatching(/^\w+$/),
      system: { id: expect.any(String) },
      memory: { totalBytes: expect.any(Number), availableBytes: expect.any(Number) },
      place: { path: root, isFolder: true, isWritable: true },
      disk: { freeBytes: expect.any(Number) },
      mount: { type: expect.any(String), options: expect.arrayContaining(['rw']) },
    })
    const asRoot = { sudo: 'needless', isDeployed: false, node: 'absent' }
    expect(facts).toMatchObject(isRoot ? asRoot : { node: null })
    const name = expect.any(String)
    expect([...facts.ports]).toEqual([
      [
        'http',
        [
          {
            address: `127.0.0.1:${taken}`,
            processes: [{ name, pid: process.pid, cgroups: expect.any(Array) }],
          },
        ],
      ],
      ['p2p', []],
    ])
    expect([...facts.dials].toSorted(([one], [other]) => one - other)).toEqual([
      [0, 'open'],
      [1, 'closed'],
      [2, 'unnamed'],
    ])
    expect(clock).toHaveLength(CLOCK_SAMPLES)
    for (const { offsetMs, rttMs } of clock) expect(Math.abs(offsetMs)).toBeLessThan(rttMs + 2)
  })

  it('sees what was deployed', async () => {
    const { root: place, nodeVersion } = questions()
    const bin = join(place, 'shared/node', nodeVersion, 'bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'node'), 'x', { mode: 0o755 })
    symlinkSync('generations/gone', join(place, 'current'))
    expect(await factsIn(shell)).toMatchObject({
      isDeployed: true,
      node: { ownerUid: process.getuid?.(), mode: 0o755, bytes: 1 },
      place: { path: place },
    })
  })

  it('sees that a program is none, and that a folder is a file', async () => {
    const { root: place, nodeVersion } = questions()
    const bin = join(place, 'shared/node', nodeVersion, 'bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'node'), 'x', { mode: 0o644 })
    expect(await factsIn(shell)).toMatchObject({ node: 'unfit' })

    rmSync(place, { recursive: true })
    writeFileSync(place, '')
    expect(await factsIn(shell)).toMatchObject({ place: { path: place, isFolder: false } })
  })

  const hostile = [
    '$(touch pwned)',
    '`touch pwned`',
    '"; touch pwned; "',
    "'; touch pwned; '",
    '; touch pwned #',
    '../../../pwned',
    '* ? [a-z] ~ $HOME',
    '-rf',
    '\\n%s%n',
    'ключ 🔑',
    ' ',
    '',
  ]

  it.each([hostile, hostile.toReversed()])(
    'is told what shells obey, and runs none of it',
    async (...values) => {
      const before = readdirSync(root)
      const all = values.join('')
      const facts = await factsIn(
        shell,
        questions({
          root: `/${all}`,
          unit: all,
          nodeVersion: all,
          ports: values.map((value) => ({ name: value, port: value as unknown as number })),
          dials: values.flatMap((host) => [
            { host, port: 1 },
            { host: '127.0.0.1', port: host as unknown as number },
          ]),
        }),
        { cwd: root },
      )
      expect(facts.isWhole).toBe(true)
      expect(facts.place?.path).toBe('/')
      expect([...facts.dials.values()]).not.toContain('open')
      expect(readdirSync(root)).toEqual(before)
    },
  )
})

describe('a host that lacks programs', { timeout: TEST_MS_MAX }, () => {
  const all = 'sh bash sudo id uname date getconf apt-get systemctl ss timeout df stat sleep'.split(
    ' ',
  )
  const without = (...missing: string[]): Parameters<typeof localSession>[1] => {
    const bin = join(root, 'bin')
    mkdirSync(bin)
    for (const name of all.filter((one) => !missing.includes(one))) {
      const found = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin']
        .map((folder) => join(folder, name))
        .find((path) => {
          try {
            return execFileSync('test', ['-x', path]) !== null
          } catch {
            return false
          }
        })
      if (found !== undefined) symlinkSync(found, join(bin, name))
    }
    return { edit: (text) => text.replace(/^PATH=.*$/m, `PATH=${bin}`) }
  }
  const dials = [{ host: '127.0.0.1', port: 1 }]

  it('leaves out what they would have told', async () => {
    const missing = ['ss', 'bash', 'getconf', 'uname', 'df', 'systemctl', 'date']
    const { facts, clock } = await read(
      localSession('/bin/sh', without(...missing)),
      questions({ dials }),
    )
    expect(facts).toMatchObject({
      isWhole: true,
      ports: new Map(),
      dials: new Map(),
      glibc: null,
      machine: null,
      disk: null,
      systemd: 'none',
      service: null,
    })
    expect(facts.mount).not.toBe(null)
    expect(clock).toEqual([])
  })

  it('as timeout tries nothing that could hang', async () => {
    const facts = await factsIn('/bin/sh', questions({ dials }), without('timeout'))
    expect(facts).toMatchObject({ isWhole: true, dials: new Map(), disk: null })
    expect(facts.ports.get('http')).toHaveLength(1)
  })
})

describe('a host that cannot be believed', () => {
  const saying = (script: string) => localSession('/bin/sh', { edit: () => script })
  it('by saying nothing is unread or empty', async () => {
    expect((await read(saying('exit 1'))).facts).toMatchObject({ isWhole: false, uid: null })
  })

  it('by saying too much is not read to the end', async () => {
    const { facts, clock } = await read(
      saying('echo aethel-lattice-facts 1; while :; do echo clock 1.1; done'),
    )
    expect(facts.isWhole).toBe(false)
    expect(clock).toHaveLength(CLOCK_SAMPLES)
  })
})

it('a value of two lines is refused', async () => {
  const asked = questions({ unit: 'a\nroot /etc' })
  await expect(read(localSession('/bin/sh'), asked)).rejects.toThrow(RangeError)
})
