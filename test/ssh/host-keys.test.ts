import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, type ConnectionTarget } from '../../src/ops/ssh/connection.ts'
import * as errors from '../../src/ops/ssh/errors.ts'
import { parseHostKeyPin } from '../../src/ops/ssh/host-key.ts'
import { clientHome, refusalOf, type ClientHome } from './client-home.ts'
import { openssh, startSshd, type KeyKind, type KeyPair, type Sshd } from './sshd.ts'

const { signal } = new AbortController()
let home: ClientHome
/** Prefers RSA, then ECDSA. */
let server: Sshd
let other: Sshd

beforeAll(async () => {
  home = clientHome()
  const authorized = [home.key.publicLine]
  server = await startSshd({ hostKeys: ['rsa', 'ecdsa', 'ed25519'], authorized })
  other = await startSshd({ authorized })
})
afterAll(async () => {
  await server?.stop()
  await other?.stop()
  home?.remove()
})
beforeEach(() => writeFileSync(home.knownHosts, ''))

const keyOf = (kind: KeyKind, of: Sshd = server): KeyPair => {
  const key = of.hostKeys.get(kind)
  if (key === undefined) throw new Error(`no ${kind} key`)
  return key
}
const pinned = (...pins: readonly string[]): ConnectionTarget => {
  const hostKeys = pins.map(parseHostKeyPin).filter((pin) => pin !== null)
  return home.target(server, {}, { hostKeys })
}
const line = (text: string): void => appendFileSync(home.knownHosts, `${text}\n`)
const name = (): string => `[127.0.0.1]:${server.port}`

/** The host that was let in. */
async function enters(target: ConnectionTarget): Promise<string> {
  const session = await connect(target, { signal })
  await session.close()
  return session.description
}
const itself = (): string => `${server.user}@127.0.0.1:${server.port}`

describe('a host is let in', () => {
  it.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])(
    'by its %s key alone, whatever key it prefers',
    async (kind) => {
      home.know(server, kind)
      expect(await enters(home.target(server))).toBe(itself())
    },
  )

  it('by a hashed name', async () => {
    home.know(server)
    openssh('ssh-keygen', ['-q', '-H', '-f', home.knownHosts])
    expect(readFileSync(home.knownHosts, 'utf8')).toMatch(/^\|1\|/)
    expect(await enters(home.target(server))).toBe(itself())
  })

  it('by a key in nodes.yaml, though known_hosts says otherwise', async () => {
    line(`${name()} ${keyOf('ed25519', other).publicLine}`)
    expect(await enters(pinned(keyOf('ecdsa').publicLine))).toBe(itself())
  })

  it.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])(
    'by the fingerprint of its %s key, which does not tell its type',
    async (kind) => {
      expect(await enters(pinned(keyOf(kind).fingerprint))).toBe(itself())
    },
  )
})

describe('a host is refused', () => {
  const refused = async (target: ConnectionTarget) => refusalOf(connect(target, { signal }))

  it('when nothing is known of it, with what it presents', async () => {
    const error = await refused(home.target(server))
    expect(error).toBeInstanceOf(errors.HostKeyUnknownError)
    expect(error).toMatchObject({
      code: 'host-key-unknown',
      exit: 'failed',
      step: 'host-key',
      hop: 1,
    })
    expect(error.message).toContain(`ssh-ed25519 ${keyOf('ed25519').fingerprint}`)
    expect(error.hint).toContain('"aethel-lattice trust node2"')
  })

  it('when only another port of it is known', async () => {
    line(`127.0.0.1 ${keyOf('ed25519').publicLine}`)
    expect(await refused(home.target(server))).toBeInstanceOf(errors.HostKeyUnknownError)
  })

  it('when only an authority is known, which is told', async () => {
    line(`@cert-authority * ${keyOf('ed25519').publicLine}`)
    const error = await refused(home.target(server))
    expect(error).toBeInstanceOf(errors.HostKeyUnknownError)
    expect(error.hint).toContain('host certificates cannot be verified')
  })

  it('when it presents another key, with both and where the known one stands', async () => {
    line('# what was')
    line(`${name()} ${keyOf('ed25519', other).publicLine}`)
    const error = await refused(home.target(server))
    expect(error).toBeInstanceOf(errors.HostKeyMismatchError)
    expect(error.message).toContain(keyOf('ed25519').fingerprint)
    expect(error.message).toContain(`${keyOf('ed25519', other).fingerprint} (${home.knownHosts}:2)`)
    expect(error.hint).toContain('trust node2 --replace')
  })

  it('when it has no key in nodes.yaml, though known_hosts has one', async () => {
    home.know(server)
    for (const pin of [keyOf('ed25519', other).publicLine, keyOf('ed25519', other).fingerprint]) {
      const error = await refused(pinned(pin))
      expect(error).toBeInstanceOf(errors.HostKeyMismatchError)
      expect(error.message).toContain('nodes.yaml, ssh.host_keys')
    }
  })

  it('when its key is revoked, be it known or in nodes.yaml', async () => {
    home.know(server)
    line(`@revoked * ${keyOf('ed25519').publicLine}`)
    for (const target of [home.target(server), pinned(keyOf('ed25519').publicLine)]) {
      const error = await refused(target)
      expect(error).toBeInstanceOf(errors.HostKeyRevokedError)
      expect(error.message).toContain(`${keyOf('ed25519').fingerprint}, which is revoked`)
    }
  })

  it('when it has no key of the known type, which is told', async () => {
    line(`[127.0.0.1]:${other.port} ${keyOf('rsa').publicLine}`)
    const error = await refused(home.target(other))
    expect(error).toMatchObject({ code: 'handshake-failed', step: 'handshake' })
    expect(error.hint).toContain('a type that is known (ssh-rsa)')
  })

  it('when it is known only by a key that cannot be verified here', async () => {
    const type = 'sk-ssh-ed25519@openssh.com'
    const length = Buffer.from([0, 0, 0, type.length]).toString('latin1')
    line(`${name()} ${type} ${Buffer.from(`${length}${type}xxxx`, 'latin1').toString('base64')}`)
    expect(await refused(home.target(server))).toMatchObject({ code: 'host-key-unsupported' })
  })

  it('before it is told who wants to log in', async () => {
    const before = server.log().length
    await refused(home.target(server))
    const said = (): string => server.log().slice(before)
    await vi.waitFor(() => expect(said()).toMatch(/^Disconnected from /m), 5000)
    expect(said()).not.toContain(server.user)
  })
})
