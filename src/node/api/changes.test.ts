import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { CALLER_HEADER } from '../../wire/caller.ts'
import { decodeFrame } from '../../wire/sync.ts'
import { paths } from '../../wire/protocol.ts'
import { verifySignature } from '../../wire/signature.ts'
import { callOf, dial, serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

/** Reads a stream of events, piece by piece as they come. */
async function subscribe({ get }: Served, headers: Record<string, string> = {}) {
  const gone = new AbortController()
  const answer = await get(paths.changes, { signal: gone.signal, headers })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let buffered = ''
  return {
    answer,
    leave: () => gone.abort(),
    /** The next event or comment; null at the end. */
    next: async (): Promise<string | null> => {
      for (;;) {
        const end = buffered.indexOf('\n\n')
        if (end >= 0) {
          const event = buffered.slice(0, end)
          buffered = buffered.slice(end + 2)
          return event
        }
        const piece = await reader?.read()
        if (piece === undefined || piece.done) return null
        buffered += piece.value
      }
    },
  }
}

const frameOf = (event: string | null): Buffer =>
  Buffer.from(/^event: checkpoint\ndata: ([A-Za-z0-9+/=]+)$/.exec(event ?? '')?.[1] ?? '', 'base64')

test('the newest checkpoint comes at once, and at every change', async () => {
  const served = await serve()
  const { node } = served
  const stream = await subscribe(served)
  expect(stream.answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(stream.answer.headers.get('x-accel-buffering')).toBe('no')
  expect(frameOf(await stream.next())).toEqual(Buffer.from(node.checkpointFrame()))

  await node.submit([{ kind: 'noop', note: '' }])
  const frame = decodeFrame(frameOf(await stream.next()), verifySignature)
  expect(frame).toMatchObject({
    kind: 'checkpoint',
    checkpoint: { checkpoint: { root: node.merkleRoot } },
  })
  stream.leave()
})

test('what was just written is sent along to members, and to nobody else', async () => {
  const served = await serve()
  const { node } = served
  const stranger = await subscribe(served)
  const member = await subscribe(served, { [CALLER_HEADER]: callOf(node) })
  await Promise.all([stranger.next(), member.next()])
  for (const kind of ['entries', 'seals'] as const) node.announce(Buffer.from(kind), kind)
  node.announce()
  expect(await member.next()).toBe(`event: entries\ndata: ${btoa('entries')}`)
  expect(await member.next()).toBe(`event: seals\ndata: ${btoa('seals')}`)
  for (const { next } of [member, stranger])
    expect(frameOf(await next())).toEqual(Buffer.from(node.checkpointFrame()))
  for (const { leave } of [member, stranger]) leave()
})

test('what is large is left to be asked for', async () => {
  const served = await serve(new FakeNode(), { limits: { changesPushBytesMax: 100 } })
  const { node } = served
  const member = await subscribe(served, { [CALLER_HEADER]: callOf(node) })
  await member.next()
  node.announce(Buffer.alloc(101), 'entries')
  node.announce(Buffer.alloc(100), 'entries')
  node.announce()
  expect(await member.next()).toBe(`event: entries\ndata: ${Buffer.alloc(100).toString('base64')}`)
  expect(frameOf(await member.next())).toEqual(Buffer.from(node.checkpointFrame()))
  member.leave()
})

test('for a member that reads slowly nothing is kept but the newest checkpoint', async () => {
  const limits = { changesPushBytesMax: 256 * 1024 }
  const served = await serve(new FakeNode(), { limits })
  const { node } = served
  const socket = await dial(served.port)
  socket.write(
    `GET ${paths.changes} HTTP/1.1\r\nhost: x\r\n${CALLER_HEADER}: ${callOf(node)}\r\n\r\n`,
  )
  socket.pause()
  await expect.poll(() => node.subscriberCount).toBe(1)
  const announced = 2000
  for (let count = 0; count < announced; count += 1) {
    node.announce(Buffer.alloc(64 * 1024, 7), 'entries')
    if (count % 100 === 0) await nextTurn()
  }
  const last = Buffer.from('the last')
  node.announce(last)
  let text = ''
  socket
    .setEncoding('utf8')
    .on('data', (piece: string) => (text += piece))
    .resume()
  const end = `data: ${last.toString('base64')}`
  await expect.poll(() => text.includes(end), { timeout: 10_000 }).toBe(true)
  expect(text.split('event: entries').length - 1).toBeLessThan(announced / 2)
  socket.destroy()
})

test('comments keep a silent stream alive', async () => {
  const served = await serve(new FakeNode(), { limits: { changesCommentMs: 20 } })
  const stream = await subscribe(served)
  await stream.next()
  expect(await stream.next()).toBe(':')
  expect(await stream.next()).toBe(':')
  stream.leave()
})

test('the node is listened to while somebody listens here', async () => {
  const served = await serve()
  expect(served.node.subscriberCount).toBe(0)
  const streams = [await subscribe(served), await subscribe(served)]
  expect(served.node.subscriberCount).toBe(1)
  for (const stream of streams) stream.leave()
  await expect.poll(() => served.node.subscriberCount).toBe(0)
  const again = await subscribe(served)
  await again.next()
  served.node.announce()
  expect(frameOf(await again.next()).length).toBeGreaterThan(0)
  again.leave()
})

test('subscribers beyond the limit are refused, and places come back', async () => {
  const served = await serve(new FakeNode(), { limits: { changesSubscribersMax: 2 } })
  const streams = [await subscribe(served), await subscribe(served)]
  const refused = await served.get(paths.changes)
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'busy' }])
  streams[0]?.leave()
  await expect.poll(() => served.get(paths.changes).then((answer) => answer.status)).toBe(200)
})

test('a subscriber that does not read is dropped, holds one checkpoint, and harms nobody', async () => {
  const limits = { changesCommentMs: 50, changesStallMs: 150 }
  const served = await serve(new FakeNode(), { limits })
  const socket = await dial(served.port)
  socket.write(`GET ${paths.changes} HTTP/1.1\r\nhost: x\r\n\r\n`)
  socket.pause()
  const reader = await subscribe(served)
  await reader.next()
  await expect.poll(() => served.node.subscriberCount).toBe(1)

  const rssBefore = process.memoryUsage.rss()
  const frame = Buffer.alloc(256 * 1024, 7)
  let seen = 0
  const flood = setInterval(() => served.node.announce(frame), 2)
  const isDropped = new Promise((resolve) => socket.once('close', () => resolve(true)))
  // Reading resumes only far enough to notice the end, once the server has had time to give up.
  const noticed = setTimeout(() => socket.resume(), 1500)
  while (seen < 100) {
    if (frameOf(await reader.next()).length > 0) seen += 1
  }
  expect(await isDropped).toBe(true)
  clearInterval(flood)
  clearTimeout(noticed)
  expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(300 * 1024 * 1024)
  reader.leave()
})

test('HEAD does not open a stream', async () => {
  const { get } = await serve()
  expect((await get(paths.changes, { method: 'HEAD' })).status).toBe(405)
})
