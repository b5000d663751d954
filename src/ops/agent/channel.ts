import { OperatorError } from '../errors.ts'

/** Bytes to and from a program on a host. Over SSH in earnest; tests bring their own. */
export interface HostChannel {
  /** `user@host:port`, for messages. */
  readonly description: string
  /** What the program says. Ends, or fails, when the program or the way to it ended. */
  readonly output: AsyncIterable<Uint8Array>
  /** Resolves when more may be written. What is written after the end is lost. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends the program's input and lets go of it. Idempotent. */
  close(): void
}

/** The way to the agent ended. What it was asked for may be done, half done or not done at all. */
export class ChannelLostError extends OperatorError {
  override readonly name = 'ChannelLostError'

  constructor(description: string, why: string, cause?: unknown) {
    super('connection-lost', `${description}: the connection is lost (${why})`, {
      exit: 'unreachable',
      hint: 'whether the last act was done is not known; "aethel-lattice status" looks again',
      cause,
    })
  }
}
