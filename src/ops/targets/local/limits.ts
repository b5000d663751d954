/** Wait before an exited node is started again: the first, and the longest after doubling. */
export const RESTART_DELAY_MS = 1_000
export const RESTART_DELAY_MS_MAX = 30_000
/** A node that ran this long has proven itself: the next exit waits the first delay again. */
export const STEADY_MS = 60_000
/** Exits in a row, none after a steady run, from which on a node counts as failing. */
export const FAILING_EXITS = 3
/** What a node has to end by itself after SIGTERM. */
export const STOP_MS = 10_000
/** What its supervisor has on top of that. */
export const SUPERVISOR_STOP_MS = STOP_MS + 3_000
/** After SIGKILL a process is gone as soon as the kernel gets to it. */
export const KILL_MS = 5_000
/** From starting the supervisor until it has started the node. */
export const START_MS = 10_000
/** What a kept Node.js has to tell its version. */
export const RUNTIME_TRY_MS = 10_000
export const POLL_MS = 20
export const FOLLOW_POLL_MS = 200

/** How often a supervisor looks after its log and its state file. */
export const CHORES_MS = 5_000
/** A log over this is moved aside; one older part is kept. */
export const LOG_BYTES_MAX = 8 * 1024 * 1024
/** What `logs` reads of the end of a part, and how many lines it gives. */
export const LOG_TAIL_BYTES_MAX = 4 * 1024 * 1024
export const LOG_LINES_MAX = 10_000

/** The exit code by which a node says that its settings are wrong: starting it again cannot help. */
export const BAD_SETTINGS_EXIT = 78
