/** What the tests of this room build with: real lungs, and a relay that can go silent. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { peerIdOf } from '../../../wire/signature.ts'
import type { P2pHandlers, P2pLung, P2pOptions, P2pPeer, P2pTiming, PeerLife } from './contract.ts'
import { createP2pLung } from './lung.ts'
import { privateKeyOf } from './node-key.ts'

export const timing: P2pTiming = {
  beatIntervalMs: 300,
  suspectAfterMs: 800,
  deadAfterMs: 2000,
  dialTimeoutMs: 1500,
  redialMinMs: 100,
  redialMaxMs: 500,
  mutedAfterMs: 1500,
}

/**
 * What is noticed by an event takes milliseconds on an idle machine; this leaves room for a busy one,
 * and is still far from what a timer would notice.
 */
export const atOnceMs = 450

export const seedOf = (name: string): Uint8Array =>
  createHash('sha256').update(`p2p test ${name}`).digest()

export const idOf = (name: string): string => peerIdOf(privateKeyOf(seedOf(name)).publicKey.raw)

export const peer = (
  name: string,
  multiaddrs: readonly string[] = [],
  dial: P2pPeer['dial'] = multiaddrs.length === 0 ? 'never' : 'always',
): P2pPeer => ({ name, peerId: idOf(name), multiaddrs, dial })

export interface TestLung extends P2pLung {
  name: string
  gossip: { text: string; from: string; atMs: number }[]
  lives: { life: PeerLife; atMs: number }[]
  warnings: { fields: object; message: string }[]
  lifeOf(name: string): PeerLife
  /** When the peer was first told to be in `state` after `sinceMs`. */
  saw(name: string, state: PeerLife['state'], sinceMs: number): number | undefined
}

const open: { stop(): Promise<void> }[] = []

export function makeLung(
  name: string,
  options: Partial<P2pOptions> & { onSync?: P2pHandlers['onSync'] },
): TestLung {
  const gossip: TestLung['gossip'] = []
  const lives: TestLung['lives'] = []
  const warnings: TestLung['warnings'] = []
  const { onSync, ...rest } = options
  const lung = createP2pLung(
    {
      seed: seedOf(name),
      topic: 'aethel/test/v1',
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      peers: [],
      httpServer: null,
      timing,
      ...rest,
    },
    {
      onGossip: (bytes, from) =>
        gossip.push({ text: Buffer.from(bytes).toString('latin1'), from, atMs: performance.now() }),
      onSync:
        onSync ??
        (() => {
          throw new Error('nothing to sync in this test')
        }),
      onPeer: (life) => lives.push({ life, atMs: performance.now() }),
      log: {
        info: () => undefined,
        warn: (fields, message) => warnings.push({ fields, message }),
      },
    },
  )
  const lifeOf = (other: string): PeerLife => {
    const life = lung.peers().find(({ peerId }) => peerId === idOf(other))
    if (life === undefined) throw new Error(`${other} is no peer of ${name}`)
    return life
  }
  const saw: TestLung['saw'] = (other, state, sinceMs) =>
    lives.find(
      ({ life, atMs }) => life.peerId === idOf(other) && life.state === state && atMs >= sinceMs,
    )?.atMs
  open.push(lung)
  return Object.assign(lung, { name, gossip, lives, warnings, lifeOf, saw })
}

/** The one TCP address that a lung listens on. */
export function tcpAddress(lung: P2pLung): string {
  const address = lung.listenMultiaddrs().find((each) => !each.includes('/ws'))
  if (address === undefined) throw new Error('the lung listens on no TCP port')
  return address
}

export const portIn = (address: string): number =>
  Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? Number.NaN)

export async function listenHttp(
  handler?: RequestListener,
): Promise<{ server: Server; port: number }> {
  const server = createHttpServer(handler ?? ((_request, response) => response.end('plain')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({
    stop: async () => {
      server.closeAllConnections()
      server.close()
    },
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/**
 * A TCP relay. Silent, it takes nothing from either side and passes nothing on, not even a close, as
 * if all packets were dropped; healed, it goes on where it was, as the senders' kernels would.
 */
export class Relay {
  readonly #server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) =>
    this.#join(near),
  )
  readonly #sockets = new Set<Socket>()
  readonly #targetPort: number
  #isSilent = false
  #bytesPerMs = Infinity

  constructor(targetPort: number) {
    this.#targetPort = targetPort
    open.push(this)
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Passes on no more than this from now on. */
  throttle(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs
  }

  silence(): void {
    this.#isSilent = true
    for (const socket of this.#sockets) socket.pause()
  }

  heal(): void {
    this.#isSilent = false
    for (const socket of this.#sockets) socket.resume()
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true })
    this.#pass(near, far)
    this.#pass(far, near)
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (bytes) => {
      const isTaken = to.write(bytes)
      if (!isTaken) {
        from.pause()
        to.once('drain', () => this.#resume(from))
      } else if (this.#bytesPerMs < Infinity) {
        from.pause()
        setTimeout(() => this.#resume(from), bytes.length / this.#bytesPerMs)
      }
    })
    from.on('end', () => to.end())
    from.on('error', () => undefined)
    from.on('close', () => {
      this.#sockets.delete(from)
      if (!this.#isSilent) to.destroy()
    })
    if (this.#isSilent) from.pause()
    else from.resume()
  }

  #resume(socket: Socket): void {
    if (!this.#isSilent) socket.resume()
  }
}

/** Waits until each lung has all its peers alive. */
export async function meshed(...lungs: TestLung[]): Promise<void> {
  const deadlineMs = performance.now() + 4000
  const missing = (): PeerLife[] =>
    lungs.flatMap((lung) => lung.peers()).filter(({ state }) => state !== 'alive')
  while (missing().length > 0) {
    if (performance.now() > deadlineMs) throw new Error(`no mesh: ${JSON.stringify(missing())}`)
    await sleep(2)
  }
}

export async function stopAll(): Promise<void> {
  await Promise.all(open.splice(0).map((each) => each.stop()))
}
