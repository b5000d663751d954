/** Bounds and paces of this room. What crosses the wire is bounded in wire/limits.ts. */

/** How often silence and muteness are looked for; the error of every detection time. */
export const CHECK_INTERVAL_MS = 50
export const START_TIMEOUT_MS = 1000
export const STOP_TIMEOUT_MS = 2000

/** Before the first dial after a loss: the peer may be closing the same connection right now. */
export const FIRST_DIAL_WAIT_MS = 50
/** How long the larger peer id waits for the smaller one to dial. */
export const STANDBY_GRACE_MS = 5000
export const REDIAL_FACTOR = 1.5
export const REDIAL_JITTER = 0.2

/** Connections of all peers together; a lattice has at most 32 members. */
export const CONNECTIONS_MAX = 64
/** An inbound socket that has not proven who it is by then is closed. */
export const INBOUND_UPGRADE_TIMEOUT_MS = 3000
/** Enough that sockets which never say who they are do not keep members out. */
export const INBOUND_PENDING_MAX = 256
/** Behind a proxy all peers share one address: libp2p's default of 5 refused members. */
export const INBOUND_PER_HOST_AND_SECOND_MAX = 100

export const STREAM_OPEN_TIMEOUT_MS = 2000
export const SYNC_STREAMS_PER_CONNECTION_MAX = 8
/** A beat stream may be replaced before its predecessor is gone. */
export const BEAT_STREAMS_PER_CONNECTION_MAX = 2
/** Beats and echoes that wait for a link that takes nothing. */
export const BEATS_UNSENT_MAX = 8
/** Without a byte in or out for so long, a sync stream is aborted. */
export const SYNC_IDLE_TIMEOUT_MS = 10_000

/**
 * Yamux's receive window of one stream. It must stay below libp2p's 4 MiB read buffer: a paused
 * stream still receives a full window, and a full buffer aborts it.
 */
export const STREAM_WINDOW_BYTES_MAX = 1024 * 1024
/** Bytes of a sync stream that wait for their reader before it is paused, and for the link. */
export const READ_AHEAD_BYTES_MAX = 512 * 1024
export const WRITE_AHEAD_BYTES_MAX = 256 * 1024

/** Unsent gossip to one live peer, above which `publish` waits. */
export const GOSSIP_UNSENT_BYTES_MAX = 2 * 1024 * 1024
/** Gossip that waits in `publish`; what comes on top is dropped, and repaired by sync. */
export const GOSSIP_QUEUE_BYTES_MAX = 16 * 1024 * 1024
/** Messages handed over before timers and sockets get their turn. */
export const GOSSIP_BATCH_MAX = 64
export const GOSSIP_ROOM_POLL_MS = 5
/** A peer that takes no gossip loses its stream here, then its connection. */
export const GOSSIP_STREAM_BYTES_MAX = 16 * 1024 * 1024
/** One gossipsub RPC, which may carry several messages. */
export const GOSSIP_RPC_BYTES_MAX = 4 * 1024 * 1024

/** One WebSocket message sent, and the largest that is accepted. */
export const WEBSOCKET_MESSAGE_BYTES_MAX = 128 * 1024
export const WEBSOCKET_PAYLOAD_BYTES_MAX = 1024 * 1024
/** Unsent bytes above which a WebSocket counts as full, and below which it drains. */
export const WEBSOCKET_FULL_BYTES = 1024 * 1024
export const WEBSOCKET_DRAINED_BYTES = 256 * 1024
/** How long a WebSocket may take to close politely. */
export const WEBSOCKET_CLOSE_TIMEOUT_MS = 500

/** Strangers that are remembered, so that each is logged once. */
export const STRANGERS_REMEMBERED_MAX = 64
