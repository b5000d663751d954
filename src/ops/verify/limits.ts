/** Times and counts of observing and judging a lattice. */

/** Attestations of which the one with the shortest round trip tells a node's clock. */
export const CLOCK_SAMPLES = 8
/** Milliseconds that a node's clock may be off the operator's. */
export const CLOCK_OFFSET_MS_MAX = 500
/** Milliseconds for a canary to reach every other node. */
export const CANARY_MS_MAX = 5000
/** The same for the gate, which tries again. */
export const CANARY_GATE_MS_MAX = 3000
/** Entries of a node up to which all of them are pulled. */
export const PULL_ENTRIES_MAX = 20_000
/** Of a node with more: the newest entries that are pulled, and the older ones that are asked for singly. */
export const PULL_NEWEST = 10_000
export const PULL_OLDER = 200
/** Older entries that one node is asked for at once. */
export const OLDER_AT_ONCE = 8
/** Entries pulled from one node whatever is asked: what the memory of one command bears. */
export const PULL_ENTRIES_FULL_MAX = 2_000_000
/** Milliseconds that a node's reading of its whole store may be old. */
export const INTEGRITY_AGE_MS_MAX = 30_000
/** Probes that one node is asked for at once; nodes refuse more than they have places for. */
export const PROBES_AT_ONCE = 4
/** Milliseconds for the nodes to compare roots with each other after the canaries, and between two looks. */
export const SETTLE_MS_MAX = 2500
export const SETTLE_POLL_MS = 100
/** Milliseconds for all observing together; the second with `full`. */
export const OBSERVE_MS_MAX = 90_000
export const OBSERVE_FULL_MS_MAX = 900_000
/** Problems of one kind that evidence lists. */
export const PROBLEMS_SHOWN_MAX = 10
/** Milliseconds between two looks of the gate, and for one look. */
export const GATE_POLL_MS = 100
export const GATE_LOOK_MS_MAX = 15_000
/**
 * Milliseconds for nodes to tell what they hold before a rollout, once nothing is sent to their hosts any
 * more, for one answer, and between two questions.
 */
export const HOLDINGS_MS_MAX = 5000
export const HOLDINGS_TRY_MS_MAX = 2000
export const HOLDINGS_POLL_MS = 250
/** A look with less time than this has no say in why a gate stayed closed. */
export const GATE_LAST_LOOK_MS = 1000
/** Milliseconds for one status question. */
export const STATUS_MS_MAX = 5000
