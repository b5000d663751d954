import { once } from 'node:events'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { authority, forAnother, forLocalhost } from './certificates.fixture.ts'
import { lookAtTls } from './look-at-tls.ts'

const { signal } = new AbortController()
const usual = getCACertificates('default')
let server: Server | undefined

beforeAll(() => setDefaultCACertificates([...usual, authority]))
afterAll(() => setDefaultCACertificates(usual))
afterEach(() => server?.close())

async function serving(made: Server): Promise<string> {
  server = made
  made.on('tlsClientError', () => {})
  made.listen(0, '127.0.0.1')
  await once(made, 'listening')
  return `https://localhost:${(made.address() as AddressInfo).port}`
}

/** Answers the greeting of TLS with a fatal alert (RFC 8446, 6). */
const alarm = (socket: Socket, alert: number): void =>
  void socket.once('data', () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alert])))

describe('a certificate', () => {
  it('of a trusted authority, for this name, is read', async () => {
    const url = await serving(createServer(forLocalhost))
    const expected = {
      kind: 'shown',
      chainProblem: null,
      isForThisName: true,
      issuer: 'Test root',
      validFromMs: expect.any(Number),
      validUntilMs: expect.any(Number),
    }
    const look = await lookAtTls(url, signal)
    expect(look).toEqual(expected)
    if (look.kind !== 'shown') throw new Error('not shown')
    expect(new Date(look.validUntilMs).getUTCFullYear()).toBeGreaterThan(2120)
    expect(await lookAtTls(url.replace('localhost', '127.0.0.1'), signal)).toEqual(expected)
  })

  it('for another name is told from one that is not trusted', async () => {
    const url = await serving(createServer(forAnother))
    expect(await lookAtTls(url, signal)).toMatchObject({ chainProblem: null, isForThisName: false })
    setDefaultCACertificates(usual)
    expect(await lookAtTls(url, signal)).toMatchObject({
      chainProblem: expect.any(String),
    })
    setDefaultCACertificates([...usual, authority])
  })
})

describe('no certificate', () => {
  it('is shown where nothing listens', async () => {
    const url = await serving(createTcpServer())
    server?.close()
    expect(await lookAtTls(url, signal)).toMatchObject({ kind: 'unseen', why: 'refused' })
  })

  it('is shown by what does not speak TLS', async () => {
    const url = await serving(createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad\r\n\r\n')))
    expect(await lookAtTls(url, signal)).toMatchObject({ kind: 'unseen', why: 'not-tls' })
  })

  it.each([
    ['internal_error, as Caddy', 80],
    ['unrecognized_name', 112],
  ])('is shown by what has none for this name: %s', async (_what, alert) => {
    const url = await serving(createTcpServer((socket) => alarm(socket, alert)))
    expect(await lookAtTls(url, signal)).toMatchObject({ kind: 'unseen', why: 'no-certificate' })
  })

  it('is shown where the name leads nowhere', async () => {
    const url = 'https://no-such-name.invalid'
    expect(await lookAtTls(url, signal)).toMatchObject({ kind: 'unseen', why: 'absent' })
  })

  it('is waited for once nobody wants it any more', async () => {
    const url = await serving(createTcpServer())
    const stop = new AbortController()
    const looking = lookAtTls(url, stop.signal)
    stop.abort(new Error('enough'))
    await expect(looking).rejects.toThrow('enough')
    await expect(lookAtTls(url, stop.signal)).rejects.toThrow('enough')
  })
})
