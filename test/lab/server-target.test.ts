/** A node on real hosts, as the target acts on it: from a bare host to a bare host. */
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Release } from '../../src/ops/release/artifact.ts'
import { AgentRecordHost } from '../../src/ops/agent/agent-record-host.ts'
import { PhaseRecord } from '../../src/ops/rollout/record.ts'
import { connect } from '../../src/ops/ssh/connection.ts'
import { resolveHost } from '../../src/ops/ssh/resolve-host.ts'
import { fakeRelease } from '../../src/ops/targets/local/fixtures/fake-node.ts'
import { nodeSettings, type NodeSettings } from '../../src/ops/targets/settings.ts'
import type { ServerTarget } from '../../src/ops/targets/server/server-target.ts'
import {
  readServerParts,
  serverTargets,
  type ServerTargets,
} from '../../src/ops/targets/server/server-targets.ts'
import type { Generation } from '../../src/ops/targets/target.ts'
import { until } from './container.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { upTestLab } from './test-lab.ts'

const { signal } = new AbortController()
const home = join(import.meta.dirname, '../..')
const ROOT = '/opt/aethel-lattice'
const COMES_BACK_MS = 15_000

let lab: Lab
let folder: string
let one: Release
let two: Release
let broken: Release
let servers: ServerTargets

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aethel-server-'))
  one = await fakeRelease(join(folder, 'one'), '1.0.0')
  two = await fakeRelease(join(folder, 'two'), '2.0.0')
  broken = await fakeRelease(join(folder, 'broken'), '3.0.0', 'crashing')
  lab = await upTestLab()
  servers = await serversAs(null)
})
afterAll(async () => {
  await servers?.close()
  await lab?.down()
  rmSync(folder, { recursive: true, force: true })
})

/** The lab's hosts, logged in to as nodes.yaml says or as `user`, who is asked for the sudo password. */
async function serversAs(user: string | null): Promise<ServerTargets> {
  const { program, list } = await readServerParts(join(home, 'dist/cli'))
  const identity = { label: 'the lab', text: await readFile(lab.files.identity, 'utf8') }
  const password = (await readFile(lab.files.sudoPassword, 'utf8')).trim()
  return serverTargets(
    lab.hosts.map((host) => ({ name: host.name, root: ROOT })),
    {
      program,
      nodes: { list, from: join(home, 'package.json'), cache: join(folder, 'cache') },
      prompt: user === null ? null : async () => password,
      connect: async (name) => {
        const host = lab.host(name)
        const wish = { port: 22, user: user ?? host.user, hostKeys: [] }
        const environment = {
          home: lab.files.home,
          user: 'nobody',
          variables: {},
          projectKnownHosts: lab.files.knownHosts,
        }
        const hops = resolveHost(host.address, wish, [], environment)
        return connect({ name, hops, identity }, { signal })
      },
    },
  )
}

function settingsOf(host: Host, port = 8000): NodeSettings {
  const unit = `aethel-lattice-${host.name}`
  const service = `[Unit]
Requires=${unit}.socket
After=${unit}.socket
StartLimitIntervalSec=0
[Service]
Type=exec
ExecStart=${ROOT}/shared/node/26.10.0/bin/node ${ROOT}/current/release/node.mjs
WorkingDirectory=${ROOT}/shared
User=aethel-lattice
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`
  const socket = `[Socket]\nListenStream=127.0.0.1:${port}\n[Install]\nWantedBy=sockets.target\n`
  return nodeSettings(
    [
      { path: '.env', mode: 0o600, text: 'AETHEL_HTTP_PORT=8123\n' },
      { path: `host/${unit}.service`, mode: 0o644, text: service },
      { path: `host/${unit}.socket`, mode: 0o644, text: socket },
    ],
    'ab'.repeat(32),
  )
}

/** What the node on a host tells of itself. */
const ask = async (host: Host): Promise<{ version: string; keyMode: number; pid: number }> =>
  JSON.parse(await host.exec(['curl', '-s', 'http://127.0.0.1:8123/'])) as never

const answers = async (host: Host): Promise<boolean> =>
  (await host.attempt(['curl', '-s', 'http://127.0.0.1:8123/'])).code === 0

const logOf = async (target: ServerTarget): Promise<string[]> => {
  const lines: string[] = []
  for await (const line of target.logs({ lines: 100, follow: false }, signal)) lines.push(line)
  return lines
}

describe.each([
  ['as root', 'node1', null],
  ['with sudo', 'node2', null],
])('a node, %s', (_how, name, _user) => {
  let host: Host
  let target: ServerTarget
  let first: Generation
  let second: Generation
  beforeAll(() => {
    host = lab.host(name)
    const found = servers.targets.find((other) => other.name === name)
    if (found === undefined) throw new Error(`no target ${name}`)
    target = found
  })

  test('is not there, and looking changes nothing', async () => {
    expect(await target.observe(signal)).toMatchObject({
      current: null,
      process: { state: 'stopped' },
      held: [],
    })
    expect((await host.attempt(['test', '-e', ROOT])).code).toBe(1)
    expect((await host.attempt(['id', 'aethel-lattice'])).code).toBe(1)
  })

  test('is staged on the bare host, twice the same', async () => {
    const staging = { release: one, settings: settingsOf(host), configDigest: 'c' }
    first = await target.stage(staging, signal)
    expect(await target.stage(staging, signal)).toEqual(first)
    expect(await target.observe(signal)).toMatchObject({ current: null, held: [first] })
    expect(await target.check(first, signal)).toBe('intact')
  })

  test('runs as its own user with its own files', async () => {
    await target.activate(first, 1, signal)
    await until('the node answers', async () => answers(host), COMES_BACK_MS)
    expect(await ask(host)).toMatchObject({ version: '1.0.0', keyMode: 0o600 })
    const { process } = await target.observe(signal)
    expect(process).toMatchObject({ state: 'running', isSupervised: true, restarts: 0 })
    expect((await host.exec(['ps', '-o', 'user:20=', '-p', String(process.pid)])).trim()).toBe(
      'aethel-lattice',
    )
    expect(await target.liveness(signal)).toBe('alive')
    expect(await host.exec(['stat', '-c', '%U %a', `${ROOT}/shared/data`])).toBe(
      'aethel-lattice 700\n',
    )
  })

  test('is switched to another release', async () => {
    second = await target.stage(
      { release: two, settings: settingsOf(host), configDigest: 'c' },
      signal,
    )
    await target.activate(second, 2, signal)
    await until('the node answers', async () => answers(host), COMES_BACK_MS)
    expect((await ask(host)).version).toBe('2.0.0')
    await expect(target.activate(first, 1, signal)).rejects.toMatchObject({ code: 'fenced' })
  })

  test('that was killed is dead, though it comes back', async () => {
    await target.kill(signal)
    await until(
      'it runs again',
      async () => {
        const { process } = await target.observe(signal)
        return process.pid !== null && process.restarts === 1
      },
      COMES_BACK_MS,
    )
    expect(await target.liveness(signal)).toBe('dead')
    const { process } = await target.observe(signal)
    expect(process.lastExit).toMatchObject({ code: null, signal: 'SIGKILL' })
    expect(await logOf(target)).toContain('{"msg":"started","version":"2.0.0"}')
  })

  test('goes back to what it was', async () => {
    const previous = { generation: first, configDigest: 'c', state: 'running' as const }
    await target.restore(previous, 3, signal)
    await until('the node answers', async () => answers(host), COMES_BACK_MS)
    expect((await ask(host)).version).toBe('1.0.0')
    expect(await target.liveness(signal)).toBe('alive')
    await target.prune([], 3, signal)
    expect((await target.observe(signal)).held).toMatchObject([first])
  })

  test('goes back from a release that crashes, whose restarts are not its own', async () => {
    const crashing = await target.stage(
      { release: broken, settings: settingsOf(host), configDigest: 'c' },
      signal,
    )
    await target.activate(crashing, 3, signal)
    await until(
      'it waits for its fifth try',
      async () => {
        const unit = `aethel-lattice-${name}.service`
        const shown = await host.exec(['systemctl', 'show', '-p', 'SubState,NRestarts', unit])
        return /SubState=auto-restart/.test(shown) && /NRestarts=[4-9]/.test(shown)
      },
      COMES_BACK_MS,
    )
    const previous = { generation: first, configDigest: 'c', state: 'running' as const }
    await target.restore(previous, 3, signal)
    const { process } = await target.observe(signal)
    expect(process).toMatchObject({ state: 'running', restarts: 0 })
    await target.prune([], 3, signal)
  })

  test('tells a unit that was edited on the host', async () => {
    const unit = `/etc/systemd/system/aethel-lattice-${name}.service`
    await host.exec(['sed', '-i', 's/RestartSec=1/RestartSec=2/', unit])
    expect((await target.observe(signal)).current).toMatchObject({ areSettingsIntact: false })
    await target.activate(first, 3, signal)
    expect((await target.observe(signal)).current).toMatchObject({ areSettingsIntact: true })
    expect(
      await host.exec(['systemctl', 'show', '-p', 'RestartUSec', unit.split('/').at(-1) ?? '']),
    ).toBe('RestartUSec=1s\n')
  })

  test('tells a drop-in that someone put beside a unit, and leaves it', async () => {
    const beside = `/etc/systemd/system/aethel-lattice-${name}.service.d`
    const dropIn = `${beside}/override.conf`
    expect((await target.observe(signal)).overrides).toEqual([])
    await host.exec(['mkdir', beside])
    await host.exec(['sh', '-c', `printf '[Service]\\nNice=1\\n' >${dropIn}`])
    // As `systemctl edit` does; until then it changes nothing.
    await host.exec(['systemctl', 'daemon-reload'])
    await target.activate(first, 3, signal)
    expect((await target.observe(signal)).overrides).toEqual([dropIn])
    await host.exec(['rm', '-r', beside])
    await target.activate(first, 3, signal)
    expect((await target.observe(signal)).overrides).toEqual([])
  })

  test('comes back with its host', async () => {
    await host.reboot()
    await until('the node answers', async () => answers(host), COMES_BACK_MS)
    // What was asked on the connection that the reboot broke is asked anew.
    expect((await target.observe(signal)).process.state).toBe('running')
  })

  test('that is stopped stays so when its host reboots', async () => {
    await target.stop(signal)
    expect((await target.observe(signal)).process.state).toBe('stopped')
    await host.reboot()
    expect((await target.observe(signal)).process.state).toBe('stopped')
    await target.start(signal)
    await until('the node answers', async () => answers(host), COMES_BACK_MS)
  })

  test('goes and leaves nothing', async () => {
    const agent = servers.agents.find((other) => other.node === name)
    if (agent === undefined) throw new Error(`no agent ${name}`)
    const record = new PhaseRecord([new AgentRecordHost(agent)])
    const left = await record.withLock({ command: 'teardown' }, async ({ lock }) =>
      target.teardown({ keepsData: false }, lock.token, signal),
    )
    expect(left).toEqual([])
    expect((await host.attempt(['test', '-e', ROOT])).code).toBe(1)
    expect((await host.attempt(['id', 'aethel-lattice'])).code).toBe(1)
    expect(await host.exec(['find', '/etc/systemd', '-name', 'aethel-*'])).toBe('')
    await agent.close()
    expect(await target.observe(signal)).toMatchObject({ current: null, held: [] })
  })
})

test('a sudo password is asked for, and appears nowhere', async () => {
  await using asking = await serversAs('asker')
  const [target] = asking.targets
  if (target === undefined) throw new Error('no target')
  const host = lab.host(target.name)
  const staging = { release: one, settings: settingsOf(host), configDigest: 'c' }
  await target.stage(staging, signal)
  expect(await target.observe(signal)).toMatchObject({ held: [{ release: one.id }] })
  const password = (await readFile(lab.files.sudoPassword, 'utf8')).trim()
  const seen = await host.exec(['sh', '-c', 'cat /proc/*/cmdline /proc/*/environ | tr "\\0" " "'])
  expect(seen).toContain('host-agent')
  expect(seen).not.toContain(password)
  expect(await host.exec(['journalctl', '--no-pager'])).not.toContain(password)
})
