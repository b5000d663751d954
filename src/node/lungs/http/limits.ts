/** Times and sizes of the HTTP lung. */

/** The longest silence within an exchange, connecting included. */
export const SILENCE_MS_MAX = 8000
/** Change notices: a stream that stays silent this long is dead (the node writes a comment every 15 s). */
export const NOTICE_SILENCE_MS_MAX = 35_000
export const NOTICE_RETRY_FIRST_MS = 100
export const NOTICE_RETRY_MAX_MS = 2000
/** Characters of one buffered line of a stream of notices. */
export const NOTICE_LINE_CHARS_MAX = 512 * 1024
/** A fresh dial and one answer. */
export const PROBE_MS_MAX = 2500
/** Of an answer that is not what was asked for, this much is read. */
export const REFUSAL_BYTES_MAX = 4096
