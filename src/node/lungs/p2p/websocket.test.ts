import type { Logger, StreamCloseEvent } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { atOnceMs, idOf, listenHttp, makeLung, meshed, peer, stopAll } from './lattice.fixture.ts'
import { WebSocketConnection } from './websocket-connection.ts'

afterEach(stopAll)

const get = async (port: number, path: string, headers = {}): Promise<IncomingMessage> => {
  const outgoing = request({ port, path, headers, host: '127.0.0.1', agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  return response
}

/** A logger that keeps nothing. */
const log: Logger = Object.assign(() => undefined, {
  enabled: false,
  error: () => undefined,
  trace: () => undefined,
  newScope: () => log,
})

describe('a WebSocket as a connection', () => {
  async function pair() {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(sockets, 'listening')
    const { port } = sockets.address() as AddressInfo
    const near = new WebSocket(`ws://127.0.0.1:${port}/`)
    const [far] = (await once(sockets, 'connection')) as [WebSocket]
    if (near.readyState !== near.OPEN) await once(near, 'open')
    const remoteAddr = multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`)
    sockets.close()
    return [
      new WebSocketConnection(near, { remoteAddr, direction: 'outbound', log }),
      new WebSocketConnection(far, { remoteAddr, direction: 'inbound', log }),
    ] as const
  }
  const closeOf = (connection: WebSocketConnection): Promise<StreamCloseEvent> =>
    new Promise((resolve) => connection.addEventListener('close', resolve))

  test('is gone at both ends at once when it is aborted', async () => {
    const [near, far] = await pair()
    const remote = closeOf(far)
    const startedMs = performance.now()
    near.abort(new Error('enough'))
    expect((await remote).error?.name).toBe('StreamResetError')
    expect(performance.now() - startedMs).toBeLessThan(atOnceMs)
    expect([near.status, far.status]).toEqual(['aborted', 'reset'])
  })

  test('closes politely', async () => {
    const [near, far] = await pair()
    const remote = closeOf(far)
    await near.close()
    expect((await remote).error).toBeUndefined()
    expect([near.status, far.status]).toEqual(['closed', 'closed'])
  })

  test('tells its sender when it is full and when it takes more', async () => {
    const [near, far] = await pair()
    let received = 0
    far.addEventListener('message', ({ data }) => (received += data.byteLength))
    far.pause()
    let sent = 0
    while (near.send(Buffer.alloc(100_000))) sent += 100_000
    sent += 100_000
    const drained = near.onDrain()
    far.resume()
    await drained
    await vi.waitFor(() => expect(received).toBe(sent))
    near.abort(new Error('done'))
  })
})

describe('libp2p on the port of an HTTP server', () => {
  test('meshes three lungs over WebSocket while HTTP is answered', async () => {
    const web = await Promise.all(['a', 'b', 'c'].map(() => listenHttp()))
    const at = (i: number): string[] => [`/ip4/127.0.0.1/tcp/${web[i]?.port}/ws`]
    const server = (i: number) => ({ listen: [], httpServer: web[i]?.server ?? null })
    const lungs = [
      makeLung('a', { ...server(0), peers: [peer('b'), peer('c')] }),
      makeLung('b', { ...server(1), peers: [peer('a', at(0)), peer('c')] }),
      makeLung('c', { ...server(2), peers: [peer('a', at(0)), peer('b', at(1))] }),
    ] as const
    for (const lung of lungs) await lung.start()
    await meshed(...lungs)
    expect(lungs[0].listenMultiaddrs()).toEqual([`${at(0)[0]}/p2p/${idOf('a')}`])
    expect(await lungs[0].publish(Buffer.from('over ws'))).toBe(2)
    await vi.waitFor(() => {
      for (const lung of lungs.slice(1)) expect(lung.gossip.map((g) => g.text)).toEqual(['over ws'])
    })
    for (const { port } of web) expect((await get(port, '/livez')).statusCode).toBe(200)
  })

  test('announces what it is told to, beside what it listens on', async () => {
    const { server, port } = await listenHttp()
    const announce = ['/dns4/space.example/tcp/443/tls/ws']
    const a = makeLung('a', { httpServer: server, listen: [], announce })
    await a.start()
    expect(a.listenMultiaddrs()).toEqual([
      `/ip4/127.0.0.1/tcp/${port}/ws/p2p/${idOf('a')}`,
      `/dns4/space.example/tcp/443/tls/ws/p2p/${idOf('a')}`,
    ])
    await a.stop()
    expect(a.listenMultiaddrs()).toEqual([])
  })

  test('takes nothing but WebSockets of /', async () => {
    const { server, port } = await listenHttp()
    const a = makeLung('a', { httpServer: server, listen: [] })
    await a.start()
    const h2c = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': '' }
    expect((await get(port, '/livez', h2c)).statusCode).toBe(200)
    expect((await get(port, '/', h2c)).statusCode).toBe(200)
    const elsewhere = new WebSocket(`ws://127.0.0.1:${port}/elsewhere`)
    const [, response] = (await once(elsewhere, 'unexpected-response')) as [
      unknown,
      IncomingMessage,
    ]
    expect(response.statusCode).toBe(200)
    response.destroy()
    const plain = new WebSocket(`ws://127.0.0.1:${port}/`)
    await once(plain, 'open')
    plain.terminate()
  })

  test('leaves the upgrades of other listeners to them', async () => {
    const { server, port } = await listenHttp()
    const others = new WebSocketServer({ noServer: true })
    server.on('upgrade', (incoming, socket, head) => {
      if (incoming.url === '/chat')
        others.handleUpgrade(incoming, socket, head, (ws) => ws.send('chat'))
    })
    const a = makeLung('a', { httpServer: server, listen: [] })
    await a.start()
    const chat = new WebSocket(`ws://127.0.0.1:${port}/chat`)
    const [message] = (await once(chat, 'message')) as [Buffer]
    expect(message.toString()).toBe('chat')
    await a.stop()
    expect(server.listenerCount('upgrade')).toBe(1)
    expect(chat.readyState).toBe(chat.OPEN)
    chat.terminate()
  })

  test('closes a WebSocket that does not say who it is', async () => {
    const { server, port } = await listenHttp()
    const a = makeLung('a', { httpServer: server, listen: [] })
    await a.start()
    const mute = new WebSocket(`ws://127.0.0.1:${port}/`)
    await once(mute, 'open')
    const talkative = new WebSocket(`ws://127.0.0.1:${port}/`)
    await once(talkative, 'open')
    talkative.send('text is no libp2p')
    await once(talkative, 'close')
    expect(mute.readyState).toBe(mute.OPEN)
    await once(mute, 'close')
    expect(a.peers()).toEqual([])
  })

  test('stands aside while stopped and comes back', async () => {
    const { server, port } = await listenHttp()
    const before = Reflect.get(server, 'shouldUpgradeCallback')
    const a = makeLung('a', { httpServer: server, listen: [], peers: [peer('b')] })
    await a.start()
    const b = makeLung('b', { listen: [], peers: [peer('a', [`/ip4/127.0.0.1/tcp/${port}/ws`])] })
    await b.start()
    await meshed(a, b)
    const stoppedMs = performance.now()
    await a.stop()
    await vi.waitFor(() => expect(b.lifeOf('a').state).toBe('dead'), { interval: 2 })
    expect((b.saw('a', 'dead', stoppedMs) ?? Infinity) - stoppedMs).toBeLessThan(atOnceMs)
    expect(server.listenerCount('upgrade')).toBe(0)
    expect(Reflect.get(server, 'shouldUpgradeCallback')).toBe(before)
    expect((await get(port, '/')).statusCode).toBe(200)
    await a.start()
    await meshed(a, b)
  })
})
