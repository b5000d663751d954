import { once } from 'node:events'
import { expect, test } from 'vitest'
import { EMPTY_FRONTIER } from '../../wire/frontier.ts'
import { paths, SYNC_MEDIA_TYPE } from '../../wire/protocol.ts'
import { NO_SEALS } from '../../wire/seal.ts'
import { verifySignature } from '../../wire/signature.ts'
import { encodeSyncRequest, readFrames } from '../../wire/sync.ts'
import { dial, serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const KIB = 1024
const requestOf = (node: FakeNode): Uint8Array =>
  encodeSyncRequest({
    lattice: node.identity.latticeId,
    frontier: EMPTY_FRONTIER,
    seals: NO_SEALS,
    checkpoint: null,
  })

const sync = async ({ get, node }: Served, init: RequestInit = {}): Promise<Response> =>
  get(paths.sync, {
    method: 'POST',
    headers: { 'content-type': SYNC_MEDIA_TYPE },
    body: Buffer.from(requestOf(node)),
    ...init,
  })

/** Chunks without end, and how many were asked for. */
function endless(): { chunks: () => AsyncGenerator<Uint8Array>; made: number; isClosed: boolean } {
  const state = {
    made: 0,
    isClosed: false,
    chunks: async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          state.made += 1
          yield Buffer.alloc(64 * KIB)
        }
      } finally {
        state.isClosed = true
      }
    },
  }
  return state
}

async function askRaw({ port, node }: Served): Promise<Awaited<ReturnType<typeof dial>>> {
  const body = requestOf(node)
  const socket = await dial(port)
  socket.pause()
  socket.write(
    `POST ${paths.sync} HTTP/1.1\r\nhost: x\r\ncontent-type: ${SYNC_MEDIA_TYPE}\r\n` +
      `content-length: ${body.length}\r\n\r\n`,
  )
  socket.write(body)
  return socket
}

test('the answer is the frames of the log, as a stream of the sync type', async () => {
  const served = await serve()
  const { node } = served
  await node.submit([
    { kind: 'noop', note: 'one' },
    { kind: 'noop', note: 'two' },
  ])
  const answer = await sync(served)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe(SYNC_MEDIA_TYPE)
  const frames = []
  for await (const frame of readFrames(answer.body as never, verifySignature)) frames.push(frame)
  expect(frames).toMatchObject([
    { kind: 'checkpoint', checkpoint: { checkpoint: { root: node.merkleRoot } } },
    { kind: 'entries', entries: [{ entry: { seq: 0 } }, { entry: { seq: 1 } }] },
    { kind: 'end', entryCount: 2 },
  ])
})

test('a request of another lattice or of junk is refused by its code, before any stream', async () => {
  const served = await serve()
  const answer = await sync(served, { body: Buffer.from([0x80]) })
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ success: false, code: 'malformed' })
  served.node.refusalReason = 'the store is corrupt'
  expect((await sync(served)).status).toBe(503)
})

test('a client that goes away ends the reading of the store', async () => {
  const served = await serve()
  const source = endless()
  served.node.syncAnswer = source.chunks
  const gone = new AbortController()
  const answer = await sync(served, { signal: gone.signal })
  const reader = answer.body?.getReader()
  await reader?.read()
  gone.abort()
  await expect.poll(() => source.isClosed).toBe(true)
  expect(served.node.syncSignal?.aborted).toBe(true)
  expect((await served.get(paths.livez)).status).toBe(200)
})

test('a client that does not read holds back the store, and is cut off', async () => {
  const served = await serve(new FakeNode(), { limits: { syncStallMs: 400 } })
  const source = endless()
  served.node.syncAnswer = source.chunks
  const socket = await askRaw(served)
  await expect.poll(() => source.isClosed, { timeout: 10_000 }).toBe(true)
  // What the kernel takes, and a little more; unbounded, it would have been gigabytes.
  expect(source.made * 64 * KIB).toBeLessThan(32 * KIB * KIB)
  socket.destroy()
})

test('a store that fails midway breaks the stream off, so that no reader takes it for whole', async () => {
  const served = await serve()
  served.node.syncAnswer = async function* () {
    yield Buffer.alloc(10)
    throw new Error('the disk went away')
  }
  const answer = await sync(served)
  expect(answer.status).toBe(200)
  await expect(answer.arrayBuffer()).rejects.toThrow('terminated')
})

test('a store that fails at once is a 500', async () => {
  const served = await serve()
  // oxlint-disable-next-line require-yield -- it fails before there is anything to yield
  served.node.syncAnswer = async function* () {
    throw new Error('the disk went away')
  }
  const answer = await sync(served)
  expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'internal' }])
})

test('answers beyond the limit are refused, and places come back', async () => {
  const served = await serve(new FakeNode(), { limits: { syncAnswersMax: 2 } })
  const source = endless()
  served.node.syncAnswer = source.chunks
  const sockets = [await askRaw(served), await askRaw(served)]
  await expect.poll(() => source.made).toBeGreaterThan(1)
  const refused = await sync(served)
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'busy' }])
  for (const socket of sockets) {
    socket.destroy()
    await once(socket, 'close')
  }
  served.node.syncAnswer = null
  await expect.poll(async () => (await sync(served)).status).toBe(200)
})
