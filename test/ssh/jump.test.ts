import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type ConnectionTarget } from '../../src/ops/ssh/connection.ts'
import { run } from '../../src/ops/ssh/session.ts'
import { askForHostKeys } from '../../src/ops/ssh/trust.ts'
import { freePorts } from '../free-ports.ts'
import { clientHome, refusalOf, type ClientHome } from './client-home.ts'
import { kill, startSshd, type Sshd } from './sshd.ts'

const { signal } = new AbortController()
let home: ClientHome
let first: Sshd
let second: Sshd
let last: Sshd
/** Forwards nothing. */
let closed: Sshd

beforeAll(async () => {
  home = clientHome()
  const authorized = [home.key.publicLine]
  first = await startSshd({ authorized })
  second = await startSshd({ authorized })
  last = await startSshd({ authorized })
  closed = await startSshd({ authorized, config: ['AllowTcpForwarding no'] })
})
afterAll(async () => {
  for (const server of [first, second, last, closed]) await server?.stop()
  home?.remove()
})
beforeEach(() => {
  writeFileSync(home.knownHosts, '')
  home.know(first)
  home.know(closed)
})

const through = (...servers: readonly Pick<Sshd, 'port' | 'user'>[]): ConnectionTarget => ({
  ...home.target(first),
  hops: servers.flatMap((server) => home.target(server).hops),
})

describe('a way over two hops', () => {
  it('leads to the last host, every key verified', async () => {
    home.know(second)
    home.know(last)
    const session = await connect(through(first, second, last), { signal })
    const { stdout } = await run(session, 'echo $SSH_CONNECTION', { signal })
    expect(stdout.toString().trim()).toMatch(new RegExp(`^127.0.0.1 \\d+ 127.0.0.1 ${last.port}$`))
    expect(session.remoteAddress).toBeNull()
    const at = ({ user, port }: Sshd): string => `${user}@127.0.0.1:${port}`
    expect(session.description).toBe(`${at(last)} through ${at(first)}, ${at(second)}`)
    await session.close()
  })

  it('ends at a second hop with another key, which is told, and leaves the first', async () => {
    home.know({ ...last, port: second.port })
    home.know(last)
    const error = await refusalOf(connect(through(first, second, last), { signal }))
    expect(error).toMatchObject({
      code: 'host-key-mismatch',
      hop: 2,
      host: `${second.user}@127.0.0.1:${second.port}`,
    })
    expect(error.message).toContain('(hop 2 of 3)')
    await expect.poll(() => first.sessions(), { timeout: 5000 }).toEqual([])
  })

  it('ends at a second hop that is not known, with advice for a hop', async () => {
    const error = await refusalOf(connect(through(first, second, last), { signal }))
    expect(error).toMatchObject({ code: 'host-key-unknown', hop: 2 })
    expect(error.hint).toContain('once with ssh')
  })

  it('is lost with its first hop', async () => {
    home.know(second)
    const session = await connect(through(first, second), { signal })
    const { stdout, ended } = await session.exec('sleep 15', { signal })
    stdout.resume()
    for (const pid of first.sessions()) kill(pid, 'SIGKILL')
    expect(await ended).toMatchObject({ outcome: { kind: 'lost' } })
    await session.close()
  })
})

describe('a hop', () => {
  it('that forwards nothing is told apart', async () => {
    const error = await refusalOf(connect(through(closed, first), { signal }))
    expect(error).toMatchObject({ code: 'forwarding-refused', step: 'forward', hop: 2 })
    expect(error.hint).toContain('AllowTcpForwarding')
  })

  it('that does not reach the next one is told apart', async () => {
    const nobody = { port: await freePorts(1), user: first.user }
    const error = await refusalOf(connect(through(first, nobody), { signal }))
    expect(error).toMatchObject({ code: 'forward-failed', step: 'forward', hop: 2 })
    expect(error.message).toContain('Connection refused')
  })
})

describe('asking for keys behind a hop', () => {
  it('gives those of the last host, which is not logged in to', async () => {
    const before = second.log().length
    const plan = await askForHostKeys(through(first, second), { signal })
    expect(plan).toMatchObject({ name: `[127.0.0.1]:${second.port}`, contradictions: [] })
    expect(plan.keys).toMatchObject([
      {
        type: 'ssh-ed25519',
        standing: 'new',
        fingerprint: second.hostKeys.get('ed25519')?.fingerprint,
      },
    ])
    await expect.poll(() => second.sessions(), { timeout: 5000 }).toEqual([])
    expect(second.log().slice(before)).not.toContain(second.user)
  })

  it('ends at a hop that is not known', async () => {
    await expect(askForHostKeys(through(second, last), { signal })).rejects.toMatchObject({
      code: 'host-key-unknown',
      hop: 1,
    })
  })
})
