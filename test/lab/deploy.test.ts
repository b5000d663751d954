/** The command line on real hosts: from bare ones to a lattice that is changed and brought back under load. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtCli, endOf, type Ended } from '../cli/built-cli.ts'
import { OpenLoop, type LoadReport } from '../cluster/open-loop.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { upTestLab } from './test-lab.ts'

const root = join(import.meta.dirname, '../..')
const program = join(root, 'bin/aethel-lattice.js')
const REQUESTS_PER_SECOND = 25
/** A machine that is starved may hold a request this long; more is a node that does not come back. */
const STALL_MS_MAX = 30_000

let lab: Lab
let cache: string
let environment: Record<string, string>

beforeAll(async () => {
  cache = mkdtempSync(join(tmpdir(), 'aethel-deploy-'))
  lab = await upTestLab()
  environment = { HOME: lab.files.home, XDG_CACHE_HOME: cache, NO_COLOR: '1' }
  await change((text) => text.replace('lattice:\n', 'lattice:\n  submit: open\n'))
  await run('keys')
})
afterAll(async () => {
  await lab?.down()
  rmSync(cache, { recursive: true, force: true })
})

const start = (...args: string[]) =>
  spawn(process.execPath, [program, ...args, '--file', lab.files.inventory], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
const run = async (...args: string[]): Promise<Ended> => endOf(start(...args))

/** What a command said with `--json`, and how it ended. */
async function told(...args: string[]): Promise<{ code: number | null; said: Said }> {
  const { code, out, err } = await run(...args, '--json')
  if (out === '') throw new Error(`${args.join(' ')} ended with ${code} and said: ${err}`)
  return { code, said: JSON.parse(out) as Said }
}

interface Said {
  result?: string
  release?: string
  steps?: { id: string }[]
  verdict?: string
  digest?: string
  verification?: { verdict: string } | null
  error?: { code: string }
}

async function change(to: (text: string) => string): Promise<void> {
  const before = await readFile(lab.files.inventory, 'utf8')
  const after = to(before)
  expect(after).not.toBe(before)
  await writeFile(lab.files.inventory, after)
}

const setHeartbeat = async (time: string): Promise<void> =>
  change((text) =>
    text
      .replace(/\n {2}heartbeat: .*/, '')
      .replace('lattice:\n', `lattice:\n  heartbeat: ${time}\n`),
  )

/** Does `work` while every node is asked all the time. */
async function underLoad<T>(work: () => Promise<T>): Promise<{ done: T; loads: LoadReport[] }> {
  const loops = lab.hosts.map(
    (host) => new OpenLoop(`http://${host.address}:8000`, REQUESTS_PER_SECOND),
  )
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
  const { code, said } = await told('plan')
  expect(code).toBe(0)
  expect(said.steps?.map((step) => step.id)).toContain('activate:node1')
  for (const host of lab.hosts) {
    const found = await host.attempt(['find', '/opt/aethel-lattice'])
    expect(found.code).not.toBe(0)
  }
})

test('bare hosts become a lattice that is proven', async () => {
  const { code, said } = await told('deploy', '--yes')
  expect(said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expect(code).toBe(0)
})

test('a second deploy plans nothing and restarts nothing', async () => {
  const before = await Promise.all(lab.hosts.map(invocationOf))
  const { code, said } = await told('deploy', '--yes')
  expect({ code, result: said.result, steps: said.steps }).toEqual({
    code: 0,
    result: 'unchanged',
    steps: [],
  })
  expect(await Promise.all(lab.hosts.map(invocationOf))).toEqual(before)
})

test('a change under load refuses no request, and neither does the way back', async () => {
  await setHeartbeat('4s')
  const forth = await underLoad(async () => told('deploy', '--yes'))
  expect(forth.done.said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expectNothingRefused(forth.loads)

  const back = await underLoad(async () => told('rollback', '--yes'))
  expect(back.done.said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expectNothingRefused(back.loads)
})

test('a command that is killed is reverted by the next one, from another machine too', async () => {
  await setHeartbeat('3s')
  const killed = start('deploy', '--yes')
  const { stdout, stderr } = killed
  stdout.resume()
  for await (const chunk of stderr) if (String(chunk).includes('gate node1')) break
  const gone = once(killed, 'close')
  killed.kill('SIGKILL')
  await gone

  // Whoever was killed is known to be gone after 15 s of silence.
  const locked = await told('deploy', '--yes')
  expect(locked).toMatchObject({ code: 75, said: { error: { code: 'locked' } } })
  expect(await run('unlock', '--yes')).toMatchObject({ code: 0 })
  const { said, code } = await told('deploy', '--yes')
  expect(said).toMatchObject({ result: 'deployed', verification: { verdict: 'PASS' } })
  expect(code).toBe(0)
})

test('a release that does not run is taken back, and the lattice is what it was', async () => {
  expect((await told('deploy', '--yes')).said.result).toBe('unchanged')
  const broken = await builtCli()
  for (const part of ['host-agent.mjs', 'runtime.json']) {
    cpSync(join(root, 'dist/cli', part), join(broken.home, 'dist/cli', part))
  }
  const args = ['deploy', '--yes', '--json', '--file', lab.files.inventory]
  const { code, out } = await broken.run(args, { cwd: cache, environment })
  broken.remove()
  expect(JSON.parse(out)).toMatchObject({
    result: 'restored',
    failure: { node: 'node1', step: 'gate:node1' },
  })
  expect(code).toBe(1)
  expect(await told('deploy', '--yes')).toMatchObject({
    code: 0,
    said: { result: 'unchanged', verification: { verdict: 'PASS' } },
  })
})
