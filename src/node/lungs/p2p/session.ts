import type { Connection, Libp2pEvents } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { BEAT_PROTOCOL, SYNC_PROTOCOL } from '../../../wire/protocol.ts'
import type { P2pHandlers, P2pTiming, ProbeResult } from './contract.ts'
import { within } from './deadline.ts'
import { P2pSyncError, reasonOf, startErrorOf } from './errors.ts'
import { Outbox } from './gossip.ts'
import { Heartbeat } from './heartbeat.ts'
import { createHost, type Host, type HostOptions } from './host.ts'
import { lagOf, linkFaultOf, lifeStateOf } from './life.ts'
import type { LifeBoard } from './life-board.ts'
import {
  BEAT_STREAMS_PER_CONNECTION_MAX,
  CHECK_INTERVAL_MS,
  GOSSIP_UNSENT_BYTES_MAX,
  START_TIMEOUT_MS,
  STOP_TIMEOUT_MS,
  SYNC_STREAMS_PER_CONNECTION_MAX,
} from './limits.ts'
import { unsentGossipBytes, type Links } from './links.ts'
import { probePeer } from './probe.ts'
import { keepDialling, type Target } from './redial.ts'
import { answerSync, requestSync } from './sync-stream.ts'

export interface SessionPlan extends Omit<HostOptions, 'onStranger'> {
  targets: readonly Target[]
  links: Links
  board: LifeBoard
  timing: P2pTiming
  nowMs: () => number
  random: () => number
}

/** The lung from one start to the next stop: a libp2p node and all that keeps it well. */
export class Session {
  readonly #plan: SessionPlan
  readonly #handlers: P2pHandlers
  readonly #host: Host
  readonly #ending = new AbortController()
  readonly #heartbeat: Heartbeat
  readonly #outbox: Outbox
  #tickDueMs: number
  #ticker: NodeJS.Timeout | undefined

  /** Resolves once listening. Throws `P2pStartError`. */
  static async start(plan: SessionPlan, handlers: P2pHandlers): Promise<Session> {
    const onStranger = (peerId: string): void =>
      handlers.log.warn({ peerId }, '[LATTICE_P2P] stranger refused')
    const host = await createHost({ ...plan, onStranger })
    const session = new Session(plan, handlers, host)
    try {
      await session.#begin()
      return session
    } catch (error) {
      await session.stop()
      throw startErrorOf(host.listenErrors[0], error)
    }
  }

  private constructor(plan: SessionPlan, handlers: P2pHandlers, host: Host) {
    const { signal } = this.#ending
    setMaxListeners(0, signal)
    this.#plan = plan
    this.#handlers = handlers
    this.#host = host
    this.#heartbeat = new Heartbeat(plan.links, plan.timing, plan.nowMs, signal)
    this.#outbox = new Outbox(
      (bytes) => this.#handOver(bytes),
      () => this.#hasRoom(),
      handlers.log,
      signal,
    )
    this.#tickDueMs = plan.nowMs()
  }

  publish(bytes: Uint8Array): Promise<number> {
    return this.#outbox.publish(bytes)
  }

  async *sync(
    peerId: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const link = this.#plan.links.of(peerId)
    if (link === null) throw new P2pSyncError('not-connected', `no P2P connection to ${peerId}`)
    const onBytes = (): void => this.#plan.links.heard(peerId)
    yield* requestSync(link.connection, request, signal, onBytes)
  }

  probe(target: Target, signal: AbortSignal): Promise<ProbeResult> {
    const source = {
      privateKey: this.#plan.privateKey,
      logger: this.#host.libp2p.logger,
      timeoutMs: this.#plan.timing.dialTimeoutMs,
    }
    return probePeer(target.peerId, target.addresses, source, signal)
  }

  listenMultiaddrs(): string[] {
    const suffix = `/p2p/${this.#host.libp2p.peerId.toString()}`
    const listening = this.#host.listeners.flatMap((listener) => listener.getAddrs()).map(String)
    return [...new Set([...listening, ...this.#plan.announce])].map((address) =>
      address.endsWith(suffix) ? address : address + suffix,
    )
  }

  /**
   * Aborts rather than closes: a polite close waits for a link that may be dead, and a peer notices
   * an abort within milliseconds.
   */
  async stop(): Promise<void> {
    const reason = new Error('P2P stopped')
    this.#ending.abort(reason)
    clearInterval(this.#ticker)
    for (const link of this.#plan.links.all()) link.connection.abort(reason)
    try {
      await within(STOP_TIMEOUT_MS, new AbortController().signal, async () => {
        await this.#host.libp2p.stop()
      })
    } catch (error) {
      this.#handlers.log.warn({ reason: reasonOf(error) }, '[LATTICE_P2P] did not stop cleanly')
    }
    this.#announce()
  }

  async #begin(): Promise<void> {
    const { libp2p } = this.#host
    const { signal } = this.#ending
    await libp2p.handle(BEAT_PROTOCOL, this.#heartbeat.accept, {
      maxInboundStreams: BEAT_STREAMS_PER_CONNECTION_MAX,
      maxOutboundStreams: BEAT_STREAMS_PER_CONNECTION_MAX,
    })
    await libp2p.handle(SYNC_PROTOCOL, answerSync(this.#handlers, signal), {
      maxInboundStreams: SYNC_STREAMS_PER_CONNECTION_MAX,
      maxOutboundStreams: SYNC_STREAMS_PER_CONNECTION_MAX,
    })
    libp2p.addEventListener('connection:open', this.#onOpen)
    libp2p.addEventListener('connection:close', this.#onClose)
    await this.#listen()
    const { pubsub } = libp2p.services
    pubsub.addEventListener('gossipsub:message', ({ detail }) => {
      const from = detail.propagationSource.toString()
      this.#plan.links.heard(from)
      this.#guard('onGossip', () => this.#handlers.onGossip(detail.msg.data, from))
    })
    pubsub.addEventListener('subscription-change', () => this.#observe())
    pubsub.subscribe(this.#plan.topic)
    this.#tickDueMs = this.#plan.nowMs() + CHECK_INTERVAL_MS
    this.#ticker = setInterval(() => this.#tick(), CHECK_INTERVAL_MS)
    const dialling = {
      links: this.#plan.links,
      timing: this.#plan.timing,
      random: this.#plan.random,
      log: this.#handlers.log,
      sleep: (ms: number, ending: AbortSignal) => sleep(ms, undefined, { signal: ending }),
      dial: (address: Multiaddr, deadline: AbortSignal) =>
        libp2p.dial(address, { signal: deadline }),
    }
    for (const target of this.#plan.targets) {
      void keepDialling(target, dialling, signal)
    }
  }

  async #listen(): Promise<void> {
    const { libp2p } = this.#host
    const starting = Promise.resolve(libp2p.start())
    try {
      await within(START_TIMEOUT_MS, this.#ending.signal, () => starting)
    } catch (error) {
      // A start that comes too late must not leave a listener behind.
      starting.then(() => libp2p.stop()).catch(() => undefined)
      throw error
    }
  }

  readonly #onOpen = ({ detail }: Libp2pEvents['connection:open']): void => {
    if (this.#ending.signal.aborted) detail.abort(new Error('P2P stopped'))
    else this.#heartbeat.begin(this.#plan.links.opened(detail))
    this.#announce()
  }

  readonly #onClose = ({ detail }: Libp2pEvents['connection:close']): void => {
    this.#plan.links.closed(detail)
    this.#announce()
  }

  #tick(): void {
    const { links, timing, nowMs } = this.#plan
    const atMs = nowMs()
    links.forgive(lagOf(atMs, this.#tickDueMs))
    this.#tickDueMs = atMs + CHECK_INTERVAL_MS
    this.#observe()
    for (const link of links.all()) {
      const fault = linkFaultOf(link, atMs, timing)
      if (fault === null) continue
      this.#handlers.log.warn({ peerId: link.peerId, fault }, '[P2P_HEARTBEAT] connection aborted')
      abortAll(this.#host.libp2p.getConnections(link.connection.remotePeer), fault)
    }
  }

  #observe(): void {
    const subscribers = this.#host.libp2p.services.pubsub.getSubscribers(this.#plan.topic)
    this.#plan.links.observeMesh(new Set(subscribers.map(String)))
    this.#announce()
  }

  #announce(): void {
    for (const life of this.#plan.board.changes()) {
      this.#guard('onPeer', () => this.#handlers.onPeer(life))
    }
  }

  #guard(handler: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#handlers.log.warn({ handler, reason: reasonOf(error) }, '[LATTICE_P2P] handler failed')
    }
  }

  async #handOver(bytes: Uint8Array): Promise<number> {
    const { recipients } = await this.#host.libp2p.services.pubsub.publish(this.#plan.topic, bytes)
    return recipients.length
  }

  /** A silent peer is not waited for: its buffer empties or goes with its connection. */
  #hasRoom(): boolean {
    const { links, timing, nowMs } = this.#plan
    return links
      .all()
      .filter((link) => lifeStateOf(link, nowMs(), timing) === 'alive')
      .every((link) => unsentGossipBytes(link.connection) < GOSSIP_UNSENT_BYTES_MAX)
  }
}

function abortAll(connections: Connection[], fault: string): void {
  for (const connection of connections) connection.abort(new Error(`connection is ${fault}`))
}
