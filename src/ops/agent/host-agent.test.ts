/** The real agent on this machine, reached through a real shell; only SSH and root are left out. */
import { hash } from 'node:crypto'
import { once as happens } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OperatorError } from '../errors.ts'
import { askingSudo, LocalShell } from './fixtures/local-shell.ts'
import { HostAgent, type AgentPorts, type HostConnection } from './host-agent.ts'

const { signal } = new AbortController()
const VERSION = '26.10.0'
const looking = { brings: false, isRepeatable: true }
const once = { brings: false, isRepeatable: false }
/** A sudo that nobody has to give a password. */
const openSudo = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'

let folder: string
let root: string
let opened: LocalShell[]
let asked: number
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aethel-agent-'))
  root = join(folder, 'node1')
  opened = []
  asked = 0
})
afterEach(async () => {
  for (const shell of opened) shell.break()
  await rm(folder, { recursive: true, force: true })
})

interface Setting {
  sudo?: string
  isRoot?: boolean
  passwords?: readonly string[]
  connect?: AgentPorts['connect']
}

function agentOf(setting: Setting = {}): HostAgent {
  const { sudo = openSudo, isRoot = true, passwords = [] } = setting
  const entry = pathToFileURL(join(import.meta.dirname, 'main.ts')).href
  const text = Buffer.from(`import ${JSON.stringify(entry)}\n`)
  const nodePackage = { name: 'none', integrity: `sha512-${'A'.repeat(86)}==`, sha256: null }
  return new HostAgent('node1', root, {
    connect:
      setting.connect ??
      (async () => {
        const shell = await LocalShell.make(folder, 'dash')
        await shell.place('sudo', sudo)
        if (!isRoot) await shell.place('id', '#!/bin/sh\necho 1000\n')
        opened.push(shell)
        return shell
      }),
    askSudoPassword: async () => passwords[asked++] ?? null,
    program: { text, sha256: hash('sha256', text) },
    nodes: {
      list: { version: VERSION, packages: { x64: nodePackage, arm64: nodePackage } },
      from: import.meta.filename,
      cache: join(folder, 'cache'),
    },
  })
}

async function placeRuntime(): Promise<void> {
  const place = join(root, 'shared/node', VERSION)
  await mkdir(join(place, 'bin'), { recursive: true })
  await symlink(process.execPath, join(place, 'bin/node'))
  await writeFile(join(place, 'bytes'), String((await stat(process.execPath)).size))
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: OperatorError) => error.code,
  )

describe('a host without our Node.js', () => {
  it('is bare, and stays so', async () => {
    const agent = agentOf()
    expect(await codeOf(agent.call('record.look', {}, signal, looking))).toBe('bare-host')
    expect(agent.lacksNode).toBe(`Node.js ${VERSION}`)
    expect(await readdir(folder)).not.toContain('node1')
    await agent.close()
  })
})

describe('an approach', () => {
  it('fails whoever asks first, and is tried again for the next', async () => {
    const agent = agentOf()
    void agent.approach(signal)
    const codes = [1, 2].map(async () => codeOf(agent.call('record.look', {}, signal, looking)))
    expect(await Promise.all(codes)).toEqual(['bare-host', 'bare-host'])
    expect(opened).toHaveLength(1)
    await agent.close()
  })

  it('that nobody asks for is no failure, and ends with the agent', async () => {
    const seen: AbortSignal[] = []
    const connect = async (given: AbortSignal): Promise<HostConnection> => {
      seen.push(given)
      await happens(given, 'abort')
      throw given.reason
    }
    const agent = agentOf({ connect })
    void agent.approach(signal)
    await nextTurn()
    await agent.close()
    expect(seen.map(({ aborted }) => aborted)).toEqual([true])
  })
})

describe('an agent', () => {
  beforeEach(placeRuntime)

  it('is lent where it is not kept, and leaves nothing', async () => {
    const agent = agentOf()
    expect(await agent.call('record.look', {}, signal, looking)).toMatchObject({ holder: null })
    expect(await readdir(root)).toEqual(['shared'])
    await agent.close()
  })

  it('that was approached answers on the connection that was begun', async () => {
    const agent = agentOf()
    void agent.approach(signal)
    const asks = [1, 2].map(async () => agent.call('record.look', {}, signal, looking))
    expect(await Promise.all(asks)).toHaveLength(2)
    expect(opened).toHaveLength(1)
    await agent.close()
  })

  it('answers on one connection as long as that holds', async () => {
    const agent = agentOf()
    for (let asks = 0; asks < 3; asks++) await agent.call('record.look', {}, signal, looking)
    expect(opened).toHaveLength(1)
    await agent.close()
  })

  it('is asked again on a new connection when one broke', async () => {
    const agent = agentOf()
    await agent.call('record.look', {}, signal, looking)
    opened[0]?.break()
    expect(await agent.call('record.look', {}, signal, looking)).toMatchObject({ holder: null })
    expect(opened).toHaveLength(2)
    await agent.close()
  })

  it('keeps a new connection that another question opened', async () => {
    const agent = agentOf()
    const late = Promise.withResolvers<void>()
    const first = agent.attempt(signal, looking, async (session) => {
      try {
        return await session.call('record.look', {}, signal)
      } finally {
        // The news that the first connection broke comes after the second was opened.
        if (opened.length === 1) await late.promise
      }
    })
    await agent.session(signal, looking)
    opened[0]?.break()
    const second = await agent.attempt(signal, looking, async (session) => {
      const look = await session.call('record.look', {}, signal)
      late.resolve()
      return look
    })
    expect([await first, second]).toMatchObject([{ holder: null }, { holder: null }])
    expect(opened).toHaveLength(2)
    await agent.close()
  })

  it('is not asked twice for what may be done once only', async () => {
    const agent = agentOf()
    await agent.session(signal, looking)
    const unlock = agent.attempt(signal, once, async (session) => {
      opened[0]?.break()
      return session.call('record.unlock', { token: 1 }, signal)
    })
    expect(await codeOf(unlock)).toBe('connection-lost')
    expect(opened).toHaveLength(1)
    await agent.close()
  })

  it('is given up when every connection breaks', async () => {
    const agent = agentOf()
    const tried = agent.attempt(signal, looking, async (session) => {
      opened.at(-1)?.break()
      return session.call('record.look', {}, signal)
    })
    expect(await codeOf(tried)).toBe('connection-lost')
    expect(opened).toHaveLength(3)
    await agent.close()
  })
})

describe('a user who is not root', () => {
  beforeEach(placeRuntime)

  it('enters by sudo', async () => {
    const agent = agentOf({ isRoot: false })
    expect(await agent.call('record.look', {}, signal, looking)).toMatchObject({ holder: null })
    await agent.close()
  })

  it('is asked for the password until it is right, and then no more', async () => {
    const sudo = askingSudo('right')
    const agent = agentOf({ isRoot: false, sudo, passwords: ['wrong', 'right'] })
    await agent.call('record.look', {}, signal, looking)
    opened[0]?.break()
    await agent.call('record.look', {}, signal, looking)
    expect(asked).toBe(2)
    await agent.close()
  })

  it.each([
    ['who cannot be asked', [], 'sudo-needed'],
    ['who is wrong again and again', ['a', 'b', 'c', 'd'], 'sudo-password'],
  ])('%s does not enter', async (_who, passwords, code) => {
    const agent = agentOf({ isRoot: false, sudo: askingSudo('right'), passwords })
    expect(await codeOf(agent.call('record.look', {}, signal, looking))).toBe(code)
    await agent.close()
  })
})
