/** Bytes of one JSON frame: a node's settings at their largest, twice over for their escapes. */
export const JSON_BYTES_MAX = 20 * 1024 * 1024
/** Bytes of one frame of a stream, and of a chunk as it is sent. */
export const CHUNK_BYTES_MAX = 256 * 1024
export const CHUNK_BYTES = 64 * 1024
/** Both sides say this often that they live, and give the other up after this long a silence. */
export const BEAT_MS = 5_000
export const SILENCE_MS = 15_000
/** Requests that one session has under way. */
export const REQUESTS_MAX = 64
/** Bytes of streams that wait for an act to read them; then the channel is read no further. */
export const UNREAD_BYTES_MAX = 4 * 1024 * 1024
/** Events that wait for the caller to read them; one that is slower loses its stream. */
export const EVENTS_WAITING_MAX = 4096
/** Bytes of what a host's shell may say before our first word: greetings of careless profiles. */
export const NOISE_BYTES_MAX = 64 * 1024
/** From opening the channel to the first word of the script. */
export const ENTER_MS = 30_000
/** What the host's program for users, a unit's start or its end may take. */
export const COMMAND_MS = 30_000
export const SERVICE_MS = 60_000
/** Bytes of what such a program may say. */
export const COMMAND_BYTES_MAX = 1024 * 1024
/** After SIGKILL a process is gone as soon as the kernel gets to it. */
export const KILL_MS = 5_000
/** After that, what was seen of units before their node was switched is looked at again. */
export const LOOKED_MS_MAX = 500
/** Lines of a log that are sent at once, and that one request may ask for. */
export const LOG_BATCH_LINES = 256
export const LOG_LINES_MAX = 10_000
/** Times that an act is tried when the connection is lost in it. */
export const ACT_TRIES = 3
export const RECONNECT_MS = 1_000
/** From the last byte of Node.js sent until it is unpacked on the host's disk. */
export const INSTALL_MS = 120_000
/** What the host's packages may take to be brought and installed. */
export const PACKAGE_MS = 300_000
/** What npm may take to bring a package. */
export const PACK_MS = 300_000
/** Times that a person is asked for a sudo password. */
export const SUDO_TRIES = 3
/** What looking at, or writing, the record of a phase may take, the way into the host included. */
export const RECORD_MS = 60_000
