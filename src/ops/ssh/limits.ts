/** Every bound of this room, named once. */

/** Hosts of one chain, the last one included. */
export const HOPS_MAX = 8
/** Milliseconds to a connection, and again from there to a verified key; ConnectTimeout may say less or more. */
export const DIAL_MS = 10_000
export const DIAL_MS_MAX = 120_000
/** Milliseconds for one step of logging in. A person who is asked may take longer. */
export const LOGIN_MS_MAX = 30_000
/** A silent connection is asked for a sign of life this often, and given up after so many silences. */
export const KEEPALIVE_MS = 15_000
export const KEEPALIVE_MS_MAX = 60_000
export const KEEPALIVE_COUNT = 3
export const KEEPALIVE_COUNT_MAX = 10
/** Milliseconds for a connection to end in peace before it is cut. */
export const CLOSE_MS_MAX = 2000
/** Commands at once on one connection. Servers allow 10 unless they are told otherwise. */
export const CHANNELS_MAX = 8
/** Commands that wait for a place. */
export const CHANNELS_WAITING_MAX = 1024
/** Times that a command alone on its connection is refused a channel before that is the answer. */
export const CHANNEL_TRIES_MAX = 4
/** Milliseconds before such a next try: the server may not be done with the command before. */
export const CHANNEL_RETRY_MS = 250
/** Bytes of a command: Linux takes no longer single argument than 128 KiB, and the shell gets it as one. */
export const COMMAND_BYTES_MAX = 96 * 1024
/** Bytes of what a command says that are collected, unless the caller says otherwise. */
export const STDOUT_BYTES_MAX = 16 * 1024 * 1024
/** Bytes kept of the end of what a command complains of. */
export const STDERR_BYTES_MAX = 64 * 1024
/** Bytes of one file of known hosts, of one file of configuration, of one private key. */
export const KNOWN_HOSTS_BYTES_MAX = 4 * 1024 * 1024
export const CONFIG_BYTES_MAX = 1024 * 1024
export const KEY_BYTES_MAX = 64 * 1024
/** Files of configuration in all, and how deep one may include another. */
export const CONFIG_FILES_MAX = 256
export const CONFIG_DEPTH_MAX = 16
/** Tries at a passphrase, a password, or a round of questions. */
export const PROMPTS_MAX = 3
/** Milliseconds for an agent to list its keys. */
export const AGENT_MS_MAX = 5000
/** Characters of a server's own words that an error repeats. */
export const SERVER_WORDS_MAX = 300
