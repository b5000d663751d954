import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as dial, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { connect, type ConnectionTarget } from '../../src/ops/ssh/connection.ts'
import { freePorts } from '../free-ports.ts'
import { clientHome, refusalOf } from './client-home.ts'

const { signal } = new AbortController()
const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

function targetAt(port: number, host: object = {}): ConnectionTarget {
  const home = clientHome()
  cleanups.push(() => home.remove())
  return home.target({ port, user: 'me' }, { dialTimeoutMs: 400, ...host })
}

const refused = async (target: ConnectionTarget) => refusalOf(connect(target, { signal }))

async function serverThat(answers: (socket: Socket) => void): Promise<number> {
  const port = await freePorts(1)
  const server: Server = createServer(answers)
  await once(server.listen(port, '127.0.0.1'), 'listening')
  cleanups.push(() => server.close())
  return port
}

describe('a host that is not reached', () => {
  it('because nothing listens', async () => {
    expect(await refused(targetAt(await freePorts(1)))).toMatchObject({
      code: 'connection-refused',
      exit: 'unreachable',
      step: 'dial',
      hop: 1,
      hint: expect.stringContaining('sshd'),
    })
  })

  it('because its name stands for nothing', async () => {
    expect(
      await refused(targetAt(22, { hostname: 'no-such-host.invalid', dialTimeoutMs: 20_000 })),
    ).toMatchObject({
      code: 'host-not-found',
      step: 'dial',
      message: expect.stringContaining('no-such-host.invalid'),
    })
  })

  it('because no route leads to it', async () => {
    // No TCP connection goes to everybody: Linux refuses it without sending anything.
    const everybody = targetAt(22, { hostname: '255.255.255.255', dialTimeoutMs: 5000 })
    expect(await refused(everybody)).toMatchObject({ code: 'no-route', step: 'dial' })
  })

  it('because what is sent there is dropped', async () => {
    const port = await freePorts(1)
    const listen = `require('node:net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => console.log('up'))`
    const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] })
    cleanups.push(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    // A stopped listener takes a few connections, and after them the system drops what comes.
    child.kill('SIGSTOP')
    for (let index = 0; index < 4; index++) {
      const filler = dial(port, '127.0.0.1').on('error', () => {})
      cleanups.push(() => filler.destroy())
    }
    await expect
      .poll(async () => (await refused(targetAt(port))).message, { timeout: 10_000 })
      .toMatch(/no connection within 400 ms/)
    expect(await refused(targetAt(port))).toMatchObject({
      code: 'connection-timed-out',
      step: 'dial',
    })
  })

  it('because it says nothing', async () => {
    const port = await serverThat(() => {})
    expect(await refused(targetAt(port))).toMatchObject({
      code: 'connection-timed-out',
      step: 'handshake',
      message: expect.stringContaining('more than 400 ms'),
    })
  })

  it('because it is no SSH server', async () => {
    const port = await serverThat((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    expect(await refused(targetAt(port, { dialTimeoutMs: 5000 }))).toMatchObject({
      code: 'handshake-failed',
      step: 'handshake',
    })
  })

  it('because it hangs up', async () => {
    const port = await serverThat((socket) => socket.destroy())
    expect(await refused(targetAt(port, { dialTimeoutMs: 5000 }))).toMatchObject({
      code: 'handshake-failed',
    })
  })

  it('before an abort', async () => {
    const interruption = new AbortController()
    const port = await serverThat(() => interruption.abort(new Error('interrupted')))
    const target = targetAt(port, { dialTimeoutMs: 5000 })
    await expect(connect(target, { signal: interruption.signal })).rejects.toThrow('interrupted')
  })
})
