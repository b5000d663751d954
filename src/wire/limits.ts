/**
 * Every bound on what crosses the wire, named once. Both ends hold to them: a sender never
 * exceeds one, a receiver refuses what does.
 */

/** Bytes of one encoded entry, without its signature. */
export const ENTRY_BYTES_MAX = 1024
/** Entries in one gossip message or one sync frame. */
export const ENTRIES_PER_FRAME_MAX = 256
/** Proofs of ends of logs in one frame. */
export const SEALS_PER_FRAME_MAX = 64
/** Bytes of one frame of a sync answer; also the largest gossip message. */
export const FRAME_BYTES_MAX = 512 * 1024
/** Bytes of a sync request: a frontier and a checkpoint. */
export const SYNC_REQUEST_BYTES_MAX = 256 * 1024
/** Entries that one sync answer carries, give or take a frame; the next exchange goes on from there. */
export const SYNC_ENTRIES_MAX = 200_000
/** Authors (a node key with one incarnation) that a frontier may name. */
export const AUTHORS_MAX = 1024
/** Members of a lattice. */
export const MEMBERS_MAX = 32
/** Bytes of any JSON request body, after inflation. */
export const JSON_BODY_BYTES_MAX = 64 * 1024
/** The same where a frontier is in it: `AUTHORS_MAX` authors with their sizes. */
export const FRONTIER_BODY_BYTES_MAX = 128 * 1024
/** Bytes of any JSON answer that the CLI or a peer will read. */
export const JSON_ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** Characters of the text of an intent, and intents in one submission. */
export const INTENT_CHARS_MAX = 4096
export const INTENTS_PER_SUBMISSION_MAX = 64
/** Characters of an account's name and of a canary's note. */
export const ACCOUNT_CHARS_MAX = 64
export const NOTE_CHARS_MAX = 64
/** Minor units that one intent may move. */
export const AMOUNT_MAX = 1_000_000_000_000_000
/** Minor units that one account may hold: the largest integer that every JSON reader keeps exact. */
export const BALANCE_MAX = Number.MAX_SAFE_INTEGER
/** Accounts that one answer lists. */
export const ACCOUNTS_PER_ANSWER_MAX = 10_000
/** Entries that one JSON answer lists. */
export const ENTRIES_PER_ANSWER_MAX = 256
/** Milliseconds that a member's signed call may be old, or ahead of the clock of who is asked. */
export const CALLER_AGE_MS_MAX = 60_000
/** Milliseconds that a caller may ask a node to wait for a receipt. */
export const WAIT_MS_MAX = 30_000
/** Milliseconds that a fault injected by a drill may last, whatever was asked. */
export const FAULT_MS_MAX = 300_000
/** Milliseconds that a manual mode may last before it reverts. */
export const MODE_REVERT_MS_MAX = 24 * 3_600_000
/** Events that one answer lists. */
export const EVENTS_PER_ANSWER_MAX = 1000
/** Things made of keys, authors and tags that a process remembers of each kind. */
export const REMEMBERED_MAX = 4096
