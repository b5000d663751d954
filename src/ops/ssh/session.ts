import type { Readable } from 'node:stream'
import { STDOUT_BYTES_MAX } from './limits.ts'
import { ConnectionLostError, OutputLimitError } from './errors.ts'

/** What others see of a host that they are connected to; tests fake it. */
export interface SshSession {
  /** `user@host:port`, with the hops before it: for messages. */
  readonly description: string
  /** The address that was dialled; null behind a hop, which alone knows it. */
  readonly remoteAddress: string | null

  /**
   * Runs a command: static text for the host's shell, or arguments, which no shell reads.
   * Resolves when the server has started it. One connection runs a few at once; others wait.
   *
   * @throws ConnectionLostError: it may have been started all the same, and is as unknown as an outcome
   *   `lost`. ChannelRefusedError: it was not started. The reason of `signal`
   */
  exec(command: string | readonly string[], options: ExecOptions): Promise<RemoteCommand>

  /** Ends the connection and those of its hops. What still runs ends as `lost`. Idempotent. */
  close(): Promise<void>
}

export interface ExecOptions {
  /**
   * Lets go of the command: its input ends, and nobody listens any more. It may run on for all that is
   * known, as SSH has no dependable way to end one (sshd passes no signals on for root).
   */
  signal: AbortSignal
  /**
   * What the command reads; without it, nothing. When a stream fails, the command is let go of: it sees
   * the end of its input and cannot tell that it is not whole, so it must know its length or hash.
   */
  stdin?: string | Uint8Array | AsyncIterable<Uint8Array>
}

/** A command that was started. */
export interface RemoteCommand {
  /**
   * What it says. It must be read (or `resume()`d): unread, it holds the command up. Fails with
   * `ConnectionLostError` when the connection ends before the command is known to be over.
   */
  readonly stdout: Readable
  /**
   * Settles once the command is over and `stdout` was read. Rejects with the signal's reason, or with
   * what `stdin` failed with.
   */
  readonly ended: Promise<CommandEnd>
}

export interface CommandEnd {
  outcome: CommandOutcome
  /** The last `STDERR_BYTES_MAX` bytes of what it complained of. */
  stderr: string
}

/**
 * `lost`: the connection ended first. The command may have done all, some or nothing, and may still
 * run: UNKNOWN, never success. Observe before trying again.
 */
export type CommandOutcome =
  | { kind: 'exited'; code: number }
  | { kind: 'killed'; signal: string }
  | { kind: 'lost' }

/** A command that is over, with all it said. */
export interface FinishedCommand extends CommandEnd {
  stdout: Buffer
}

/**
 * Runs a command and collects what it says.
 *
 * @throws OutputLimitError when it says more than `stdoutBytesMax`; as `SshSession.exec`. An outcome
 *   `lost` is returned, with what had arrived.
 */
export async function run(
  session: SshSession,
  command: string | readonly string[],
  options: ExecOptions & { stdoutBytesMax?: number },
): Promise<FinishedCommand> {
  const { stdoutBytesMax = STDOUT_BYTES_MAX, ...given } = options
  const tooMuch = new AbortController()
  const signal = AbortSignal.any([given.signal, tooMuch.signal])
  const { stdout, ended } = await session.exec(command, { ...given, signal })
  const chunks: Buffer[] = []
  let bytes = 0
  const reading = (async () => {
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > stdoutBytesMax) {
        tooMuch.abort(new OutputLimitError(session.description, stdoutBytesMax))
        return
      }
      chunks.push(chunk)
    }
  })()
  const [end, read] = await Promise.allSettled([ended, reading])
  if (end.status === 'rejected') throw end.reason
  if (read.status === 'rejected' && !(read.reason instanceof ConnectionLostError)) throw read.reason
  return { ...end.value, stdout: Buffer.concat(chunks) }
}
