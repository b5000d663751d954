import { once } from 'node:events'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { paths } from '../../wire/protocol.ts'
import { dial, serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const ask = `GET ${paths.livez} HTTP/1.1\r\nhost: x\r\n\r\n`
const LAST_ANSWER = /connection: close/i
/** Longer than any test may take: what ends before was not ended by it. */
const LONG_MS = 60_000

const serving = async (limits: { drainMs?: number; firstRequestMs?: number }): Promise<Served> =>
  serve(new FakeNode(), { limits: { drainMs: LONG_MS, firstRequestMs: 0, ...limits } })

/** A connection that has had one answer and is kept. */
async function kept({ port }: Served): Promise<Socket> {
  const socket = await dial(port)
  const answered = once(socket, 'data')
  socket.write(ask)
  expect(String((await answered)[0])).toMatch(/connection: keep-alive/i)
  return socket
}

test('without connections a drain has nothing to wait for', async () => {
  const { api } = await serving({})
  await expect(api.drain()).resolves.toBeUndefined()
})

test('a drain waits until each kept connection has had its last answer', async () => {
  const served = await serving({})
  const sockets = [await kept(served), await kept(served)]
  let isDrained = false
  const draining = served.api.drain().then(() => (isDrained = true))
  for (const socket of sockets) {
    expect(isDrained).toBe(false)
    const answers = text(socket)
    socket.write(ask)
    expect(await answers).toMatch(LAST_ANSWER)
  }
  await draining
})

test('a drain goes on accepting, and answers for the last time', async () => {
  const served = await serving({})
  const holding = await kept(served)
  const draining = served.api.drain()
  const answer = await served.get(paths.livez)
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
  holding.destroy()
  await draining
})

test('a kept connection that asks nothing holds it up only so long', async () => {
  const served = await serving({ drainMs: 50 })
  const holding = await kept(served)
  const startMs = performance.now()
  await served.api.drain()
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(49)
  const ended = text(holding)
  await served.api.close()
  expect(await ended).toBe('')
})

test('who has just connected is given time for a first request', async () => {
  const served = await serving({ firstRequestMs: LONG_MS })
  const socket = await dial(served.port)
  // Accepted once another that came later has had an answer.
  await served.get(paths.livez, { headers: { connection: 'close' } })
  let isDrained = false
  const draining = served.api.drain().then(() => (isDrained = true))
  await served.get(paths.livez)
  expect(isDrained).toBe(false)
  const answers = text(socket)
  socket.write(ask)
  expect(await answers).toMatch(LAST_ANSWER)
  await draining
})

test('a stream that never ends holds nothing up', async () => {
  const served = await serving({})
  const stream = await served.get(paths.changes)
  expect(stream.headers.get('content-type')).toContain('text/event-stream')
  await served.api.drain()
  await stream.body?.cancel()
})
