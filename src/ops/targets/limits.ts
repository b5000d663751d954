/** Files that a node's settings may have, and the bytes of one. */
export const SETTINGS_FILES_MAX = 32
export const SETTINGS_FILE_BYTES_MAX = 256 * 1024
/** Milliseconds that a host's clock may be off ours when a node is to start there: half of what others bear. */
export const CLOCK_APART_MS_MAX = 30_000
/** Milliseconds for which what a host said of its clock is taken for true. */
export const CLOCK_READING_MS_MAX = 30_000
