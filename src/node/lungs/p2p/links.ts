import type { Connection, Stream } from '@libp2p/interface'
import { EventEmitter, once } from 'node:events'
import type { LinkEvidence } from './life.ts'

/** One libp2p connection to a member, and what it has shown. */
export interface Link extends LinkEvidence {
  readonly connection: Connection
  readonly peerId: string
  rttMs: number | null
  /** The heartbeat's stream, and the beat that waits for its echo. */
  beat: { stream: Stream; number: number; sentAtMs: number } | null
  /** Gossip has flowed over this link. */
  wasOfUse: boolean
}

const GOSSIP_PROTOCOLS = '/meshsub/'

/**
 * The live connections, at most one per peer: a newer one replaces the older, because the peer has
 * given up on that (it restarted, or its address changed), and gossip would stay with the dead one.
 */
export class Links {
  readonly #byPeer = new Map<string, Link>()
  /** When each peer was last heard, over whatever connection. */
  readonly #heardAtMs = new Map<string, number>()
  readonly #events = new EventEmitter().setMaxListeners(0)
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  of(peerId: string): Link | null {
    return this.#byPeer.get(peerId) ?? null
  }

  all(): Link[] {
    return [...this.#byPeer.values()]
  }

  /** The link that this connection is; undefined when it was replaced or has closed. */
  ofConnection(connection: Connection): Link | undefined {
    const link = this.#byPeer.get(connection.remotePeer.toString())
    return link?.connection === connection ? link : undefined
  }

  opened(connection: Connection): Link {
    const peerId = connection.remotePeer.toString()
    const older = this.#byPeer.get(peerId)
    const nowMs = this.#nowMs()
    const link: Link = {
      connection,
      peerId,
      heardAtMs: nowMs,
      meshedAtMs: nowMs,
      subscribed: false,
      rttMs: null,
      beat: null,
      wasOfUse: false,
    }
    this.#byPeer.set(peerId, link)
    this.#heardAtMs.set(peerId, nowMs)
    older?.connection.abort(new Error('replaced by a newer connection'))
    return link
  }

  /** Forgets a connection; true when its peer has none left. */
  closed(connection: Connection): boolean {
    const link = this.ofConnection(connection)
    if (link === undefined) return false
    this.#byPeer.delete(link.peerId)
    this.#events.emit(link.peerId, link)
    return true
  }

  heard(peerId: string): void {
    const nowMs = this.#nowMs()
    this.#heardAtMs.set(peerId, nowMs)
    const link = this.#byPeer.get(peerId)
    if (link !== undefined) link.heardAtMs = nowMs
  }

  lastHeardAgoMs(peerId: string): number | null {
    const heardAtMs = this.#heardAtMs.get(peerId)
    return heardAtMs === undefined ? null : this.#nowMs() - heardAtMs
  }

  /** Looks again at which links carry gossip both ways. */
  observeMesh(subscribers: ReadonlySet<string>): void {
    const nowMs = this.#nowMs()
    for (const link of this.#byPeer.values()) {
      link.subscribed = subscribers.has(link.peerId) && carriesGossip(link.connection)
      if (link.subscribed) {
        link.meshedAtMs = nowMs
        link.wasOfUse = true
      }
    }
  }

  /** Takes time for which this process was blocked out of all evidence. */
  forgive(lagMs: number): void {
    const nowMs = this.#nowMs()
    const later = (atMs: number): number => Math.min(nowMs, atMs + lagMs)
    for (const link of this.#byPeer.values()) {
      link.heardAtMs = later(link.heardAtMs)
      link.meshedAtMs = later(link.meshedAtMs)
    }
    for (const [peerId, atMs] of this.#heardAtMs) this.#heardAtMs.set(peerId, later(atMs))
  }

  /** Resolves once the peer has no connection, with the one it had; at once and null if none. */
  async untilGone(peerId: string, signal: AbortSignal): Promise<Link | null> {
    if (!this.#byPeer.has(peerId)) return null
    const [link] = (await once(this.#events, peerId, { signal })) as [Link]
    return link
  }
}

/**
 * Whether gossipsub has a stream open each way. The topic's subscriber list alone is not enough: it
 * still names a peer whose stream was reset, and nothing would reach it for good.
 */
function carriesGossip(connection: Connection): boolean {
  if (connection.status !== 'open') return false
  const gossip = connection.streams.filter((stream) => stream.protocol.startsWith(GOSSIP_PROTOCOLS))
  return (
    gossip.some((stream) => stream.direction === 'outbound' && stream.writeStatus === 'writable') &&
    gossip.some(
      (stream) => stream.direction === 'inbound' && stream.remoteWriteStatus === 'writable',
    )
  )
}

/** Gossip that is handed over but not sent yet, bytes. */
export const unsentGossipBytes = (connection: Connection): number =>
  connection.streams
    .filter((s) => s.direction === 'outbound' && s.protocol.startsWith(GOSSIP_PROTOCOLS))
    .reduce((sum, stream) => sum + stream.writeBufferLength, 0)
