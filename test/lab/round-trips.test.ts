/** How often a deploy that changes nothing waits for a host, beside what SSH itself takes to run a command. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { connect } from '../../src/ops/ssh/connection.ts'
import { run } from '../../src/ops/ssh/session.ts'
import { resolveTarget } from '../../src/ops/ssh/target.ts'
import { endOf } from '../cli/built-cli.ts'
import { Distance } from './distance.ts'
import type { Lab } from './lab.ts'
import { upTestLab } from './test-lab.ts'

const program = join(import.meta.dirname, '../../bin/aethel-lattice.js')
/** Waits of the connection to one host, beyond those of SSH itself. */
const ROUND_TRIPS_MAX = 6
/** Far enough that what is sent together counts once. */
const RTT_MS = 40
const TRIES = 3

let lab: Lab
let far: Distance
let cache: string

beforeAll(async () => {
  cache = mkdtempSync(join(tmpdir(), 'aethel-round-trips-'))
  lab = await upTestLab({ hostCount: 1 })
  vi.stubEnv('HOME', lab.files.home)
  vi.stubEnv('XDG_CACHE_HOME', cache)
  far = await Distance.to(lab, lab.host('node1'), 22, RTT_MS)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await far?.[Symbol.asyncDispose]()
  await lab?.down()
  rmSync(cache, { recursive: true, force: true })
})

async function deployed(): Promise<string> {
  const args = ['deploy', '--yes', '--json', '--file', lab.files.inventory]
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const { out, err } = await endOf(child)
  if (out === '') throw new Error(err)
  return (JSON.parse(out) as { result: string }).result
}

/** Of a connection that runs one command, as this program makes them. */
async function roundTripsOfSsh(): Promise<number> {
  const identity = { label: 'lab', text: await readFile(lab.files.identity, 'utf8') }
  const entry = { name: 'node1', host: far.address, port: far.port, user: 'root', hostKeys: [] }
  const target = await resolveTarget({ ...entry, identity }, null)
  const signal = AbortSignal.timeout(30_000)
  const session = await connect(target, { signal })
  await run(session, 'true', { signal })
  await session.close()
  return (await far.traffic()).roundTrips
}

test(`a deploy that changes nothing waits ${ROUND_TRIPS_MAX} times at most for a host it has reached`, async () => {
  const [first] = lab.hosts
  const inventory = parse(await readFile(lab.files.inventory, 'utf8')) as { nodes: object[] }
  const ssh = {
    user: first?.user,
    host: far.address,
    port: far.port,
    identity: `file:${lab.files.identity}`,
  }
  const nodes = inventory.nodes.map((node) => ({ ...node, ssh }))
  await writeFile(lab.files.inventory, stringify({ ...inventory, nodes }))
  await endOf(
    spawn(process.execPath, [program, 'keys', '--file', lab.files.inventory], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  expect(await deployed()).toBe('deployed')

  await far.forget()
  const bare = await roundTripsOfSsh()
  const counts: number[] = []
  // A machine that is busy lets signs of life in between, which nobody waits for.
  while (counts.length < TRIES && !counts.some((count) => count <= ROUND_TRIPS_MAX)) {
    await far.forget()
    expect(await deployed()).toBe('unchanged')
    const { connections, roundTrips } = await far.traffic()
    expect(connections).toBe(1)
    counts.push(roundTrips - bare)
  }
  expect(Math.min(...counts)).toBeLessThanOrEqual(ROUND_TRIPS_MAX)
})
