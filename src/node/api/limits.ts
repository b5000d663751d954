/** Bounds of this room's own; what crosses the wire is bounded in wire/limits.ts. */
export interface ApiLimits {
  /** Room for all who waited while one process gave way to the next: what is over is closed unanswered. */
  connectionsMax: number
  headerBytesMax: number
  /** From the first byte to the end of the headers, and to the end of the body. Answers may last longer. */
  headersTimeoutMs: number
  requestTimeoutMs: number
  timeoutCheckMs: number
  /** Longer than proxies keep an idle connection to us (nginx: 60 s), so that they never write into a closed one. */
  keepAliveTimeoutMs: number
  /** How long an answer may stand still: longer than any wait, or a reader that stopped would hold it for ever. */
  answerStallMs: number
  /** How long a node that gives way goes on accepting, so that who kept a connection hears of it. */
  drainMs: number
  /** What it then leaves a new connection to ask something; an answer and a lost packet fit in. */
  firstRequestMs: number
  /** What `close` waits for answers under way before it cuts them. */
  closeTimeoutMs: number

  changesSubscribersMax: number
  changesPerCallerMax: number
  /** How long a stranger's subscription lasts; its client opens it again. */
  changesMs: number
  changesCommentMs: number
  /** How long a subscriber may leave what it was sent unread. */
  changesStallMs: number
  /** The largest frame of new entries that is sent along; more than that is asked for. */
  changesPushBytesMax: number

  syncAnswersMax: number
  syncPerCallerMax: number
  syncStallMs: number
  /** A whole answer: longer than any of our programs waits for one. */
  syncMs: number

  waitersMax: number
  waitsPerCallerMax: number
  waitDefaultMs: number

  importsMax: number
  /** A store that is begun anew, every signature checked: longer than our program waits for it. */
  repairMs: number

  probesMax: number
  probeTimeoutMs: number

  /** Age up to which a check of the store is answered again instead of run again. */
  integrityReuseMs: number

  tokenFailuresMax: number
  tokenFailureWindowMs: number
  tokenAddressesMax: number
}

/** New connections that wait to be accepted; the kernel's somaxconn is a bound, too. */
export const ACCEPT_QUEUE_MAX = 4096

export const apiLimits: ApiLimits = {
  connectionsMax: ACCEPT_QUEUE_MAX + 1024,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 15_000,
  timeoutCheckMs: 1_000,
  keepAliveTimeoutMs: 75_000,
  answerStallMs: 60_000,
  drainMs: 1_500,
  firstRequestMs: 1_000,
  closeTimeoutMs: 2_000,
  changesSubscribersMax: 128,
  changesPerCallerMax: 16,
  changesMs: 600_000,
  changesCommentMs: 15_000,
  changesStallMs: 15_000,
  changesPushBytesMax: 16 * 1024,
  syncAnswersMax: 32,
  syncPerCallerMax: 8,
  syncStallMs: 15_000,
  syncMs: 150_000,
  waitersMax: 256,
  waitsPerCallerMax: 128,
  waitDefaultMs: 5_000,
  importsMax: 2,
  repairMs: 660_000,
  probesMax: 8,
  probeTimeoutMs: 10_000,
  integrityReuseMs: 1_000,
  tokenFailuresMax: 10,
  tokenFailureWindowMs: 60_000,
  tokenAddressesMax: 10_000,
}

/** How often a node that gives way looks at what is still open. */
export const CONNECTIONS_LOOK_MS = 10
/** Of places that anybody may take, the part that is kept for members and operators. */
export const RESERVED_SHARE = 1 / 4
/** Signed calls that are remembered, so that none counts twice. */
export const CALLS_REMEMBERED_MAX = 100_000
export const TOKEN_CHARS_MAX = 256
export const EVENTS_DEFAULT = 100
export const HISTORY_DEFAULT = 50
export const PAGE_FILES_MAX = 200
export const PAGE_BYTES_MAX = 10 * 1024 * 1024
/** Label sets of one metric: a reason that varies must not grow the scrape without end. */
export const METRIC_SERIES_MAX = 200
