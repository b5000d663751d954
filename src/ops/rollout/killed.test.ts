import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePorts } from '../../../test/free-ports.ts'
import { fakeRelease } from '../targets/local/fixtures/fake-node.ts'
import { deploy, recover, targetsOf, versionAt, type Place } from './fixtures/deploying.ts'

const { signal } = new AbortController()
let place: Place
let one: string
let two: string

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aethel-killed-'))
  place = { folder, ports: [await freePorts(1), await freePorts(1)] }
  one = (await fakeRelease(join(folder, 'one'), '1.0.0')).dir
  two = (await fakeRelease(join(folder, 'two'), '2.0.0')).dir
})
afterEach(async () => {
  for (const target of targetsOf(place)) await target.stop(signal)
  await rm(place.folder, { recursive: true })
})

const versions = async (): Promise<(string | null)[]> => Promise.all(place.ports.map(versionAt))

/** Deploys in a process of its own and kills it `ms` after it told `event`. */
async function killedAt(artifact: string, event: string, ms: number): Promise<void> {
  const program = join(import.meta.dirname, 'fixtures/deploying.ts')
  const { folder, ports } = place
  const child = spawn(process.execPath, [program, folder, ports.join(','), artifact], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) {
    if (line !== event) continue
    await delay(ms)
    child.kill('SIGKILL')
  }
  expect(await ended).toEqual([null, 'SIGKILL'])
}

/** Four deploys of real processes, on a machine that may be starved. */
const RUN_MS_MAX = 90_000

describe('a deploy of real processes that is killed with SIGKILL', { timeout: RUN_MS_MAX }, () => {
  it.each([
    ['step-begun stage:node1', 0],
    ['step-begun activate:node1', 0],
    ['step-begun activate:node1', 40],
    ['step-begun gate:node1', 0],
    ['step-begun activate:node2', 60],
    ['step-begun gate:node2', 0],
  ])('at "%s" + %i ms is reverted by the next command', async (event, ms) => {
    expect((await deploy(place, one)).result).toBe('deployed')
    await killedAt(two, event, ms)
    expect(await recover(place)).toMatchObject({ result: 'restored', warnings: [] })
    expect(await versions()).toEqual(['1.0.0', '1.0.0'])

    expect((await deploy(place, two)).result).toBe('deployed')
    expect(await versions()).toEqual(['2.0.0', '2.0.0'])
    expect((await deploy(place, two)).result).toBe('unchanged')
  })

  it('on a first deploy leaves nothing running after the next command', async () => {
    await killedAt(one, 'step-done gate:node1', 0)
    expect(await recover(place)).toMatchObject({ result: 'restored' })
    expect(await versions()).toEqual([null, null])
    const observed = await Promise.all(targetsOf(place).map(async (one_) => one_.observe(signal)))
    expect(observed.map((node) => [node.current, node.process.state])).toEqual([
      [null, 'stopped'],
      [null, 'stopped'],
    ])
  })
})

describe('a deploy of real processes', { timeout: RUN_MS_MAX }, () => {
  it('goes back when a node dies at once, and shows why', async () => {
    await deploy(place, one)
    const bad = (await fakeRelease(join(place.folder, 'bad'), '3.0.0', 'crashing')).dir
    const outcome = await deploy(place, bad)
    expect(outcome).toMatchObject({
      result: 'restored',
      failure: { step: 'gate:node1', reason: 'its process ended' },
    })
    expect(outcome.failure?.logTail).toContain('it broke')
    expect(await versions()).toEqual(['1.0.0', '1.0.0'])
  })

  it('starts again what was stopped, with nothing staged', async () => {
    await deploy(place, one)
    await targetsOf(place)[1]?.stop(signal)
    const outcome = await deploy(place, one)
    expect(outcome.steps.map((step) => step.id)).toEqual(['start:node2', 'gate:node2'])
    expect(await versions()).toEqual(['1.0.0', '1.0.0'])
  })
})
