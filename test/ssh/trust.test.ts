import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { App } from '../../src/cli/command.ts'
import { trust as trustCommand } from '../../src/cli/commands/trust.ts'
import { plain } from '../../src/cli/output/paint.ts'
import { connect } from '../../src/ops/ssh/connection.ts'
import { run } from '../../src/ops/ssh/session.ts'
import { builtCli, type BuiltCli } from '../cli/built-cli.ts'
import { clientHome, type ClientHome } from './client-home.ts'
import { makeKey, openssh, scratch, startSshd, type Scratch, type Sshd } from './sshd.ts'

/** `aethel-lattice trust` with a real server: as it is shipped, and with somebody who answers. */

let cli: BuiltCli
let client: ClientHome
let server: Sshd
let project: Scratch

beforeAll(async () => {
  cli = await builtCli()
  client = clientHome()
  server = await startSshd({
    hostKeys: ['rsa', 'ecdsa', 'ed25519'],
    authorized: [client.key.publicLine],
  })
})
afterAll(async () => {
  await server?.stop()
  client?.remove()
  cli?.remove()
})
beforeEach(() => {
  project = scratch()
  inventory()
})
afterEach(() => project[Symbol.dispose]())

const kept = (): string => join(project.path, '.lattice/known_hosts')
const fingerprint = (): string => server.hostKeys.get('ed25519')?.fingerprint ?? ''

function inventory(hostKeys = ''): void {
  const ssh = `{ host: 127.0.0.1, port: ${server.port}, user: ${server.user}${hostKeys} }`
  writeFileSync(
    join(project.path, 'nodes.yaml'),
    [
      'lattice: { name: test }',
      'nodes:',
      `  - { name: node2, kind: server, role: primary, url: "http://127.0.0.1:8080", ssh: ${ssh} }`,
      '  - { name: node1, kind: space, role: public, url: "https://o-n.hf.space", space: o/n, token: env:X }',
      '',
    ].join('\n'),
  )
}

async function trust(...args: readonly string[]) {
  const environment = { HOME: client.path, SSH_AUTH_SOCK: '' }
  const ended = await cli.run(['trust', ...args, '--json'], { cwd: project.path, environment })
  return { code: ended.code, document: JSON.parse(ended.out) }
}

const withFingerprint = ['node2', '--yes', '--fingerprint']

describe('trust', () => {
  it('shows the keys of every type, and keeps none, in a dry run', async () => {
    const { code, document } = await trust('--dry-run')
    expect({ code, document }).toMatchObject({
      code: 0,
      document: {
        nodes: [{ name: 'node2', host: '127.0.0.1', port: server.port }],
        written: false,
      },
    })
    const shown = document.nodes[0].keys.map((key: { fingerprint: string }) => key.fingerprint)
    const all = [...server.hostKeys.values()].map((key) => key.fingerprint)
    expect(shown.toSorted()).toEqual(all.toSorted())
    expect(() => statSync(kept())).toThrow('ENOENT')
  })

  it.each([[['--yes']], [['node2']], [['node2', '--no-input']]])(
    'is refused where nobody compares anything: %j',
    async (args) => {
      const { code, document } = await trust(...args)
      expect({ code, document }).toMatchObject({
        code: 64,
        document: { error: { code: 'needs-fingerprint' } },
      })
    },
  )

  it('keeps the key whose fingerprint is given and no other, privately, as OpenSSH reads it', async () => {
    expect(await trust(...withFingerprint, fingerprint())).toMatchObject({
      code: 0,
      document: { written: true, file: kept() },
    })
    expect(statSync(kept()).mode & 0o777).toBe(0o600)
    expect(readFileSync(kept(), 'utf8').trim().split('\n')).toHaveLength(1)
    const name = `[127.0.0.1]:${server.port}`
    expect(openssh('ssh-keygen', ['-l', '-F', name, '-f', kept()])).toContain(fingerprint())
    const again = await trust(...withFingerprint, fingerprint())
    expect(again).toMatchObject({ code: 0, document: { written: false } })
    expect(again.document.nodes[0].keys).toContainEqual({
      type: 'ssh-ed25519',
      fingerprint: fingerprint(),
      standing: 'known',
    })
  })

  it('keeps nothing when the host presents another key', async () => {
    const other = `SHA256:${'A'.repeat(43)}`
    const { code, document } = await trust(...withFingerprint, other)
    expect({ code, document }).toMatchObject({
      code: 1,
      document: { error: { code: 'host-key-mismatch' } },
    })
    expect(document.error.message).toContain(other)
    expect(document.error.message).toContain(fingerprint())
    expect(() => statSync(kept())).toThrow('ENOENT')
  })

  it('lets go of a key that it kept only with --replace', async () => {
    const old = makeKey(join(project.path, 'old'))
    mkdirSync(join(project.path, '.lattice'))
    const name = `[127.0.0.1]:${server.port}`
    const before = `# mine\nother ${old.publicLine}\n${name} ${old.publicLine}\n`
    writeFileSync(kept(), before)
    const refused = await trust(...withFingerprint, fingerprint())
    expect(refused).toMatchObject({ code: 1, document: { error: { code: 'host-key-mismatch' } } })
    expect(refused.document.error.message).toContain(`${old.fingerprint} (${kept()}:3)`)
    expect(readFileSync(kept(), 'utf8')).toBe(before)

    expect(await trust(...withFingerprint, fingerprint(), '--replace')).toMatchObject({ code: 0 })
    const line = server.hostKeys.get('ed25519')?.publicLine
    expect(readFileSync(kept(), 'utf8')).toBe(`# mine\nother ${old.publicLine}\n${name} ${line}\n`)
  })

  it('never changes the operator’s own known_hosts', async () => {
    const old = makeKey(join(project.path, 'old'))
    const before = `[127.0.0.1]:${server.port} ${old.publicLine}\n`
    writeFileSync(client.knownHosts, before)
    try {
      const { code, document } = await trust(...withFingerprint, fingerprint(), '--replace')
      expect({ code, document }).toMatchObject({
        code: 1,
        document: { error: { code: 'host-key-mismatch' } },
      })
      expect(document.error.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${server.port}' -f`)
      expect(readFileSync(client.knownHosts, 'utf8')).toBe(before)
    } finally {
      writeFileSync(client.knownHosts, '')
    }
  })

  it('compares with nodes.yaml alone where that names keys, and keeps none', async () => {
    inventory(`, host_keys: ["${fingerprint()}"]`)
    const { code, document } = await trust(...withFingerprint, fingerprint())
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { nodes: [{ pinned: true }], written: false },
    })
  })

  it('says that a host presents none of the keys that nodes.yaml names', async () => {
    const other = `SHA256:${'A'.repeat(43)}`
    inventory(`, host_keys: ["${other}"]`)
    for (const args of [[...withFingerprint, fingerprint()], ['--dry-run']]) {
      expect(await trust(...args)).toMatchObject({
        code: 1,
        document: { error: { code: 'host-key-mismatch' } },
      })
    }
  })

  it.each<[string, readonly string[], number, string]>([
    ['a node that is none', ['none', '--dry-run'], 64, 'usage'],
    ['a Space', ['node1', '--dry-run'], 64, 'usage'],
    ['the nodes on this machine', ['--phase', 'local', '--dry-run'], 64, 'usage'],
  ])('is not for %s', async (_what, args, code, error) => {
    expect(await trust(...args)).toMatchObject({ code, document: { error: { code: error } } })
  })
})

describe('somebody who is asked', () => {
  const { signal } = new AbortController()

  /** The command with an operator who types `answer`, and what they were shown. */
  async function answered(answer: string) {
    vi.stubEnv('HOME', client.path)
    vi.stubEnv('SSH_AUTH_SOCK', '')
    const shown: string[] = []
    const screen: Partial<App['screen']> = {
      canAsk: true,
      say: (text) => shown.push(text(plain)),
      answer: async ({ text }) => {
        shown.push(text)
        return answer
      },
    }
    const options = {
      file: join(project.path, 'nodes.yaml'),
      phase: 'full',
      json: false,
      yes: false,
      input: true,
      dryRun: false,
      command: 'trust',
    } satisfies App['options']
    const app = { options, home: '', calledAs: '', signal, screen: screen as App['screen'] }
    try {
      return {
        shown: () => shown.join('\n'),
        outcome: await trustCommand(app, undefined, { replace: false }),
      }
    } finally {
      vi.unstubAllEnvs()
    }
  }

  it('and types yes has all keys kept, after they were shown; then the host is let in', async () => {
    const { shown, outcome } = await answered('yes')
    for (const key of server.hostKeys.values()) expect(shown()).toContain(key.fingerprint)
    expect(shown()).toContain(`node2 at 127.0.0.1 port ${server.port}`)
    expect(outcome.text(plain)).toBe(`Kept in ${kept()}.`)
    const target = client.target(server, { knownHostsFiles: [kept()] })
    const session = await connect(target, { signal })
    expect((await run(session, ['true'], { signal })).outcome).toEqual({ kind: 'exited', code: 0 })
    await session.close()
    expect((await answered('no')).outcome.json).toMatchObject({ written: false })
  })

  it.each(['y', '', 'no'])('and types %j has none kept', async (answer) => {
    await expect(answered(answer)).rejects.toMatchObject({ code: 'declined' })
    expect(() => statSync(kept())).toThrow('ENOENT')
  })
})
