import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAlive, processOf } from '../../host/process.ts'
import { fakeRelease } from './fixtures/fake-node.ts'
import { eventually, LocalBench } from './fixtures/local-bench.ts'
import { supervise } from './supervise.ts'

const { signal } = new AbortController()

let bench: LocalBench

beforeEach(async () => {
  bench = await LocalBench.make()
})

afterEach(async () => bench.end())

async function linesOf(log: AsyncIterable<string>): Promise<string[]> {
  const lines: string[] = []
  for await (const line of log) lines.push(line)
  return lines
}

describe('a process', () => {
  it('comes back after kill -9, and its liveness remembers', async () => {
    await bench.deploy(bench.one, 1)
    const { pid } = await bench.ask()
    await bench.target.kill(signal)
    expect(isAlive({ pid, start: processOf(pid)?.start ?? '' })).toBe(false)
    expect(await bench.target.liveness(signal)).toBe('dead')

    const again = await bench.ask((facts) => facts.pid !== pid)
    expect((await bench.target.observe(signal)).process).toMatchObject({
      state: 'running',
      pid: again.pid,
      restarts: 1,
      lastExit: { code: null, signal: 'SIGKILL' },
    })
    expect(await bench.target.liveness(signal)).toBe('dead')

    await bench.deploy(bench.one, 1)
    expect(await bench.target.liveness(signal)).toBe('alive')
  })

  it('stops with its supervisor and starts again as it was', async () => {
    const generation = await bench.deploy(bench.one, 1)
    const { pid } = await bench.ask()
    const { supervisorPid } = await bench.readState()
    await bench.target.stop(signal)
    expect(processOf(pid)).toBe(null)
    expect(processOf(supervisorPid)).toBe(null)
    expect(await bench.target.observe(signal)).toMatchObject({
      current: generation,
      process: { state: 'stopped', lastExit: { code: 0 } },
    })
    await bench.target.stop(signal)

    await bench.target.start(signal)
    const again = await bench.ask()
    await bench.target.start(signal)
    expect((await bench.ask()).pid).toBe(again.pid)
  })

  it('is counted as dead, not restarted, when it refuses its settings', async () => {
    await bench.deploy(await fakeRelease(join(bench.folder, 'bad'), '3.0.0', 'refusing'), 1)
    await eventually('its supervisor gave up', async () => {
      const state = await bench.readState()
      return state.lastExit?.code === 78 && processOf(state.supervisorPid) === null
    })
    expect(await bench.target.liveness(signal)).toBe('dead')
    expect((await bench.target.observe(signal)).process.state).toBe('stopped')
    const lines = await linesOf(bench.target.logs({ lines: 10, follow: false }, signal))
    expect(lines[0]).toBe('AETHEL_X: is not a variable')
  })

  it('is failing while it exits again and again', async () => {
    await bench.deploy(await fakeRelease(join(bench.folder, 'bad'), '3.0.0', 'crashing'), 1)
    await eventually('it exited', async () => (await bench.readState()).lastExit?.code === 3)
    expect(await bench.target.liveness(signal)).toBe('dead')
    expect((await bench.target.observe(signal)).process.state).toBe('failing')
  })

  it('that its killed supervisor left behind is found, counted as failing and replaced', async () => {
    await bench.deploy(bench.one, 1)
    const { pid } = await bench.ask()
    expect((await bench.target.observe(signal)).process.isSupervised).toBe(true)
    process.kill((await bench.readState()).supervisorPid, 'SIGKILL')
    await eventually(
      'the supervisor is gone',
      async () => !(await bench.target.observe(signal)).process.isSupervised,
    )
    expect((await bench.target.observe(signal)).process).toMatchObject({ state: 'failing', pid })
    expect((await bench.ask()).pid).toBe(pid)
    await bench.target.start(signal)
    expect((await bench.ask((facts) => facts.pid !== pid)).version).toBe('1.0.0')
    expect(processOf(pid)).toBe(null)
    expect((await bench.target.observe(signal)).process).toMatchObject({
      state: 'running',
      isSupervised: true,
    })
  })

  it('that took over the number of an old one is never touched', async () => {
    await bench.deploy(bench.one, 1)
    await bench.target.stop(signal)
    const state = await bench.readState()
    const ours = { supervisorPid: process.pid, nodePid: process.pid, nodeStart: '1' }
    await writeFile(bench.stateFile, JSON.stringify({ ...state, ...ours }))
    await expect(bench.target.kill(signal)).rejects.toMatchObject({ code: 'not-running' })
    await bench.target.stop(signal)
    expect((await bench.target.observe(signal)).process.state).toBe('stopped')
  })

  it('that is deaf to SIGTERM is ended by force', async () => {
    const release = await fakeRelease(join(bench.folder, 'deaf'), '3.0.0', 'deaf')
    const generation = await bench.stage(release)
    await bench.target.restore({ generation, configDigest: null, state: 'stopped' }, 1, signal)

    // This process in the supervisor's place, with less patience; so it must not be found as one later.
    for (const name of ['run', 'log']) await mkdir(join(bench.root, name), { recursive: true })
    const stopping = new AbortController()
    await writeFile(join(bench.root, 'run/launch'), 'ours')
    const supervising = supervise(bench.root, 'ours', stopping.signal, { stopMs: 100 })
    try {
      const { pid } = await bench.ask()
      stopping.abort()
      await supervising
      expect(processOf(pid)).toBe(null)
      expect((await bench.readState()).lastExit).toMatchObject({ code: null, signal: 'SIGKILL' })
    } finally {
      stopping.abort()
      await supervising
      await rm(bench.stateFile, { force: true })
    }
  })

  it('has one supervisor only: a late one sees that it is not wanted', async () => {
    await bench.deploy(bench.one, 1)
    const { pid } = await bench.ask()
    const { supervisorPid } = await bench.readState()
    await supervise(bench.root, 'an earlier launch', signal)
    expect(await bench.readState()).toMatchObject({ supervisorPid, nodePid: pid })

    await bench.target.stop(signal)
    await supervise(bench.root, 'an earlier launch', signal)
    expect((await bench.target.observe(signal)).process.state).toBe('stopped')
  })
})

it('follows the log over a restart', async () => {
  await bench.deploy(bench.one, 1)
  await bench.ask()
  const stopped = new AbortController()
  const seen: string[] = []
  const following = (async () => {
    for await (const line of bench.target.logs({ lines: 1, follow: true }, stopped.signal)) {
      seen.push(line)
    }
  })()
  await bench.deploy(bench.two, 1)
  await eventually('the new one’s line', async () => seen.some((line) => line.includes('2.0.0')))
  stopped.abort()
  await expect(following).rejects.toMatchObject({ name: 'AbortError' })
  expect(seen[0]).toContain('"version":"1.0.0"')
  expect(seen).toContain('{"msg":"stopped"}')
})
