/** Milliseconds for a repaired node to fetch everything from the others, and between two looks. */
export const REFILL_MS_MAX = 600_000
export const REFILL_POLL_MS = 500
/** Milliseconds for the end of a log to reach every node, and between two looks. */
export const SEAL_MS_MAX = 15_000
export const SEAL_POLL_MS = 250
