import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MemoryServices } from './fixtures/memory-services.ts'
import type { Host } from './host.ts'
import { liveness, noteLife } from './life.ts'

const { signal } = new AbortController()
let host: Host
let services: MemoryServices

beforeEach(async () => {
  services = new MemoryServices()
  const root = await mkdtemp(join(tmpdir(), 'aethel-life-'))
  host = { node: 'node1', root, services } as unknown as Host
})
afterEach(async () => rm(host.root, { recursive: true, force: true }))

async function begin() {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  await noteLife(host, { invocation: 'one', pid: child.pid ?? null })
  return child
}

test('a process that was started lives until it is gone, whatever runs after it', async () => {
  const child = await begin()
  expect(await liveness(host, signal)).toBe('alive')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await services.run('restart', 'one.service', [])
  expect(await liveness(host, signal)).toBe('dead')
})

test('a process of an earlier boot is not taken for one that has its number now', async () => {
  const child = await begin()
  const file = join(host.root, 'run/invocation')
  const [invocation, pid, start] = (await readFile(file, 'utf8')).split(' ')
  await writeFile(file, `${invocation} ${pid} ${start} another-boot\n`)
  services.state = { ...services.state, state: 'running', pid: 1, invocation: 'two' }
  expect(await liveness(host, signal)).toBe('dead')
  child.kill('SIGKILL')
})

test('where no process is noted, as by older versions, the service manager is asked', async () => {
  const life = await services.run('start', 'one.service', [])
  await noteLife(host, life)
  expect(await liveness(host, signal)).toBe('alive')
  services.exitsAndRestarts()
  expect(await liveness(host, signal)).toBe('dead')
})

test('a node that nobody started is dead or unknown', async () => {
  expect(await liveness(host, signal)).toBe('dead')
  await services.run('start', 'one.service', [])
  expect(await liveness(host, signal)).toBe('unknown')
})
