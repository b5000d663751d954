import { afterEach, describe, expect, test, vi } from 'vitest'
import { SYNC_REQUEST_BYTES_MAX } from '../../../wire/limits.ts'
import type { P2pHandlers } from './contract.ts'
import {
  idOf,
  listenHttp,
  makeLung,
  meshed,
  peer,
  Relay,
  portIn,
  stopAll,
  tcpAddress,
  type TestLung,
} from './lattice.fixture.ts'

afterEach(stopAll)

const never = new AbortController().signal
const CHUNK = 64 * 1024

async function pair(
  onSync: P2pHandlers['onSync'],
  transport: 'tcp' | 'ws' = 'tcp',
): Promise<[TestLung, TestLung]> {
  const { server, port } = await listenHttp()
  const a = makeLung('a', { httpServer: server, peers: [peer('b')], onSync })
  await a.start()
  const address = transport === 'tcp' ? tcpAddress(a) : `/ip4/127.0.0.1/tcp/${port}/ws`
  const b = makeLung('b', { listen: [], peers: [peer('a', [address])] })
  await b.start()
  await meshed(a, b)
  return [a, b]
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

/** Bytes that show where they belong. */
const patterned = (length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32BE(i, i)
  return bytes
}

describe.each(['tcp', 'ws'] as const)('a sync exchange over %s', (transport) => {
  test('carries the request and 5 MB back, both ways round, byte for byte', async () => {
    const answer = patterned(5_000_000)
    const requests: { request: string; from: string }[] = []
    const [a, b] = await pair(async function* (request, from) {
      requests.push({ request: Buffer.from(request).toString(), from })
      for (let at = 0; at < answer.length; at += CHUNK) yield answer.subarray(at, at + CHUNK)
    }, transport)
    const received = await collect(b.sync(idOf('a'), Buffer.from('what I hold'), never))
    expect(received.equals(answer)).toBe(true)
    expect(requests).toEqual([{ request: 'what I hold', from: idOf('b') }])
    await expect(collect(a.sync(idOf('b'), Buffer.from('x'), never))).rejects.toMatchObject({
      name: 'P2pSyncError',
      code: 'broken',
    })
  })

  test('takes no more from the sender than the reader does', async () => {
    let offered = 0
    const [, b] = await pair(async function* () {
      for (; offered < 40_000_000; offered += CHUNK) yield Buffer.alloc(CHUNK)
    }, transport)
    const answer = b.sync(idOf('a'), Buffer.from('x'), never)[Symbol.asyncIterator]()
    await answer.next()
    await new Promise((resolve) => setTimeout(resolve, 400))
    const atRest = offered
    expect(atRest).toBeLessThan(8_000_000)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(offered).toBe(atRest)
    let length = 0
    for (let next = await answer.next(); next.done !== true; next = await answer.next()) {
      length += next.value.length
    }
    expect(length).toBeGreaterThan(39_000_000)
    expect(offered).toBeGreaterThanOrEqual(40_000_000)
  })
})

describe('a sync exchange', () => {
  test('may be empty both ways', async () => {
    const [, b] = await pair(async function* () {})
    expect(await collect(b.sync(idOf('a'), new Uint8Array(), never))).toHaveLength(0)
  })

  test('takes the largest request and refuses a larger one', async () => {
    const [, b] = await pair(async function* (request) {
      yield Buffer.from(String(request.length))
    })
    const largest = Buffer.alloc(SYNC_REQUEST_BYTES_MAX)
    expect(String(await collect(b.sync(idOf('a'), largest, never)))).toBe(String(largest.length))
    const tooLarge = b.sync(idOf('a'), Buffer.alloc(SYNC_REQUEST_BYTES_MAX + 1), never)
    await expect(collect(tooLarge)).rejects.toMatchObject({ code: 'request-too-large' })
  })

  test('without a connection says so', async () => {
    const [a, b] = await pair(async function* () {})
    await a.stop()
    await vi.waitFor(() => expect(b.lifeOf('a').connected).toBe(false))
    await expect(collect(b.sync(idOf('a'), Buffer.from('x'), never))).rejects.toMatchObject({
      code: 'not-connected',
    })
    await expect(collect(a.sync(idOf('b'), Buffer.from('x'), never))).rejects.toMatchObject({
      code: 'not-started',
    })
  })

  test('ends on both sides when the caller aborts, when it stops reading, and when the server stops', async () => {
    const ended: string[] = []
    const [a, b] = await pair(async function* (request, _from, signal) {
      try {
        yield Buffer.from('first')
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      } finally {
        ended.push(Buffer.from(request).toString())
      }
    })
    const caller = new AbortController()
    const aborted = collect(b.sync(idOf('a'), Buffer.from('aborted'), caller.signal))
    setTimeout(() => caller.abort(new Error('enough')), 50)
    await expect(aborted).rejects.toThrow('enough')
    for await (const _chunk of b.sync(idOf('a'), Buffer.from('left'), never)) break
    const stopped = collect(b.sync(idOf('a'), Buffer.from('stopped'), never))
    setTimeout(() => void a.stop(), 50)
    await expect(stopped).rejects.toMatchObject({ code: 'broken' })
    await vi.waitFor(() => expect(ended.toSorted()).toEqual(['aborted', 'left', 'stopped']))
  })

  test('that fails on the serving side breaks the answer instead of cutting it short', async () => {
    const [a, b] = await pair(async function* () {
      yield Buffer.from('some of it')
      throw new Error('the store is broken')
    })
    await expect(collect(b.sync(idOf('a'), Buffer.from('x'), never))).rejects.toMatchObject({
      code: 'broken',
    })
    expect(a.warnings).toContainEqual({
      fields: { from: idOf('b'), reason: 'the store is broken' },
      message: '[LATTICE_P2P] sync answer broke off',
    })
  })

  test('runs beside others, but not beside more than eight', async () => {
    const gate = Promise.withResolvers<void>()
    const [, b] = await pair(async function* () {
      await gate.promise
      yield Buffer.from('ok')
    })
    const running = Array.from({ length: 12 }, () =>
      collect(b.sync(idOf('a'), Buffer.from('x'), never)).then(
        () => 'ok',
        () => 'refused',
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    gate.resolve()
    const results = await Promise.all(running)
    expect(results.filter((result) => result === 'ok')).toHaveLength(8)
    expect(await collect(b.sync(idOf('a'), Buffer.from('x'), never))).toHaveLength(2)
  })

  test('breaks when its link goes silent, and the server is told', async () => {
    let signalled: AbortSignal | undefined
    const a = makeLung('a', {
      peers: [peer('b')],
      onSync: async function* (_request, _from, signal) {
        signalled = signal
        for (;;) yield Buffer.alloc(CHUNK)
      },
    })
    await a.start()
    const relay = new Relay(portIn(tcpAddress(a)))
    const port = await relay.listen()
    const b = makeLung('b', { listen: [], peers: [peer('a', [`/ip4/127.0.0.1/tcp/${port}`])] })
    await b.start()
    await meshed(a, b)
    const broken = collect(b.sync(idOf('a'), Buffer.from('x'), never))
    broken.catch(() => undefined)
    await vi.waitFor(() => expect(signalled).toBeDefined())
    relay.silence()
    await expect(broken).rejects.toMatchObject({ code: 'broken' })
    await vi.waitFor(() => expect(signalled?.aborted).toBe(true), { timeout: 3000 })
  })
})
