import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import {
  atOnceMs,
  idOf,
  listenHttp,
  makeLung,
  meshed,
  peer,
  stopAll,
  tcpAddress,
  type TestLung,
} from './lattice.fixture.ts'

const servers: Server[] = []

afterEach(async () => {
  await stopAll()
  for (const server of servers.splice(0)) server.close()
})

const never = new AbortController().signal
const bare = (address: string): string => address.replace(/\/p2p\/.*/, '')

async function prober(address: string, extra: readonly string[] = []): Promise<TestLung> {
  const lung = makeLung('prober', { listen: [], peers: [peer('a', [...extra, address])] })
  await lung.start()
  return lung
}

describe('a probe', () => {
  test.each(['tcp', 'ws'] as const)(
    'of a live member over %s leaves its connection alone',
    async (transport) => {
      const { server, port } = await listenHttp()
      const a = makeLung('a', { httpServer: server, peers: [peer('prober')] })
      await a.start()
      const address = transport === 'tcp' ? bare(tcpAddress(a)) : `/ip4/127.0.0.1/tcp/${port}/ws`
      const b = await prober(address)
      await meshed(a, b)
      const before = { a: a.lifeOf('prober'), changes: a.lives.length + b.lives.length }
      for (let i = 0; i < 5; i += 1) {
        const result = await b.probe(idOf('a'), never)
        expect(result).toEqual({
          ok: true,
          rttMs: expect.toSatisfy((ms) => ms > 0 && ms < 500),
          address: `${address}/p2p/${idOf('a')}`,
        })
      }
      await new Promise((resolve) => setTimeout(resolve, 400))
      expect(a.lifeOf('prober').remoteAddress).toBe(before.a.remoteAddress)
      expect(a.lives.length + b.lives.length).toBe(before.changes)
      expect(a.lifeOf('prober').state).toBe('alive')
    },
  )

  test('finds the second address when the first refuses', async () => {
    const a = makeLung('a', { peers: [peer('prober')] })
    await a.start()
    const b = await prober(bare(tcpAddress(a)), ['/ip4/127.0.0.1/tcp/1'])
    expect(await b.probe(idOf('a'), never)).toMatchObject({ ok: true, address: tcpAddress(a) })
  })

  test('of somebody else at that address fails', async () => {
    const other = makeLung('other', { peers: [peer('prober')] })
    await other.start()
    const b = await prober(bare(tcpAddress(other)))
    const result = await b.probe(idOf('a'), never)
    expect(result).toMatchObject({
      ok: false,
      attempted: [`${bare(tcpAddress(other))}/p2p/${idOf('a')}`],
    })
    expect(result.ok ? '' : result.error).toMatch(/identity/i)
  })

  test('of a member that does not know us fails', async () => {
    const a = makeLung('a', { peers: [peer('b')] })
    await a.start()
    const b = await prober(bare(tcpAddress(a)))
    expect(await b.probe(idOf('a'), never)).toMatchObject({ ok: false })
  })

  test('of a closed port, of plain HTTP, of a peer without address or unknown, or when stopped, fails with the reason', async () => {
    const closed = await prober('/ip4/127.0.0.1/tcp/1')
    const refused = await closed.probe(idOf('a'), never)
    expect(refused.ok ? '' : refused.error).toContain('ECONNREFUSED')
    expect(await closed.probe(idOf('nobody'), never)).toMatchObject({ ok: false, attempted: [] })
    await closed.stop()
    expect(await closed.probe(idOf('a'), never)).toMatchObject({
      ok: false,
      error: 'P2P is stopped on this node',
    })
    const { port } = await listenHttp()
    const plain = await prober(`/ip4/127.0.0.1/tcp/${port}/ws`)
    expect(await plain.probe(idOf('a'), never)).toMatchObject({ ok: false })
    const undialled = makeLung('undialled', { listen: [], peers: [peer('a')] })
    await undialled.start()
    expect(await undialled.probe(idOf('a'), never)).toEqual({
      ok: false,
      error: 'no address to dial',
      attempted: [],
    })
  })

  test.each(['tcp', 'ws'] as const)(
    'of a silent host over %s ends with its signal',
    async (transport) => {
      const silent = createServer(() => undefined).listen(0, '127.0.0.1')
      servers.push(silent)
      await once(silent, 'listening')
      const { port } = silent.address() as AddressInfo
      const b = await prober(`/ip4/127.0.0.1/tcp/${port}${transport === 'ws' ? '/ws' : ''}`)
      const startedMs = performance.now()
      const result = await b.probe(idOf('a'), AbortSignal.timeout(300))
      expect(result.ok).toBe(false)
      expect(performance.now() - startedMs).toBeLessThan(300 + atOnceMs)
      expect(await b.probe(idOf('a'), AbortSignal.abort())).toMatchObject({ ok: false })
    },
  )
})
