import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Question } from '../../src/ops/ssh/authentication.ts'
import { connect, type ConnectionTarget } from '../../src/ops/ssh/connection.ts'
import type { ResolvedHost } from '../../src/ops/ssh/resolve-host.ts'
import { clientHome, refusalOf, type ClientHome } from './client-home.ts'
import {
  makeKey,
  openssh,
  startAgent,
  startSshd,
  type Agent,
  type KeyPair,
  type Sshd,
} from './sshd.ts'

const { signal } = new AbortController()
const PASSPHRASE = 'correct horse battery'
let home: ClientHome
let server: Sshd
/** Holds `home.key` last, behind seven that the server does not know. */
let agent: Agent
let encrypted: KeyPair
let foreign: KeyPair

beforeAll(async () => {
  home = clientHome()
  const at = (name: string): string => join(home.path, name)
  encrypted = makeKey(at('encrypted'), 'ed25519', PASSPHRASE)
  foreign = makeKey(at('foreign'))
  server = await startSshd({
    authorized: [home.key.publicLine, encrypted.publicLine],
    config: ['MaxAuthTries 4'],
  })
  home.know(server)
  agent = await startAgent()
  for (let index = 0; index < 7; index++) agent.add(makeKey(at(`held${index}`)).path)
  agent.add(home.key.path)
})
afterAll(async () => {
  await agent?.stop()
  await server?.stop()
  home?.remove()
})

const NO_KEYS: Partial<ResolvedHost> = { identityFiles: [], agentSocket: null }
const target = (host: Partial<ResolvedHost>): ConnectionTarget =>
  home.target(server, { ...NO_KEYS, ...host })
const named = (...paths: readonly string[]): Partial<ResolvedHost> => ({
  identityFiles: paths,
  areIdentitiesNamed: true,
})
const withIdentity = (one: ConnectionTarget, key: KeyPair, text?: string): ConnectionTarget => ({
  ...one,
  identity: { label: 'file:key', text: text ?? readFileSync(key.path, 'utf8') },
})

/** Answers in turn, and what it was asked. */
function answering(...answers: readonly string[]) {
  const asked: Question[] = []
  const left = [...answers]
  const prompt = async (question: Question): Promise<string> => {
    asked.push(question)
    const answer = left.shift()
    if (answer === undefined) throw new Error('asked too often')
    return answer
  }
  return { asked, prompt }
}

async function enters(one: ConnectionTarget, prompt?: (question: Question) => Promise<string>) {
  const session = await connect(one, { signal, ...(prompt === undefined ? {} : { prompt }) })
  await session.close()
  return true
}

describe('logging in', () => {
  it.each<[string, () => ConnectionTarget]>([
    ['a key file', () => target({ identityFiles: [home.key.path] })],
    [
      'a named key file, though others do not exist',
      () => target(named('/no/such/file', home.key.path)),
    ],
    ['the key of nodes.yaml', () => withIdentity(target({}), home.key)],
    [
      'the key of nodes.yaml, before an agent full of others',
      () => withIdentity(target({ agentSocket: agent.socket }), home.key),
    ],
    [
      'an agent’s key that a file names, before its others',
      () => target({ ...named(`${home.key.path}.pub`), agentSocket: agent.socket }),
    ],
    [
      'an agent’s key that a missing file’s .pub names',
      () => target({ ...named(home.key.path), identitiesOnly: true, agentSocket: agent.socket }),
    ],
    [
      'a named key file, before an agent full of others',
      () => target({ ...named(home.key.path), agentSocket: agent.socket }),
    ],
    [
      'a key file, without the agent that is named',
      () => target({ identityFiles: [home.key.path], agentSocket: '/no/such/agent' }),
    ],
  ])('works with %s', async (_what, make) => {
    expect(await enters(make())).toBe(true)
  })

  it('works with a PEM key, RSA and ECDSA', async () => {
    const keys = (['rsa', 'ecdsa'] as const).map((kind) =>
      makeKey(join(home.path, `pem-${kind}`), kind, '', ['-m', 'PEM']),
    )
    const own = await startSshd({ authorized: keys.map(({ publicLine }) => publicLine) })
    try {
      home.know(own)
      for (const key of keys) {
        expect(readFileSync(key.path, 'utf8')).toMatch(/^-----BEGIN (?:RSA|EC) PRIVATE KEY/)
        await enters(home.target(own, { ...NO_KEYS, ...named(key.path) }))
      }
    } finally {
      await own.stop()
    }
  })

  it('asks for the passphrase of a key, three times at most', async () => {
    const { asked, prompt } = answering('wrong', PASSPHRASE)
    await enters(target(named(encrypted.path)), prompt)
    expect(asked).toEqual(
      Array.from({ length: 2 }, () => ({
        text: `passphrase of ${encrypted.path}`,
        isSecret: true,
      })),
    )
    const stubborn = answering('wrong-1', 'wrong-2', 'wrong-3')
    const connecting = connect(target(named(encrypted.path)), { signal, prompt: stubborn.prompt })
    const error = await refusalOf(connecting)
    expect(error).toMatchObject({ code: 'login-refused', step: 'login' })
    expect(error.message).toContain(`${encrypted.path}: not used, no passphrase opened it`)
    expect(JSON.stringify([error.message, error.hint, error.stack])).not.toContain('wrong-')
  })

  it('asks for no passphrase when another key will do', async () => {
    const { asked, prompt } = answering()
    await enters(target(named(encrypted.path, home.key.path)), prompt)
    expect(asked).toEqual([])
  })

  it('leaves a key with a passphrase out where nobody can be asked', async () => {
    const error = await refusalOf(connect(target(named(encrypted.path)), { signal }))
    expect(error.message).toContain('no passphrase opened it')
  })

  it.each<[string, () => ConnectionTarget, string, RegExp]>([
    [
      'has a passphrase',
      () => withIdentity(target({}), encrypted),
      'locked-key',
      /nobody can be asked for it/,
    ],
    [
      'is none',
      () => withIdentity(target({}), encrypted, 'hunter2'),
      'unusable-key',
      /no private key that can be read/,
    ],
    [
      'is the public half',
      () => withIdentity(target({}), encrypted, encrypted.publicLine),
      'unusable-key',
      /no private key/,
    ],
  ])('stops when the key of nodes.yaml %s', async (_what, make, code, message) => {
    const error = await refusalOf(connect(make(), { signal }))
    expect(error).toMatchObject({ code, exit: 'badInput', message: expect.stringMatching(message) })
    expect(error.message).not.toContain('hunter2')
  })

  it('ends with the prompt’s own error', async () => {
    const prompt = async (): Promise<string> => {
      throw new Error('gone')
    }
    await expect(connect(target(named(encrypted.path)), { signal, prompt })).rejects.toThrow('gone')
  })
})

describe('a login is refused', () => {
  it('with every key that was tried, and what the server takes', async () => {
    const exposed = makeKey(join(home.path, 'exposed'))
    chmodSync(exposed.path, 0o644)
    const one = target(named('/no/such', exposed.path, foreign.path))
    const error = await refusalOf(connect(one, { signal }))
    expect(error).toMatchObject({
      code: 'login-refused',
      exit: 'unreachable',
      step: 'login',
      hop: 1,
    })
    expect(error.message).toContain(`${foreign.path} (${foreign.fingerprint})`)
    expect(error.message).toContain('/no/such: no such file')
    expect(error.message).toContain(`${exposed.path}: not used, others can read it`)
    expect(error.message).not.toContain(exposed.fingerprint)
    expect(error.hint).toContain('authorized_keys')
  })

  it('when there is nothing to log in with', async () => {
    const error = await refusalOf(connect(target({}), { signal }))
    expect(error.message).toContain('Tried: nothing to log in with')
  })

  it('when an agent does not answer, which is told', async () => {
    const error = await refusalOf(connect(target({ agentSocket: '/no/such/agent' }), { signal }))
    expect(error.message).toContain('agent /no/such/agent: does not answer')
  })

  it('by a server that was offered too many keys, with the way out', async () => {
    const error = await refusalOf(connect(target({ agentSocket: agent.socket }), { signal }))
    expect(error.message).toMatch(/agent key test key \(SHA256:.*The server ended it: Too many/)
    expect(error.hint).toContain('IdentitiesOnly')
  })

  it('with no key of the agent that was not named, under IdentitiesOnly', async () => {
    const one = target({ ...named(foreign.path), identitiesOnly: true, agentSocket: agent.socket })
    const error = await refusalOf(connect(one, { signal }))
    expect(error.message).toContain(foreign.fingerprint)
    expect(error.message).not.toContain('agent key')
  })
})

it('an abort ends it, also while somebody is asked', async () => {
  const interruption = new AbortController()
  const prompt = async (): Promise<string> => {
    interruption.abort(new Error('interrupted'))
    return new Promise(() => {})
  }
  const connecting = connect(target(named(encrypted.path)), { signal: interruption.signal, prompt })
  await expect(connecting).rejects.toThrow('interrupted')
  await expect(connect(target({}), { signal: interruption.signal })).rejects.toThrow('interrupted')
  expect(openssh('ssh-keygen', ['-lf', home.key.path])).toContain(home.key.fingerprint)
})
