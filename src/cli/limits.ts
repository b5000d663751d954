/** What connecting to the hosts gets before the code of a command is loaded. */
export const HEAD_START_MS = 500
/** How long a node that was switched must be well before it counts as proven, and how long it may take. */
export const GATE_STABLE_MS = 1000
export const GATE_DEADLINE_MS = 30_000
/** Pause between two questions to a node that is coming up. */
export const REPORT_POLL_MS = 250
/** What `submit` waits for the level that it was asked for. */
export const SUBMIT_WAIT_MS = 5000
/** For a node to say that it accepts intents. */
export const READY_MS_MAX = 3000
