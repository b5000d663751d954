/** The command line on real hosts: from bare ones to a lattice that is changed and brought back under load. */
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OpenLoop, type LoadReport } from '../cluster/open-loop.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { Operator, originOf } from './operator.ts'
import { upTestLab } from './test-lab.ts'

const REQUESTS_PER_SECOND = 25
/** A machine that is starved may hold a request this long; more is a node that does not come back. */
const STALL_MS_MAX = 30_000

let lab: Lab
let operator: Operator

beforeAll(async () => {
  lab = await upTestLab()
  operator = new Operator(lab)
  await operator.settle()
})
afterAll(async () => {
  await lab?.down()
  operator?.remove()
})

/** Does `work` while every node is asked all the time. */
async function underLoad<T>(work: () => Promise<T>): Promise<{ done: T; loads: LoadReport[] }> {
  const loops = lab.hosts.map((host) => new OpenLoop(originOf(host), REQUESTS_PER_SECOND))
  try {
    const done = await work()
    return { done, loads: await Promise.all(loops.map(async (loop) => loop.stop())) }
  } finally {
    await Promise.allSettled(loops.map(async (loop) => loop.stop()))
  }
}

function expectNothingRefused(loads: readonly LoadReport[]): void {
  for (const load of loads) {
    expect(load.failures).toEqual({})
    expect(load.acknowledged).toBeGreaterThan(REQUESTS_PER_SECOND)
    expect(load.longestMs).toBeLessThan(STALL_MS_MAX)
  }
}

const invocationOf = async (host: Host): Promise<string> => {
  const unit = `aethel-lattice-${host.name}.service`
  return host.exec(['systemctl', 'show', '--property=InvocationID', '--value', unit])
}

test('a plan for bare hosts changes nothing on them', async () => {
  const { code, said } = await operator.told('plan')
  expect(code).toBe(0)
  expect(said.steps?.map((step) => step.id)).toContain('activate:node1')
  for (const host of lab.hosts) {
    const found = await host.attempt(['find', '/opt/aethel-lattice'])
    expect(found.code).not.toBe(0)
  }
})

test('bare hosts become a lattice that is proven', async () => {
  const { code, said } = await operator.told('deploy', '--yes')
  expect(said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expect(code).toBe(0)
})

test('a second deploy plans nothing and restarts nothing', async () => {
  const before = await Promise.all(lab.hosts.map(invocationOf))
  const { code, said } = await operator.told('deploy', '--yes')
  expect({ code, result: said.result, steps: said.steps }).toEqual({
    code: 0,
    result: 'unchanged',
    steps: [],
  })
  expect(await Promise.all(lab.hosts.map(invocationOf))).toEqual(before)
})

test('a change under load refuses no request, and neither does the way back', async () => {
  await operator.setHeartbeat('4s')
  const forth = await underLoad(async () => operator.told('deploy', '--yes'))
  expect(forth.done.said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expectNothingRefused(forth.loads)

  const back = await underLoad(async () => operator.told('rollback', '--yes'))
  expect(back.done.said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expectNothingRefused(back.loads)
})

test('a command that is killed is reverted by the next one, from another machine too', async () => {
  await operator.setHeartbeat('3s')
  const killed = operator.start('deploy', '--yes')
  const { stdout, stderr } = killed
  stdout.resume()
  for await (const chunk of stderr) if (String(chunk).includes('gate node1')) break
  const gone = once(killed, 'close')
  killed.kill('SIGKILL')
  await gone

  // Whoever was killed is known to be gone after 15 s of silence.
  const locked = await operator.told('deploy', '--yes')
  expect(locked).toMatchObject({ code: 75, said: { error: { code: 'locked' } } })
  expect(await operator.run('unlock', '--yes')).toMatchObject({ code: 0 })
  const { said, code } = await operator.told('deploy', '--yes')
  expect(said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expect(code).toBe(0)
})

test('a release that does not run is taken back, and the lattice is what it was', async () => {
  expect((await operator.told('deploy', '--yes')).said.result).toBe('unchanged')
  const { home } = operator
  await operator.changeRelease('0.0.0', () => '')
  const broken = await operator.told('deploy', '--yes')
  expect(broken).toMatchObject({
    code: 1,
    said: { result: 'restored', failure: { node: 'node1', step: 'gate:node1' } },
  })
  operator.home = home
  expect(await operator.told('deploy', '--yes')).toMatchObject({
    code: 0,
    said: { result: 'unchanged', verification: { verdict: 'PASS' } },
  })
})
