import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { atOnceMs, idOf, makeLung, meshed, peer, stopAll, tcpAddress } from './lattice.fixture.ts'

afterEach(stopAll)

describe('starting', () => {
  test('fails at once and says why when the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const a = makeLung('a', { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    const startedMs = performance.now()
    await expect(a.start()).rejects.toMatchObject({
      name: 'P2pStartError',
      code: 'address-in-use',
      message: `cannot listen: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
      hint: expect.stringContaining('AETHEL_P2P_LISTEN'),
    })
    expect(performance.now() - startedMs).toBeLessThan(1000)
    taken.close()
    await once(taken, 'close')
    await a.start()
    expect(tcpAddress(a)).toContain(`/tcp/${port}/`)
  })

  test.each([
    ['an address of another machine', { listen: ['/ip4/192.0.2.1/tcp/9000'] }, 'listen-failed'],
    ['a name as a number', { listen: ['/ip4/localhost/tcp/9000'] }, 'bad-multiaddr'],
    ['a WebSocket to listen on', { listen: ['/ip4/127.0.0.1/tcp/0/ws'] }, 'bad-multiaddr'],
    ['UDP', { listen: ['/ip4/127.0.0.1/udp/9000/quic-v1'] }, 'bad-multiaddr'],
    ['no address at all', { listen: ['127.0.0.1:9000'] }, 'bad-multiaddr'],
    ['a bad announcement', { announce: ['https://example.org'] }, 'bad-multiaddr'],
    [
      'a peer at a bad address',
      { peers: [peer('b', ['/ip4/b.example/tcp/9000'])] },
      'bad-multiaddr',
    ],
    ['a peer at a UDP address', { peers: [peer('b', ['/ip4/1.2.3.4/udp/1'])] }, 'bad-multiaddr'],
    [
      'a peer at an address of another',
      { peers: [peer('b', [`/ip4/127.0.0.1/tcp/1/p2p/${idOf('c')}`])] },
      'bad-multiaddr',
    ],
    ['itself as a peer', { peers: [peer('a')] }, 'bad-peer'],
    ['a peer twice', { peers: [peer('b'), peer('b')] }, 'bad-peer'],
    ['a peer without a real id', { peers: [{ ...peer('b'), peerId: 'QmNope' }] }, 'bad-peer'],
  ])('refuses %s', async (_what, options, code) => {
    const a = makeLung('a', options)
    await expect(a.start()).rejects.toMatchObject({ name: 'P2pStartError', code })
  })

  test('refuses a seed that is no key', () => {
    expect(() => makeLung('a', { seed: new Uint8Array(31) })).toThrow('31 bytes, not 32')
  })
})

describe('the life of a lung', () => {
  test('calls in any order end in what was asked last', async () => {
    const a = makeLung('a', {})
    await Promise.all([a.start(), a.stop(), a.start(), a.start(), a.stop()])
    expect(a.listenMultiaddrs()).toEqual([])
    expect(await a.publish(Buffer.from('x'))).toBe(0)
    await Promise.all([a.stop(), a.start()])
    expect(a.listenMultiaddrs()).toHaveLength(1)
  })

  test('stop closes what is still being set up', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const b = makeLung('b', { listen: [], peers: [peer('a', [`/ip4/127.0.0.1/tcp/${port}`])] })
    await b.start()
    await once(silent, 'connection')
    const stoppingMs = performance.now()
    await b.stop()
    expect(performance.now() - stoppingMs).toBeLessThan(atOnceMs)
    silent.close()
    await once(silent, 'close')
  })

  test('a handler that throws is logged and harms nothing', async () => {
    const a = makeLung('a', { peers: [peer('b')] })
    await a.start()
    const b = makeLung('b', { listen: [], peers: [peer('a', [tcpAddress(a)])] })
    b.gossip.push = () => {
      throw new Error('handler bug')
    }
    await b.start()
    await meshed(a, b)
    await a.publish(Buffer.from('x'))
    await vi.waitFor(() => {
      expect(b.warnings).toContainEqual({
        fields: { handler: 'onGossip', reason: 'handler bug' },
        message: '[LATTICE_P2P] handler failed',
      })
    })
    expect(b.lifeOf('a').state).toBe('alive')
  })
})
