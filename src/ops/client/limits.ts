/** Times and counts of the CLI's conversation with nodes. Sizes that both ends hold to are in `wire/limits.ts`. */

/** Milliseconds to a TCP and TLS connection. */
export const CONNECT_MS_MAX = 4000
/** Milliseconds from a question to the last byte of its answer. */
export const ANSWER_MS_MAX = 8000
/** The same where the node itself dials another node first. */
export const PROBE_MS_MAX = 12_000
/** The same where the node reads its whole store again. */
export const INTEGRITY_MS_MAX = 60_000
/** The same for a stream of all its entries, and between two pieces of it. */
export const PULL_MS_MAX = 120_000
export const PULL_IDLE_MS_MAX = 10_000
/** The same where the node writes what it is brought. */
export const IMPORT_MS_MAX = 60_000
/** The same where the node reads what is sound of a damaged store. */
export const REPAIR_MS_MAX = 600_000
/** Milliseconds that an answer may be late after a wait that the node was asked for. */
export const WAIT_GRACE_MS = 3000
/** Bytes of one stream of entries. */
export const PULL_BYTES_MAX = 256 * 1024 * 1024
/** Connections to one node at once; further questions queue. */
export const CONNECTIONS_MAX = 32
/**
 * Milliseconds that a connection is kept for the next question: more than the pause between two
 * looks of a gate. A node that is switched waits for connections that may be asked on still.
 */
export const KEPT_IDLE_MS = 150
/** Bytes of the headers of an answer. */
export const HEADER_BYTES_MAX = 16 * 1024
