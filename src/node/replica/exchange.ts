import type { SyncMode, SyncPolicy } from '../../wire/protocol.ts'
import {
  BEHIND_GRACE_MS,
  FRUITLESS_MAX,
  HTTP_FRESH_INTERVALS,
  P2P_START_GRACE_MS,
  RETRY_FACTOR,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
} from './limits.ts'
import {
  activeMode,
  isHttpWanted,
  isLive,
  type LungState,
  type ModeEvidence,
  type P2pLife,
} from './mode.ts'

export type Via = 'P2P' | 'HTTP'

/** What the exchange asks of the lungs. */
export type ExchangeOutput =
  | { kind: 'pull'; peerId: string; via: Via }
  /** Keep a stream of change notices from this peer open, or close it. */
  | { kind: 'watch'; peerId: string; isWanted: boolean }

/** How an exchange ended: time to the first bytes of the answer and what it brought, or why it failed. */
export type PullResult = { rttMs: number; entryCount: number } | { error: string }

export interface PeerExchange {
  p2p: P2pLife
  /** Last proof of life over P2P, monotonic ms. */
  heardAtMs: number | null
  http: {
    isWatched: boolean
    isNotified: boolean
    okAtMs: number | null
    /** Last answer or notice since the watch began: only that counts as alive. */
    provenAtMs: number | null
    failures: number
    error: string | null
    rttMs: number | null
  }
}

/** Exchanges with one peer over one transport. */
interface Pulls {
  /** The one that is under way, and since when we were behind as it began. */
  inFlight: { behindSinceMs: number | null } | null
  /** Exchanges in a row that failed, or did not bring what the peer has signed; and the pause they cost. */
  fruitless: number
  pausedUntilMs: number
}

interface Peer extends PeerExchange {
  pulls: Record<Via, Pulls>
  /** When the next exchange over HTTP is due. */
  nextHttpAtMs: number
  /** Since when the peer has held something that we lack. */
  behindSinceMs: number | null
  /** Just come alive over P2P: what gossip missed before is to be fetched, known or not. */
  isGreeted: boolean
  /** P2P was lost at this last proof of life, and nothing has come over HTTP since. */
  lostAtMs: number | null
}

export interface ExchangeSettings {
  peerIds: readonly string[]
  policy: SyncPolicy
  httpPollMs: number
  heartbeatMs: number
}

/**
 * When to exchange entries with whom, and over what. Holds no entries: it knows what the lungs reported
 * and which peers are ahead. HTTP serves every peer that P2P does not, so a partial partition has a way too.
 */
export class Exchange {
  readonly #settings: ExchangeSettings
  readonly #peers: Map<string, Peer>
  #policy: SyncPolicy
  #lung: LungState = 'off'
  #settledAtMs = 0
  #mode: { active: SyncMode; reason: string; sinceMs: number }
  /** What the mode was decided by. */
  #evidence: Partial<ModeEvidence> = {}
  readonly #transitions = new Map<string, number>()
  #lastSyncAtMs: number | null = null
  #lastFailoverMs: number | null = null

  constructor(settings: ExchangeSettings, nowMs: number) {
    this.#settings = settings
    this.#policy = settings.policy
    this.#mode = { active: 'NONE', reason: 'starting', sinceMs: nowMs }
    this.#peers = new Map(
      settings.peerIds.map((peerId) => [
        peerId,
        {
          p2p: 'off',
          heardAtMs: null,
          http: {
            isWatched: false,
            isNotified: false,
            okAtMs: null,
            provenAtMs: null,
            failures: 0,
            error: null,
            rttMs: null,
          },
          pulls: { P2P: noPulls(nowMs), HTTP: noPulls(nowMs) },
          nextHttpAtMs: nowMs,
          behindSinceMs: null,
          isGreeted: true,
          lostAtMs: null,
        },
      ]),
    )
  }

  get policy(): SyncPolicy {
    return this.#policy
  }

  get lung(): LungState {
    return this.#lung
  }

  get mode(): { active: SyncMode; reason: string; sinceMs: number } {
    return this.#mode
  }

  /** How often each change of mode happened, by `FROM→TO`. */
  get transitions(): ReadonlyMap<string, number> {
    return this.#transitions
  }

  get lastSyncAtMs(): number | null {
    return this.#lastSyncAtMs
  }

  /** From the last proof of life over P2P to the first answer over HTTP, of the latest failover. */
  get lastFailoverMs(): number | null {
    return this.#lastFailoverMs
  }

  peer(peerId: string): PeerExchange | undefined {
    return this.#peers.get(peerId)
  }

  /** What serves this peer now. */
  transportOf(peerId: string, nowMs: number): SyncMode {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return 'NONE'
    if (
      this.#policy !== 'http' &&
      (peer.p2p === 'alive' || (peer.p2p === 'suspect' && !this.#isHttpFresh(peer, nowMs)))
    )
      return 'P2P'
    return this.#policy !== 'p2p' && this.#isHttpFresh(peer, nowMs) ? 'HTTP' : 'NONE'
  }

  setPolicy(policy: SyncPolicy, nowMs: number): void {
    this.#policy = policy
    for (const peer of this.#peers.values()) peer.nextHttpAtMs = nowMs
  }

  setLung(lung: LungState, nowMs: number): void {
    if ((lung === 'starting' || lung === 'running') && this.#lung !== 'starting')
      this.#settledAtMs = nowMs + P2P_START_GRACE_MS
    this.#lung = lung
    if (lung === 'off' || lung === 'failed') {
      for (const peer of this.#peers.values()) this.#setLife(peer, 'off', peer.heardAtMs, nowMs)
    }
  }

  setP2p(peerId: string, life: P2pLife, heardAtMs: number | null, nowMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    // What was heard just before the lung stopped may be told only after it.
    const isLungUp = this.#lung === 'starting' || this.#lung === 'running'
    this.#setLife(peer, isLungUp ? life : 'off', heardAtMs ?? peer.heardAtMs, nowMs)
  }

  /**
   * Since when a peer has held, by its signed word, something that we lack; null: it does not.
   * `isNotice`: it has just said so over HTTP.
   */
  setBehind(peerId: string, sinceMs: number | null, isNotice: boolean, nowMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    peer.behindSinceMs = sinceMs
    // What P2P had answered without, such as an entry that was held back, has come: it starts afresh.
    if (sinceMs === null && peer.isGreeted) peer.pulls.P2P.fruitless = 0
    if (sinceMs !== null && isNotice) hurryHttp(peer, nowMs)
  }

  /** The stream of change notices of this peer opened or brought something, or it closed. */
  setNotified(peerId: string, isNotified: boolean, nowMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    // A stream that is no longer wanted may still tell that it opened, but not that it closed.
    const isOpen = isNotified && peer.http.isWatched
    // Opened: what came before is fetched. Closed: only an exchange tells whether the peer is still there.
    if (isOpen !== peer.http.isNotified) hurryHttp(peer, nowMs)
    peer.http.isNotified = isOpen
    if (isOpen) peer.http.provenAtMs = nowMs
  }

  pullEnded(peerId: string, via: Via, result: PullResult, nowMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    const pulls = peer.pulls[via]
    const begunBehindMs = pulls.inFlight?.behindSinceMs ?? null
    pulls.inFlight = null
    // How many entries came says nothing: those that we hold back or refuse come again every time.
    const isStillBehind = begunBehindMs !== null && begunBehindMs === peer.behindSinceMs
    const isFruitless = 'error' in result || isStillBehind
    pulls.fruitless = isFruitless ? pulls.fruitless + 1 : 0
    pulls.pausedUntilMs = isFruitless ? nowMs + pauseAfter(pulls.fruitless) : nowMs
    if ('error' in result) {
      if (via === 'P2P') {
        peer.isGreeted = false
        return
      }
      peer.http.failures += 1
      peer.http.error = result.error
      peer.nextHttpAtMs = pulls.pausedUntilMs
      return
    }
    this.#lastSyncAtMs = nowMs
    if (via === 'P2P') return
    peer.http.failures = 0
    peer.http.error = null
    peer.http.okAtMs = nowMs
    if (peer.http.isWatched) peer.http.provenAtMs = nowMs
    peer.http.rttMs = result.rttMs
    peer.nextHttpAtMs =
      peer.behindSinceMs === null ? nowMs + this.#settings.httpPollMs : pulls.pausedUntilMs
    if (peer.lostAtMs !== null) this.#lastFailoverMs = nowMs - peer.lostAtMs
    peer.lostAtMs = null
  }

  /** What is due now. Calling it again at once returns nothing new. */
  due(nowMs: number): {
    outputs: ExchangeOutput[]
    modeChange: { from: SyncMode; to: SyncMode; reason: string } | null
  } {
    const outputs: ExchangeOutput[] = []
    for (const [peerId, peer] of this.#peers) {
      const isWanted = this.#isHttpWanted(peer, nowMs)
      if (isWanted !== peer.http.isWatched) {
        peer.http.isWatched = isWanted
        peer.http.provenAtMs = null
        if (isWanted) peer.nextHttpAtMs = nowMs
        else peer.http.isNotified = false
        outputs.push({ kind: 'watch', peerId, isWanted })
      }
      if (this.#httpPullAtMs(peer) <= nowMs) {
        peer.pulls.HTTP.inFlight = { behindSinceMs: peer.behindSinceMs }
        outputs.push({ kind: 'pull', peerId, via: 'HTTP' })
      }
      if (this.#p2pPullAtMs(peer) <= nowMs) {
        peer.pulls.P2P.inFlight = { behindSinceMs: peer.behindSinceMs }
        peer.isGreeted = true
        outputs.push({ kind: 'pull', peerId, via: 'P2P' })
      }
    }
    return { outputs, modeChange: this.#observeMode(nowMs) }
  }

  /** When `due` should next be called, monotonic ms; infinite when only an event can make something due. */
  wakeAtMs(nowMs: number): number {
    let wakeAtMs = nowMs < this.#settledAtMs ? this.#settledAtMs : Number.POSITIVE_INFINITY
    for (const peer of this.#peers.values()) {
      wakeAtMs = Math.min(wakeAtMs, this.#httpPullAtMs(peer), this.#p2pPullAtMs(peer))
      if (this.#isHttpFresh(peer, nowMs) && peer.http.provenAtMs !== null) {
        wakeAtMs = Math.min(wakeAtMs, peer.http.provenAtMs + this.#httpFreshMs(peer))
      }
    }
    return Math.max(wakeAtMs, nowMs)
  }

  #setLife(peer: Peer, life: P2pLife, heardAtMs: number | null, nowMs: number): void {
    const before = peer.p2p
    // A connection that does not carry gossip yet is no doubt about a live peer, but no live peer yet.
    const isConnecting = life === 'suspect' && before !== 'alive' && before !== 'suspect'
    peer.p2p = isConnecting ? 'dead' : life
    peer.heardAtMs = heardAtMs
    if (life === 'alive') {
      peer.lostAtMs = null
      if (before !== 'alive' && before !== 'suspect') {
        peer.isGreeted = false
        peer.pulls.P2P.fruitless = 0
        peer.pulls.P2P.pausedUntilMs = nowMs
      }
    } else if (before === 'alive') {
      peer.lostAtMs = heardAtMs ?? nowMs
    }
  }

  #isHttpWanted(peer: Peer, nowMs: number): boolean {
    // P2P that does not bring what the peer has signed is as doubtful as P2P that is silent.
    const isUnserved = peer.behindSinceMs !== null && peer.pulls.P2P.fruitless >= FRUITLESS_MAX
    const life = peer.p2p === 'alive' && isUnserved ? 'suspect' : peer.p2p
    // While P2P starts it is given a moment, but what HTTP already serves is not given up for it.
    const isSettling = nowMs < this.#settledAtMs && !peer.http.isWatched
    return isHttpWanted(this.#policy, this.#lung, life, isSettling)
  }

  #httpPullAtMs(peer: Peer): number {
    return peer.http.isWatched && peer.pulls.HTTP.inFlight === null
      ? peer.nextHttpAtMs
      : Number.POSITIVE_INFINITY
  }

  /** Anti-entropy over P2P: at connect, and when a peer stays ahead for longer than gossip takes. */
  #p2pPullAtMs(peer: Peer): number {
    const { inFlight, pausedUntilMs } = peer.pulls.P2P
    if (peer.p2p !== 'alive' || this.#policy === 'http' || inFlight !== null)
      return Number.POSITIVE_INFINITY
    if (!peer.isGreeted) return pausedUntilMs
    if (peer.behindSinceMs === null) return Number.POSITIVE_INFINITY
    return Math.max(peer.behindSinceMs + BEHIND_GRACE_MS, pausedUntilMs)
  }

  /** A peer with open notices is heard at every heartbeat; one without, at every poll. */
  #httpFreshMs(peer: Peer): number {
    const { heartbeatMs, httpPollMs } = this.#settings
    return (
      HTTP_FRESH_INTERVALS * (peer.http.isNotified ? Math.min(heartbeatMs, httpPollMs) : httpPollMs)
    )
  }

  #isHttpFresh(peer: Peer, nowMs: number): boolean {
    const { isWatched, provenAtMs, failures } = peer.http
    if (!isWatched || provenAtMs === null || failures > 2) return false
    return nowMs < provenAtMs + this.#httpFreshMs(peer)
  }

  #observeMode(nowMs: number): { from: SyncMode; to: SyncMode; reason: string } | null {
    let [live, fresh] = [0, 0]
    for (const peer of this.#peers.values()) {
      if (isLive(peer.p2p)) live += 1
      if (this.#isHttpFresh(peer, nowMs)) fresh += 1
    }
    const [policy, lung, seen] = [this.#policy, this.#lung, this.#evidence]
    if (seen.policy === policy && seen.lung === lung && seen.live === live && seen.fresh === fresh)
      return null
    this.#evidence = { policy, lung, live, fresh }
    const { active, reason } = activeMode({ policy, lung, live, fresh, peers: this.#peers.size })
    const from = this.#mode.active
    if (active === from) {
      this.#mode.reason = reason
      return null
    }
    this.#mode = { active, reason, sinceMs: nowMs }
    const change = `${from}→${active}`
    this.#transitions.set(change, (this.#transitions.get(change) ?? 0) + 1)
    return { from, to: active, reason }
  }
}

const noPulls = (nowMs: number): Pulls => ({ inFlight: null, fruitless: 0, pausedUntilMs: nowMs })

/** The next exchange over HTTP is due now, or as soon as its pause is over. */
function hurryHttp(peer: Peer, nowMs: number): void {
  const soonestMs = Math.max(nowMs, peer.pulls.HTTP.pausedUntilMs)
  peer.nextHttpAtMs = Math.min(peer.nextHttpAtMs, soonestMs)
}

/** Milliseconds to wait after the n-th failure in a row. */
const pauseAfter = (failures: number): number =>
  Math.min(RETRY_FIRST_MS * RETRY_FACTOR ** (failures - 1), RETRY_MAX_MS)
