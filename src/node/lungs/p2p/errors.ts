import { START_TIMEOUT_MS } from './limits.ts'

/** Why the lung did not start. `hint` says what an operator can do. */
export class P2pStartError extends Error {
  override readonly name = 'P2pStartError'
  readonly code: P2pStartErrorCode
  readonly hint: string

  constructor(code: P2pStartErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}

export type P2pStartErrorCode =
  | 'bad-key'
  | 'bad-peer'
  | 'bad-multiaddr'
  | 'address-in-use'
  | 'listen-failed'
  | 'start-timeout'
  | 'start-failed'

/** `listenError`: what a listener reported; `error`: what libp2p made of it, or why it was too late. */
export function startErrorOf(listenError: Error | undefined, error: unknown): P2pStartError {
  if (error instanceof P2pStartError) return error
  if (listenError !== undefined) {
    const isTaken = 'code' in listenError && listenError.code === 'EADDRINUSE'
    return new P2pStartError(
      isTaken ? 'address-in-use' : 'listen-failed',
      `cannot listen: ${reasonOf(listenError)}`,
      isTaken
        ? 'another process has the port; stop it or change AETHEL_P2P_LISTEN'
        : 'name an address of this machine and a port that the user may open, in AETHEL_P2P_LISTEN',
      { cause: listenError },
    )
  }
  const isLate = error instanceof DOMException && error.name === 'TimeoutError'
  return new P2pStartError(
    isLate ? 'start-timeout' : 'start-failed',
    isLate
      ? `not listening after ${START_TIMEOUT_MS} ms`
      : `libp2p did not start: ${reasonOf(error)}`,
    'the log of libp2p (DEBUG=libp2p:*) tells more; the node goes on over HTTP',
    { cause: error },
  )
}

/** Why a sync exchange broke. What was received until then is sound as far as it goes. */
export class P2pSyncError extends Error {
  override readonly name = 'P2pSyncError'
  readonly code: P2pSyncErrorCode

  constructor(code: P2pSyncErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export type P2pSyncErrorCode = 'not-started' | 'not-connected' | 'request-too-large' | 'broken'

/** An error of a library as one short line, for logs and probe results. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map(reasonOf).join('; ')
  }
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.split('\n', 1)[0] ?? ''
}
