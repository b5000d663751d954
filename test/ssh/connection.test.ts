import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type SshConnection } from '../../src/ops/ssh/connection.ts'
import type { ResolvedHost } from '../../src/ops/ssh/resolve-host.ts'
import { run } from '../../src/ops/ssh/session.ts'
import { clientHome, type ClientHome } from './client-home.ts'
import { childrenOf, kill, startSshd, type Sshd } from './sshd.ts'

const { signal } = new AbortController()
let home: ClientHome
let server: Sshd
let session: SshConnection

beforeAll(async () => {
  home = clientHome()
  server = await startSshd({ authorized: [home.key.publicLine] })
  home.know(server)
})
afterAll(async () => {
  await server?.stop()
  home?.remove()
})
beforeEach(async () => {
  session = await connect(home.target(server), { signal })
})
afterEach(async () => session?.close())

/** A connection to a server of its own, for the time of a test. */
async function toServer(
  config: readonly string[],
  work: (session: SshConnection, server: Sshd) => Promise<void>,
  host: Partial<ResolvedHost> = {},
): Promise<void> {
  const own = await startSshd({ authorized: [home.key.publicLine], config })
  try {
    home.know(own)
    const connection = await connect(home.target(own, host), { signal })
    await work(connection, own)
    await connection.close()
  } finally {
    await own.stop()
  }
}

describe('a command on a real server', () => {
  it.each([
    ['an exit code', 'echo out; echo complaint >&2; exit 3', { kind: 'exited', code: 3 }],
    ['a signal', 'echo out; echo complaint >&2; kill -9 $$', { kind: 'killed', signal: 'SIGKILL' }],
  ])('ends with %s, and what it said', async (_how, command, outcome) => {
    const end = await run(session, command, { signal })
    expect(end).toEqual({ outcome, stdout: Buffer.from('out\n'), stderr: 'complaint\n' })
  })

  it('reads a stream, byte for byte, and says as much', async () => {
    const chunks = Array.from({ length: 6 }, (_, index) => Buffer.alloc(1_000_000, index))
    async function* stream() {
      yield* chunks
    }
    const { outcome, stdout } = await run(session, ['cat'], { signal, stdin: stream() })
    expect(outcome).toEqual({ kind: 'exited', code: 0 })
    expect(stdout.equals(Buffer.concat(chunks))).toBe(true)
  })

  it('reads text, or nothing', async () => {
    const { stdout } = await run(session, 'cat; echo end', { signal, stdin: 'text\n' })
    expect(stdout.toString()).toBe('text\nend\n')
    expect((await run(session, ['cat'], { signal })).stdout.length).toBe(0)
  })

  it('may end before it has read all', async () => {
    async function* endless() {
      for (;;) yield Buffer.alloc(100_000)
    }
    const end = await run(session, 'head -c 10 >/dev/null; exit 4', { signal, stdin: endless() })
    expect(end.outcome).toEqual({ kind: 'exited', code: 4 })
  })

  it('gets arguments as they are', async () => {
    const argument = `it's $(touch x) "\n*\\ ~ ö`
    const { stdout } = await run(session, ['printf', '%s', argument], { signal })
    expect(stdout.toString()).toBe(argument)
  })

  it('keeps the end of a long complaint', async () => {
    const { stderr } = await run(session, 'seq 1 100000 >&2', { signal })
    expect(stderr.endsWith('99999\n100000\n')).toBe(true)
    expect(stderr.length).toBe(64 * 1024)
  })

  it('is let go of when it says too much', async () => {
    const running = run(session, 'yes', { signal, stdoutBytesMax: 100_000 })
    await expect(running).rejects.toMatchObject({ code: 'output-limit' })
    expect((await run(session, ['true'], { signal })).outcome).toEqual({ kind: 'exited', code: 0 })
  })

  it('is let go of by who does not read on, too', async () => {
    const { stdout, ended } = await session.exec('yes', { signal })
    for await (const chunk of stdout) {
      expect(chunk).toBeInstanceOf(Buffer)
      break
    }
    expect((await ended).outcome.kind).not.toBe('exited')
    expect((await run(session, ['true'], { signal })).outcome).toEqual({ kind: 'exited', code: 0 })
  })

  it('is let go of by an abort, waiting or running', async () => {
    const interruption = new AbortController()
    const running = Array.from({ length: 12 }, async () =>
      run(session, 'echo begun; sleep 15', { signal: interruption.signal }),
    )
    const seen = Promise.allSettled(running)
    await delay(300)
    interruption.abort(new Error('interrupted'))
    for (const one of await seen) {
      expect(one).toMatchObject({ status: 'rejected', reason: { message: 'interrupted' } })
    }
    expect((await run(session, ['true'], { signal })).outcome).toEqual({ kind: 'exited', code: 0 })
  })

  it('does not take a failed stream for its end', async () => {
    async function* failing() {
      yield Buffer.from('half')
      throw new Error('disk gone')
    }
    const running = run(session, ['cat'], { signal, stdin: failing() })
    await expect(running).rejects.toThrow('disk gone')
  })

  it('does not run with a NUL or without a name', async () => {
    await expect(session.exec('echo \0', { signal })).rejects.toThrow(RangeError)
    await expect(session.exec([], { signal })).rejects.toThrow(RangeError)
  })
})

describe('many commands', () => {
  const numbers = Array.from({ length: 20 }, (_, index) => `${index}`)
  const echoAll = async (on: SshConnection, all: readonly string[]) =>
    (await Promise.all(all.map(async (n) => run(on, ['echo', n], { signal })))).map(
      ({ stdout, outcome }) => [stdout.toString().trim(), outcome],
    )
  const done = (all: readonly string[]) => all.map((n) => [n, { kind: 'exited', code: 0 }])

  it('wait for their places', async () => {
    expect(await echoAll(session, numbers)).toEqual(done(numbers))
  })

  it('run one after the other where the server allows one', async () => {
    await toServer(['MaxSessions 1'], async (connection) => {
      const five = numbers.slice(0, 5)
      expect(await echoAll(connection, five)).toEqual(done(five))
      expect(await echoAll(connection, five)).toEqual(done(five))
    })
  })

  it('are refused where the server allows none', async () => {
    await toServer(['MaxSessions 0'], async (connection) => {
      await expect(run(connection, ['true'], { signal })).rejects.toMatchObject({
        code: 'channel-refused',
        hint: expect.stringContaining('MaxSessions'),
      })
    })
  })
})

describe('a connection that ends', () => {
  it('leaves it unknown how a command ended, and runs no other', async () => {
    await toServer([], async (connection, own) => {
      const { stdout, ended } = await connection.exec('echo begun; sleep 15', { signal })
      stdout.once('data', () => {
        for (const pid of own.sessions()) kill(pid, 'SIGKILL')
      })
      const read = stdout.toArray()
      expect((await ended).outcome).toEqual({ kind: 'lost' })
      await expect(read).rejects.toMatchObject({ code: 'connection-lost' })
      await expect(run(connection, ['true'], { signal })).rejects.toMatchObject({
        code: 'connection-lost',
        exit: 'unreachable',
        hint: expect.stringContaining('is not known'),
      })
    })
  })

  it('is noticed when the other end falls silent', async () => {
    await toServer(
      [],
      async (connection, own) => {
        const { stdout, ended } = await connection.exec('sleep 15', { signal })
        stdout.resume()
        const silenced = own.sessions().flatMap((pid) => [pid, ...childrenOf(pid)])
        for (const pid of silenced) kill(pid, 'SIGSTOP')
        const begun = performance.now()
        expect((await ended).outcome).toEqual({ kind: 'lost' })
        expect(performance.now() - begun).toBeLessThan(10_000)
      },
      { keepaliveMs: 300, keepaliveCount: 2 },
    )
  })

  it('because it is closed here, ends what runs as unknown', async () => {
    const { stdout, ended } = await session.exec('sleep 15', { signal })
    stdout.resume()
    await session.close()
    expect((await ended).outcome).toEqual({ kind: 'lost' })
    await expect(session.exec('true', { signal })).rejects.toMatchObject({
      code: 'connection-lost',
    })
    await session.close()
  })
})
