/** Every bound of this room, named once. */

/** Times that a host is asked for its clock; the answer with the shortest round trip counts. */
export const CLOCK_SAMPLES = 4
/** Milliseconds that a host's clock may be off the operator's. */
export const CLOCK_OFFSET_MS_MAX = 500
/** Milliseconds for all that one host is asked. */
export const HOST_MS_MAX = 30_000
/** Bytes of all that one host says, and characters of one line of it that are read. */
export const FACTS_BYTES_MAX = 256 * 1024
export const LINE_CHARS_MAX = 1024
/** Milliseconds to look a name up. */
export const LOOKUP_MS_MAX = 5000
/** Milliseconds to a TLS connection. */
export const TLS_MS_MAX = 6000
/** Milliseconds for a local program to say who listens. */
export const LISTENERS_MS_MAX = 5000

/** The oldest systemd whose units are the ones that nodes run under: Debian 12's. */
export const SYSTEMD_MIN = 252
/** The oldest C library that the pinned Node.js runs with. */
export const GLIBC_MIN: readonly [major: number, minor: number] = [2, 28]

/** Free bytes below which a deploy cannot be expected to fit: Node.js and a few releases. */
export const DISK_BYTES_MIN = 512 * 1024 * 1024
/** Free bytes below which the ledger soon has no room to grow. */
export const DISK_BYTES_EASY = 1024 * 1024 * 1024
/** Files that a deploy may have to make, and an easy number of them. */
export const INODES_MIN = 2000
export const INODES_EASY = 20_000
/** Memory that a node needs to start, and what it is easy with. */
export const MEMORY_BYTES_MIN = 192 * 1024 * 1024
export const MEMORY_BYTES_EASY = 512 * 1024 * 1024

/** Days that a certificate is still valid: below the first it is a failure, below the second a warning. */
export const CERTIFICATE_DAYS_MIN = 3
export const CERTIFICATE_DAYS_EASY = 21
/** The same as parts of its whole life, for certificates that never live much longer than that. */
export const CERTIFICATE_PART_MIN = 1 / 10
export const CERTIFICATE_PART_EASY = 1 / 4
/** Days of a whole life below which those parts count. */
export const CERTIFICATE_SHORT_DAYS = 63
