import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { HttpOrigin, type Question } from './http-origin.ts'

const never = new AbortController().signal
const question: Question = {
  method: 'GET',
  path: '/',
  token: null,
  accept: '*/*',
  timeMsMax: 5000,
}
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n'

const opened: { close: () => void }[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one.close()
})

/** An origin behind which `answer` speaks, byte for byte. */
async function originOf(answer: (socket: Socket) => void, scheme = 'http'): Promise<HttpOrigin> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  const origin = new HttpOrigin({ name: 'node1', url })
  opened.push({
    close: () => {
      void origin.close()
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  })
  return origin
}

const ask = async (
  origin: HttpOrigin,
  details: Partial<Question>,
): Promise<{ status: number; text: string }> => {
  const { status, bytes } = await origin.ask({ ...question, ...details }, 1000, never, () => {})
  return { status, text: Buffer.from(bytes).toString() }
}

it('gives the whole answer', async () => {
  const origin = await originOf((socket) => socket.write(`${HEAD}content-length: 5\r\n\r\nhello`))
  expect(await ask(origin, {})).toEqual({ status: 200, text: 'hello' })
})

it('limits the time of the whole: to a server that says nothing', async () => {
  const origin = await originOf(() => {})
  await expect(ask(origin, { timeMsMax: 50 })).rejects.toMatchObject({
    code: 'timeout',
    exit: 'unreachable',
    message: expect.stringContaining('within 50 ms'),
  })
})

it('limits the time of the whole: to a body that trickles', async () => {
  const origin = await originOf((socket) => {
    socket.write(`${HEAD}\r\n`)
    const drip = setInterval(() => socket.write('.'), 5)
    socket.on('close', () => clearInterval(drip))
  })
  const details = { timeMsMax: 150, idleMsMax: 140 }
  await expect(ask(origin, details)).rejects.toMatchObject({
    code: 'timeout',
    message: expect.stringContaining('within 150 ms'),
  })
})

it('limits silence within an answer', async () => {
  const origin = await originOf((socket) => socket.write(`${HEAD}\r\nhello`))
  await expect(ask(origin, { idleMsMax: 60 })).rejects.toMatchObject({
    code: 'timeout',
    message: expect.stringContaining('stopped for 60 ms'),
  })
})

it('refuses what is not HTTP, and headers without an end', async () => {
  const ssh = await originOf((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
  await expect(ask(ssh, {})).rejects.toMatchObject({ code: 'not-a-node' })
  const endless = await originOf((socket) => socket.write(`${HEAD}x: ${'y'.repeat(64 * 1024)}`))
  await expect(ask(endless, {})).rejects.toMatchObject({ code: 'not-a-node' })
})

it('tells a server without a certificate from one that cannot speak TLS', async () => {
  const alarm = Buffer.from([21, 3, 3, 0, 2, 2, 80])
  const without = await originOf((socket) => socket.end(alarm), 'https')
  await expect(ask(without, {})).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('serves no certificate for its name'),
    hint: expect.stringContaining('journalctl -u caddy'),
  })
  const plain = await originOf((socket) => socket.end(HEAD), 'https')
  await expect(ask(plain, {})).rejects.toMatchObject({
    message: expect.stringContaining('TLS failed'),
  })
})

it('lets go of a connection whose answer was refused by its head', async () => {
  const closed = Promise.withResolvers<boolean>()
  const origin = await originOf((socket) => {
    socket.on('close', () => closed.resolve(true))
    socket.write(`${HEAD}content-length: 1000\r\n\r\nhello`)
  })
  const refusal = new Error('not this')
  const asking = origin.ask(question, 1000, never, () => {
    throw refusal
  })
  await expect(asking).rejects.toBe(refusal)
  expect(await closed.promise).toBe(true)
})

it('lets go of a connection on which nothing more is asked', async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const origin = await originOf((socket) => {
    socket.once('end', resolve)
    socket.write(`${HEAD}content-length: 5\r\n\r\nhello`)
  })
  expect(await ask(origin, {})).toMatchObject({ status: 200 })
  await ended
})
