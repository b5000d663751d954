import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type SshConnection } from '../../src/ops/ssh/connection.ts'
import { run } from '../../src/ops/ssh/session.ts'
import { clientHome, type ClientHome } from './client-home.ts'
import { startSshd, type Sshd } from './sshd.ts'

const { signal } = new AbortController()
let home: ClientHome
let server: Sshd
let session: SshConnection

beforeAll(async () => {
  home = clientHome()
  server = await startSshd({ authorized: [home.key.publicLine] })
  home.know(server)
  session = await connect(home.target(server), { signal })
})
afterAll(async () => {
  await session?.close()
  await server?.stop()
  home?.remove()
})

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
      for (const chunk of chunks) yield chunk
    }
    const { outcome, stdout } = await run(session, ['cat'], { signal, stdin: stream() })
    expect(outcome).toEqual({ kind: 'exited', code: 0 })
    expect(stdout.equals(Buffer.concat(chunks))).toBe(true)
  })

  it('gets arguments as they are', async () => {
    const argument = `it's $(touch x) "\n*\\ ~ ö`
    const { stdout } = await run(session, ['printf', '%s', argument], { signal })
    expect(stdout.toString()).toBe(argument)
  })

  it('waits for its place among many', async () => {
    const numbers = Array.from({ length: 20 }, (_, index) => `${index}`)
    const all = numbers.map(async (n) => run(session, ['echo', n], { signal }))
    const said = (await Promise.all(all)).map(({ stdout }) => stdout.toString().trim())
    expect(said).toEqual(numbers)
  })
})
