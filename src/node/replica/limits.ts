/** Bounds and times of the replica. What crosses the wire is bounded in `wire/limits.ts`. */

/** Microseconds that an entry's clock may be ahead of ours; one further ahead is held back until it is not. */
export const CLOCK_AHEAD_US_MAX = 60_000_000
/**
 * Microseconds of clock that are reserved on disk at once, so that a restart never writes below a promised
 * floor: ahead of the wall clock, and at least this many where ours is ahead of the wall clock already.
 * A restart begins that far ahead, so it is not more than the lead of a floor.
 */
export const CLOCK_RESERVE_US = 1_000_000
export const CLOCK_RESERVE_MIN_US = 1000
/** Microseconds that a promised floor may lead our wall clock: less time than it takes to lose a disk. */
export const CLOCK_LEAD_US_MAX = 1_000_000
/** A member silent for this long may come back with another directory and a clock that was set back. */
export const REBIRTH_SILENCE_MS = 15_000
/** A checkpoint leaves this soon after a change, and not oftener than this. */
export const CHECKPOINT_DELAY_MS = 4
export const CHECKPOINT_SPACING_MS = 15
/** A peer that stays ahead of us this long is asked: gossip had its time to bring the entries. */
export const BEHIND_GRACE_MS = 150
/** After a failed exchange: first and longest pause, and how it grows. */
export const RETRY_FIRST_MS = 200
export const RETRY_MAX_MS = 2000
export const RETRY_FACTOR = 1.6
/** Exchanges in a row without fruit after which a live P2P peer is no longer left to P2P alone. */
export const FRUITLESS_MAX = 3
/** P2P that has not started after this long no longer holds HTTP back. */
export const P2P_START_GRACE_MS = 1000
/** HTTP with a peer counts as alive for this many heartbeats (or polls, without notices) after its last sign. */
export const HTTP_FRESH_INTERVALS = 2.5
/** Entries that can be taken back one by one; beyond them the oldest are folded, and half are kept. */
export const OPEN_MAX = 8192
/** So many times more while a peer holds what we lack: it may belong before much of what came meanwhile. */
export const OPEN_BEHIND_FACTOR = 8
/** A snapshot of the state is kept after so many more entries were folded, or as many as half the accounts. */
export const SNAPSHOT_ENTRIES = 8192
/** Entries that may come in while the state is made anew; beyond them it is begun again. */
export const LATE_MAX = 100_000
/** Newest entries of each log that are asked for again where a peer differs, at first; and how that grows. */
export const FORK_WINDOW_FIRST = 256
export const FORK_WINDOW_FACTOR = 8
/** Entries of which we remember what brought them. */
export const ARRIVALS_MAX = 10_000
/** Callers that wait for a receipt at once. */
export const WAITERS_MAX = 10_000
