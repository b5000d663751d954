import type { Server } from 'node:http'
import type { Logger } from 'pino'
import type { ProbeAnswer } from '../wire/api.ts'
import { CALLER_HEADER } from '../wire/caller.ts'
import { WireError } from '../wire/cbor.ts'
import type { SignedEntry } from '../wire/entry.ts'
import type { Member } from '../wire/lattice.ts'
import { peerIdIn, type Settings } from '../wire/settings.ts'
import { verifySignature } from '../wire/signature.ts'
import {
  decodeFrame,
  encodeFrame,
  encodeSyncRequest,
  readFrames,
  type SyncFrame,
} from '../wire/sync.ts'
import type { LungOutput } from './engine.ts'
import { PROBE_MS_MAX } from './lungs/http/limits.ts'
import { HttpLung } from './lungs/http/lung.ts'
import { probeHttp, reasonOf } from './lungs/http/probe.ts'
import { createP2pLung, type P2pLung, type PeerLife } from './lungs/p2p/index.ts'
import { P2pLifecycle } from './p2p-lifecycle.ts'
import type { CoreEvent } from './replica/contract.ts'
import type { Via } from './replica/exchange.ts'

/** A whole exchange, however much it brings. */
const PULL_MS_MAX = 60_000
/** A lost connection is redialled this fast; longer on a WAN costs nothing. */
const DIAL_MS_MAX = 2500

export interface LungsOptions {
  settings: Settings
  seed: Uint8Array
  others: readonly Member[]
  httpServer: Server
  log: Logger
}

export interface LungsHandlers {
  push(event: CoreEvent): void
  /** Resolves when the signatures of these were looked at. */
  lookAt(entries: readonly SignedEntry[]): Promise<void>
  /** Resolves when there is room for more. */
  room(): Promise<void>
  /** What a sync request carries: our frontier and newest checkpoint. */
  syncRequest(peerId: string): Parameters<typeof encodeSyncRequest>[0]
  serveSync(request: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** A signed call to a peer, as a header's text. */
  signedCall(peerId: string): string
}

/** Both lungs of one node: carries out what the core asks for, and tells it what came of it. */
export class Lungs {
  readonly #others: readonly Member[]
  readonly #handlers: LungsHandlers
  readonly #http: HttpLung
  readonly #p2p: P2pLung
  readonly #log: Logger
  readonly p2pLifecycle: P2pLifecycle
  readonly #stopping = new AbortController()
  readonly bytesReceived = new Map<Via, number>([
    ['P2P', 0],
    ['HTTP', 0],
  ])
  readonly exchanges = new Map<string, number>()

  constructor(options: LungsOptions, handlers: LungsHandlers) {
    const { settings, others } = options
    this.#others = others
    this.#handlers = handlers
    this.#log = options.log
    this.#http = new HttpLung(
      others.filter((member) => settings.httpPeers.includes(member.url)),
      {
        onNotice: (peerId, frame) => {
          handlers.push({ kind: 'notices', peerId, isOpen: true })
          this.#takeFrame(frame, peerId, 'HTTP')
          return handlers.room()
        },
        onNotices: (peerId, isOpen) => handlers.push({ kind: 'notices', peerId, isOpen }),
        callerHeaders: (peerId) => ({ [CALLER_HEADER]: handlers.signedCall(peerId) }),
      },
    )
    this.#p2p = createP2pLung(
      {
        seed: options.seed,
        topic: settings.p2pTopic,
        listen: settings.p2pListen,
        announce: settings.p2pAnnounce,
        peers: others.map((member) => {
          const multiaddrs = settings.p2pBootstrap.filter(
            (address) => peerIdIn(address) === member.peerId,
          )
          return {
            name: member.name,
            peerId: member.peerId,
            multiaddrs,
            dial: dialOf(settings, member, multiaddrs),
          }
        }),
        httpServer: options.httpServer,
        timing: {
          beatIntervalMs: 300,
          suspectAfterMs: 800,
          deadAfterMs: settings.peerlessTimeoutMs,
          dialTimeoutMs: DIAL_MS_MAX,
          redialMinMs: 100,
          redialMaxMs: 500,
          mutedAfterMs: 1500,
        },
      },
      {
        onGossip: (bytes, from) => this.#takeFrame(bytes, from, 'P2P'),
        onSync: (request, _from, signal) => handlers.serveSync(request, signal),
        onPeer: (life) => this.#takeLife(life),
        log: options.log,
      },
    )
    this.p2pLifecycle = new P2pLifecycle(this.#p2p, options.log, (state) =>
      handlers.push({ kind: 'p2p-lung', state }),
    )
  }

  carryOut(output: LungOutput): void {
    switch (output.kind) {
      case 'pull':
        void this.#pull(output.peerId, output.via)
        return
      case 'watch':
        this.#http.watch(output.peerId, output.isWanted)
        return
      case 'gossip':
        if (this.p2pLifecycle.isRunning) void this.#p2p.publish(encodeFrame(output.frame))
        return
      case 'checkpoint':
        if (this.p2pLifecycle.isRunning) void this.#p2p.publish(encodeFrame(output))
    }
  }

  p2pLife(peerId: string): PeerLife | undefined {
    return this.#p2p.peers().find((peer) => peer.peerId === peerId)
  }

  p2pPeers(): PeerLife[] {
    return this.#p2p.peers()
  }

  listenMultiaddrs(): string[] {
    return this.p2pLifecycle.isRunning ? this.#p2p.listenMultiaddrs() : []
  }

  /** A fresh dial to another member, proven by its key. Never uses a standing connection. */
  async probe(
    member: Member,
    transport: 'p2p' | 'http',
    signal: AbortSignal,
  ): Promise<Omit<ProbeAnswer, 'success'>> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS_MAX)])
    const live = this.p2pLife(member.peerId)?.state === 'alive' && this.p2pLifecycle.isRunning
    const answer = { peer: member.name, transport, live, rtt_ms: null, address: null, error: null }
    if (transport === 'http') return { ...answer, ...(await probeHttp(member, limit)) }
    if (!this.p2pLifecycle.isRunning) return { ...answer, result: 'off' }
    const probed = await this.#p2p.probe(member.peerId, limit)
    if (probed.ok)
      return { ...answer, result: 'reached', rtt_ms: probed.rttMs, address: probed.address }
    return {
      ...answer,
      result: probed.attempted.length === 0 ? 'no-address' : 'failed',
      error: probed.error,
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    this.#http.close()
    await this.p2pLifecycle.want(false)
  }

  async #pull(peerId: string, via: Via): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(PULL_MS_MAX)])
    const startedMs = performance.now()
    let rttMs: number | null = null
    let entryCount = 0
    try {
      const request = encodeSyncRequest(this.#handlers.syncRequest(peerId))
      const lung =
        via === 'P2P'
          ? this.#p2p.sync(peerId, request, signal)
          : this.#http.pull(peerId, request, signal)
      for await (const frame of readFrames(this.#counted(lung, via), verifySignature)) {
        rttMs ??= performance.now() - startedMs
        if (frame.kind === 'entries') {
          entryCount += frame.entries.length
          await this.#handlers.lookAt(frame.entries)
        }
        this.#pushFrame(frame, peerId, via)
        await this.#handlers.room()
      }
      this.#count(`${via} ok`)
      this.#handlers.push({
        kind: 'pull-ended',
        peerId,
        via,
        result: { rttMs: rttMs ?? 0, entryCount },
      })
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      // A link that was cut in the middle of an answer is nobody's bad input.
      if (error instanceof WireError && error.code !== 'truncated')
        this.#handlers.push({
          kind: 'refused',
          code: error.code,
          from: peerId,
          message: error.message,
        })
      this.#count(`${via} failed`)
      this.#handlers.push({ kind: 'pull-ended', peerId, via, result: { error: reasonOf(error) } })
    }
  }

  #takeLife(life: PeerLife): void {
    const heardAtMs = life.lastHeardAgoMs === null ? null : performance.now() - life.lastHeardAgoMs
    const name = this.#others.find((member) => member.peerId === life.peerId)?.name
    this.#log.info(
      { peer: name, state: life.state, connected: life.connected },
      `[P2P_HEARTBEAT] peer ${life.state}`,
    )
    this.#handlers.push({ kind: 'p2p-peer', peerId: life.peerId, life: life.state, heardAtMs })
  }

  #takeFrame(bytes: Uint8Array, from: string, via: Via): void {
    this.bytesReceived.set(via, (this.bytesReceived.get(via) ?? 0) + bytes.length)
    try {
      this.#pushFrame(decodeFrame(bytes, verifySignature), from, via)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#handlers.push({ kind: 'refused', code: error.code, from, message: error.message })
    }
  }

  #pushFrame(frame: SyncFrame, from: string, via: Via): void {
    if (frame.kind === 'entries')
      this.#handlers.push({ kind: 'entries', entries: frame.entries, from, via })
    if (frame.kind === 'checkpoint')
      this.#handlers.push({ kind: 'checkpoint', checkpoint: frame.checkpoint, via })
    if (frame.kind === 'seals') this.#handlers.push({ kind: 'seals', seals: frame.seals, from })
  }

  async *#counted(chunks: AsyncIterable<Uint8Array>, via: Via): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.bytesReceived.set(via, (this.bytesReceived.get(via) ?? 0) + chunk.length)
      yield chunk
    }
  }

  #count(outcome: string): void {
    this.exchanges.set(outcome, (this.exchanges.get(outcome) ?? 0) + 1)
  }
}

/** One dialer a pair: as AETHEL_P2P_DIAL says; where it is not given, the smaller id. */
function dialOf(
  settings: Settings,
  member: Member,
  multiaddrs: readonly string[],
): 'always' | 'never' | 'by-id' {
  if (multiaddrs.length === 0) return 'never'
  if (settings.p2pDial === null) return 'by-id'
  return settings.p2pDial.includes(member.name) ? 'always' : 'never'
}
