import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { publicKeyOf } from '../../../wire/signature.ts'
import { parseAnnounceAddress, parseListenAddress, parsePeerAddresses } from './addresses.ts'
import type {
  P2pHandlers,
  P2pLung,
  P2pOptions,
  P2pPeer,
  PeerLife,
  ProbeResult,
} from './contract.ts'
import { dialRoleOf } from './dialling.ts'
import { P2pStartError, P2pSyncError, startErrorOf } from './errors.ts'
import { LifeBoard } from './life-board.ts'
import { Links } from './links.ts'
import { privateKeyOf } from './node-key.ts'
import type { Target } from './redial.ts'
import { Session, type SessionPlan } from './session.ts'

/** Throws `P2pStartError` for a seed that is no key; every other fault shows at `start`. */
export function createP2pLung(options: P2pOptions, handlers: P2pHandlers): P2pLung {
  return new Lung(options, handlers)
}

class Lung implements P2pLung {
  readonly peerId: string
  readonly #options: P2pOptions
  readonly #handlers: P2pHandlers
  readonly #privateKey: PrivateKey
  readonly #links = new Links(monotonicMs)
  readonly #board: LifeBoard
  #targets: readonly Target[] = []
  #session: Session | null = null
  /** Starts and stops, one after the other in the order in which they were asked for. */
  #lifecycle: Promise<void> = Promise.resolve()

  constructor(options: P2pOptions, handlers: P2pHandlers) {
    this.#options = options
    this.#handlers = handlers
    this.#privateKey = privateKeyOf(options.seed)
    this.peerId = peerIdFromPrivateKey(this.#privateKey).toString()
    const peerIds = options.peers.map((peer) => peer.peerId)
    this.#board = new LifeBoard(peerIds, this.#links, options.timing, monotonicMs)
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        this.#session ??= await Session.start(this.#plan(), this.#handlers)
      } catch (error) {
        throw startErrorOf(undefined, error)
      }
    })
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      const session = this.#session
      this.#session = null
      await session?.stop()
    })
  }

  async publish(bytes: Uint8Array): Promise<number> {
    return (await this.#session?.publish(bytes)) ?? 0
  }

  async *sync(
    peerId: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    if (this.#session === null) throw new P2pSyncError('not-started', 'P2P is stopped on this node')
    yield* this.#session.sync(peerId, request, signal)
  }

  async probe(peerId: string, signal: AbortSignal): Promise<ProbeResult> {
    const target = this.#targets.find((each) => each.peerId === peerId)
    if (this.#session === null) return unprobed('P2P is stopped on this node')
    if (target === undefined) return unprobed(`${peerId} is no peer of this node`)
    return this.#session.probe(target, signal)
  }

  peers(): PeerLife[] {
    return this.#board.lives()
  }

  listenMultiaddrs(): string[] {
    return this.#session?.listenMultiaddrs() ?? []
  }

  #plan(): SessionPlan {
    const { listen, announce, peers, topic, httpServer, timing } = this.#options
    this.#targets = peers.map((peer) => this.#targetOf(peer))
    return {
      privateKey: this.#privateKey,
      topic,
      httpServer,
      timing,
      listen: listen.map((text) => parseListenAddress(text).toString()),
      announce: announce.map((text) => parseAnnounceAddress(text).toString()),
      members: new Set(peers.map((peer) => peer.peerId)),
      targets: this.#targets,
      links: this.#links,
      board: this.#board,
      nowMs: monotonicMs,
      random: Math.random,
    }
  }

  #targetOf(peer: P2pPeer): Target {
    const isSelf = peer.peerId === this.peerId
    const isTwice = this.#options.peers.some((p) => p !== peer && p.peerId === peer.peerId)
    if (isSelf || isTwice || publicKeyOf(peer.peerId) === null) {
      throw new P2pStartError(
        'bad-peer',
        `peer ${peer.name}: ${peer.peerId} is ${isSelf ? 'this node itself' : isTwice ? 'listed twice' : 'no Ed25519 peer id'}`,
        'list each other member once, by the peer id that `aethel-lattice keys` shows',
      )
    }
    return {
      name: peer.name,
      peerId: peer.peerId,
      role: dialRoleOf(this.peerId, peer),
      addresses: parsePeerAddresses(peer),
    }
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#lifecycle.then(step)
    this.#lifecycle = done.catch(() => undefined)
    return done
  }
}

const unprobed = (error: string): ProbeResult => ({ ok: false, error, attempted: [] })

const monotonicMs = (): number => performance.now()
