/** How often the holder of a lock says that it lives, and how long its silence is taken for life. */
export const HEARTBEAT_MS = 4_000
export const LOCK_EXPIRY_MS = 15_000
/** Times that a command competes for a free lock before it says that it is taken. */
export const LOCK_TRIES = 10
/** A journal over this is put aside before a new run begins; the one before that goes. */
export const JOURNAL_BYTES_MAX = 1024 * 1024
/** Lines of a failed node's log that go into the report, and how long fetching them may take. */
export const LOG_TAIL_LINES = 20
export const LOG_TAIL_MS = 3_000
/** How old, in milliseconds, an observation under the lock may be that a run begins with. */
export const OBSERVATION_MS_MAX = 3_000
/** Runs of a journal that are looked at: the last one, and the ones before it until one that deployed. */
export const RUNS_LOOKED_AT = 20
