/** What can go wrong while servers are deployed to: whatever it is, the end is told, and it is whole. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from './container.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { healthOf, Operator, toldBy, type Told } from './operator.ts'
import { upTestLab } from './test-lab.ts'

const HOUR_MS = 3_600_000
const MEBIBYTE = 1024 * 1024
const COMES_BACK_MS = 60_000
const LOCK_GOES_MS = 60_000

let lab: Lab
let operator: Operator
let home: string
let held = 0

beforeAll(async () => {
  lab = await upTestLab()
  operator = new Operator(lab)
  home = operator.home
  await operator.settle()
  const { code, err } = await operator.run('deploy', '--yes')
  if (code !== 0) throw new Error(err)
  for (const amount of [1, 2, 3]) {
    const intent = `intent transfer { from: Alice, to: Bob, amount: ${amount} }`
    const sent = await operator.run('submit', intent, '--wait', 'replicated:2')
    if (sent.code !== 0) throw new Error(sent.err)
  }
  held = await fewestEntries()
})
afterAll(async () => {
  await lab?.down()
  operator?.remove()
})

const fewestEntries = async (): Promise<number> =>
  Math.min(...(await Promise.all(lab.hosts.map(healthOf))).map(({ ledger }) => ledger.entries))

const releases = async (): Promise<string[]> =>
  (await Promise.all(lab.hosts.map(healthOf))).map(({ node }) => node.release)

/** What has to be true whatever happened: one release, proven, nothing lost, and nobody has the lock. */
async function expectWhole(): Promise<void> {
  operator.home = home
  expect(await operator.told('verify-triangle')).toMatchObject({ said: { verdict: 'PASS' } })
  expect(new Set(await releases()).size).toBe(1)
  const entries = await fewestEntries()
  expect(entries).toBeGreaterThanOrEqual(held)
  held = entries
  expect((await operator.run('unlock', '--yes')).out).toContain('Nobody has the lock')
}

/** Deploys until no other command holds the lock: that of a host that lost its memory goes by time. */
async function deployOnceUnlocked(): Promise<Told> {
  let last: Told | null = null
  await until(
    'the lock is free',
    async () => (last = await operator.told('deploy', '--yes')).said.error?.code !== 'locked',
    LOCK_GOES_MS,
  )
  if (last === null) throw new Error('nothing was told')
  return last
}

const serves = async (host: Host): Promise<boolean> =>
  healthOf(host).then(
    () => true,
    () => false,
  )

const deployed = {
  code: 0,
  said: { result: 'deployed', verification: { verdict: 'PASS' } },
}
const restoredAt = (step: string, message: RegExp) => ({
  code: 1,
  said: { result: 'restored', failure: { step, message: expect.stringMatching(message) } },
})

const exitCodes: Record<string, number> = { deployed: 0, unchanged: 0, restored: 1, split: 3 }

/** Whether the exit code is that of the result, or an error says why there is none. */
const isTold = ({ code, said }: Told): boolean =>
  said.result === undefined
    ? code !== 0 && said.error !== undefined
    : exitCodes[said.result] === code

/** Starts a deploy and waits until it says `what`. */
async function deployUntil(what: string) {
  const child = operator.start('deploy', '--yes', '--json')
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString('utf8')
  })
  const ended = Promise.all([once(child, 'close'), text(child.stdout)]).then(([[code], out]) =>
    toldBy(['deploy'], { code: code as number | null, out, err }),
  )
  await until(`it says ${what}`, async () => err.includes(what), COMES_BACK_MS)
  return { child, ended }
}

describe('a release', () => {
  test('that starts and never serves is taken back', async () => {
    await operator.changeRelease('0.0.1', () => 'setInterval(() => {}, 1000)')
    expect(await operator.told('deploy', '--yes')).toMatchObject(
      restoredAt('gate:node1', /node1.*time/),
    )
    await expectWhole()
  })

  test('that starts and never finds the others is taken back', async () => {
    await operator.changeRelease('0.0.2', (node) =>
      node.replace(/^/, 'process.env.AETHEL_LATTICE_NAME = "another"\n'),
    )
    expect(await operator.told('deploy', '--yes')).toMatchObject(restoredAt('gate:node1', /node1/))
    await expectWhole()
  })

  test('that makes other balances of the same entries is taken back', async () => {
    const credit = 'this.#add(intent.from, -intent.amount), this.#add(intent.to, intent.amount'
    await operator.changeSource('0.0.3', 'src/node/replica/accounts.ts', (source) =>
      source.replace(credit, `${credit} + 1`),
    )
    expect(await operator.told('deploy', '--yes')).toMatchObject(
      restoredAt('gate:node1', /diverged|different states/),
    )
    await expectWhole()
  })

  test('that throws away what its node held is proven only with all of it', async () => {
    await operator.changeRelease('0.0.4', (node) =>
      [
        `import { existsSync as was, readdirSync as all, rmSync as forget, writeFileSync as note } from 'node:fs'`,
        `if (!was('data/forgot')) {`,
        `  for (const name of all('data')) forget('data/' + name, { recursive: true })`,
        `  note('data/forgot', '')`,
        `}`,
        node,
      ].join('\n'),
    )
    expect(await operator.told('deploy', '--yes')).toMatchObject(deployed)
    await expectWhole()
  })
})

describe('a host', () => {
  let host: Host
  beforeAll(() => {
    host = lab.host('node2')
  })

  test('that is out of disk takes nothing new, and what runs is not touched', async () => {
    await operator.changeRelease('0.0.5', (node) => `${node}\n// five\n`)
    host.disk.fill(MEBIBYTE)
    const told = await operator.told('deploy', '--yes')
    host.disk.free()
    expect(told).toMatchObject({
      code: 1,
      said: { result: 'restored', failure: { step: 'stage:node2', code: 'disk-full' } },
    })
    await until(
      'it writes again',
      async () => (await operator.run('submit', 'intent noop { }')).code === 0,
      COMES_BACK_MS,
    )
    await expectWhole()
  })

  test('whose disk fails is said to, and comes back', async () => {
    await operator.setHeartbeat('3s')
    host.disk.fail()
    expect(await operator.told('deploy', '--yes')).toMatchObject({
      code: 1,
      said: { error: { code: 'disk-read-only', message: expect.stringMatching(/^node2: /) } },
    })
    await host.powerOff()
    await host.mendDisk()
    await host.boot()
    expect(await deployOnceUnlocked()).toMatchObject(deployed)
    await expectWhole()
  })

  test.for(['activate node1', 'gate node1'])(
    'that reboots in the middle, at %s',
    async (moment) => {
      await operator.setHeartbeat(moment === 'gate node1' ? '5s' : '4s')
      const { ended } = await deployUntil(moment)
      await host.powerOff()
      await host.boot()
      expect(await ended).toSatisfy(isTold)
      await until(
        'the lattice is whole',
        async () => (await deployOnceUnlocked()).code === 0,
        COMES_BACK_MS,
      )
      await expectWhole()
    },
  )

  test.for([HOUR_MS, -HOUR_MS])(
    'whose clock is %d ms off gets nothing new, until it is right again',
    async (offsetMs) => {
      await operator.setHeartbeat(offsetMs > 0 ? '6s' : '7s')
      await host.setClock(offsetMs)
      expect(await operator.told('deploy', '--yes')).toMatchObject({
        code: 1,
        said: { result: 'restored', failure: { step: 'stage:node2', code: 'clock' } },
      })
      await host.reboot()
      await until('it serves again', async () => serves(host), COMES_BACK_MS)
      expect(await operator.told('deploy', '--yes')).toMatchObject(deployed)
      await expectWhole()
    },
  )
})

describe('two operators', () => {
  test('at once: one works, the other is told who does', async () => {
    await operator.setHeartbeat('8s')
    const first = await deployUntil('activate node1')
    const second = await operator.told('deploy', '--yes')
    expect(second).toMatchObject({ code: 75, said: { error: { code: 'locked' } } })
    expect(await first.ended).toMatchObject(deployed)
    await expectWhole()
  })

  test('one of whom sleeps: what the other did stays', async () => {
    await operator.setHeartbeat('9s')
    const asleep = await deployUntil('activate node1')
    asleep.child.kill('SIGSTOP')
    try {
      const other = new Operator(lab)
      await other.setHeartbeat('2s')
      expect((await other.run('unlock', '--yes')).code).toBe(0)
      expect(await other.told('deploy', '--yes')).toMatchObject(deployed)
      const before = await Promise.all(lab.hosts.map(healthOf))
      asleep.child.kill('SIGCONT')
      const { code, said } = await asleep.ended
      expect({ code, error: said.error?.code }).toEqual({ code: 75, error: 'lock-lost' })
      const after = await Promise.all(lab.hosts.map(healthOf))
      expect(after.map(({ node }) => node.instance)).toEqual(
        before.map(({ node }) => node.instance),
      )
      expect(await other.told('plan')).toMatchObject({ code: 0, said: { steps: [] } })
      other.remove()
    } finally {
      asleep.child.kill('SIGKILL')
    }
    await expectWhole()
  })
})
