import type { Server } from 'node:http'

/** A member this node may talk to. */
export interface P2pPeer {
  /** The member's name in the configuration; for logs only. */
  name: string
  /** Its libp2p peer id (`12D3KooW…`): the only thing by which it is let in. */
  peerId: string
  /** Where it can be dialled, with or without `/p2p/<peer id>`. Empty: it dials us. */
  multiaddrs: readonly string[]
  /**
   * Which of the two dials, so that a pair never has two connections. `always`: this node. `never`:
   * the other. `by-id`: the smaller peer id; the larger only after a grace without a connection.
   */
  dial: 'always' | 'never' | 'by-id'
}

/** All in milliseconds. */
export interface P2pTiming {
  /** Between two heartbeats on one connection (300). */
  beatIntervalMs: number
  /** Silence after which a peer is suspect, and HTTP should start (800). */
  suspectAfterMs: number
  /** Silence after which a connection is aborted (2000). Below that, one lost packet can kill it. */
  deadAfterMs: number
  /** One attempt at one address: name, TCP, TLS, noise, multiplexer (1500; 2500 over a WAN). */
  dialTimeoutMs: number
  /** Shortest and longest pause between two rounds of dials (100, 500); each ± 20 %. */
  redialMinMs: number
  redialMaxMs: number
  /** How long a connection may carry no gossip before it is aborted (1500). */
  mutedAfterMs: number
}

export type LifeState = 'alive' | 'suspect' | 'dead'

/** What this node knows of one peer over P2P. */
export interface PeerLife {
  peerId: string
  /**
   * `alive`: gossip flows both ways over a live connection and the peer was heard within
   * `suspectAfterMs`. `suspect`: connected, but silent or not (yet) in the mesh. `dead`: no
   * connection, or silent for `deadAfterMs`.
   */
  state: LifeState
  /**
   * Milliseconds since the last proof of life (a heartbeat, a gossip message, bytes of a sync
   * answer), without the time for which our own process was blocked; null when never heard.
   */
  lastHeardAgoMs: number | null
  connected: boolean
  subscribed: boolean
  direction: 'inbound' | 'outbound' | null
  /** The multiaddr of the other end; behind a proxy, the proxy's. */
  remoteAddress: string | null
  /** Round trip of the last heartbeat that was echoed. */
  rttMs: number | null
}

export interface P2pLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** What the lung calls. An error thrown by a handler is logged and goes no further. */
export interface P2pHandlers {
  /** Gossip that arrived: an opaque batch, at most `FRAME_BYTES_MAX`. `from`: who passed it on. */
  onGossip(bytes: Uint8Array, from: string): void
  /**
   * Serves one sync request, at most `SYNC_REQUEST_BYTES_MAX`. The chunks go out as they are, no
   * faster than the peer reads. `signal` aborts when the peer leaves or stalls, or the lung stops.
   */
  onSync(request: Uint8Array, from: string, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** A peer's `state` changed. */
  onPeer(life: PeerLife): void
  log: P2pLog
}

export type ProbeResult =
  | {
      ok: true
      /** One round trip inside the encrypted channel, after the peer had let us in. */
      rttMs: number
      address: string
    }
  | { ok: false; error: string; attempted: string[] }

export interface P2pLung {
  /** This node's own id; known before the first start. */
  readonly peerId: string
  /** Resolves once listening. Throws `P2pStartError` within a second; then nothing is left open. */
  start(): Promise<void>
  /** Closes every connection at once and resolves when nothing is left open. May be started again. */
  stop(): Promise<void>
  /**
   * Best effort to all subscribed members: the number that it was handed to, which proves no
   * delivery. Never throws. Waits while the peers' buffers are full; 0 when too much waits already.
   */
  publish(bytes: Uint8Array): Promise<number>
  /**
   * One sync exchange over the live connection: sends `request`, yields the answer's bytes as they
   * come, no faster than they are taken. Throws `P2pSyncError`, or the signal's reason.
   */
  sync(peerId: string, request: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * A fresh dial of each address until one answers: transport, noise with the expected peer id, and
   * one round trip that the peer answers only to members. The live mesh is not touched, and the
   * peer sees no connection. Never throws.
   */
  probe(peerId: string, signal: AbortSignal): Promise<ProbeResult>
  /** All configured peers, reachable or not. */
  peers(): PeerLife[]
  /** Where this node listens now, and what it announces; each ends in `/p2p/<peer id>`. */
  listenMultiaddrs(): string[]
}

export interface P2pOptions {
  /** 32-byte Ed25519 seed of the node key. */
  seed: Uint8Array
  topic: string
  /** TCP multiaddrs such as `/ip4/127.0.0.1/tcp/9000`; may be empty. */
  listen: readonly string[]
  announce: readonly string[]
  /** Everyone who may talk to this node. Nobody else gets past the handshake, either way. */
  peers: readonly P2pPeer[]
  /** WebSocket shares this server's port through its `upgrade` event; null: no WebSocket inbound. */
  httpServer: Server | null
  timing: P2pTiming
}
