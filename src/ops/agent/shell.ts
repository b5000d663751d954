import { OperatorError } from '../errors.ts'

/** Runs commands on a host as the user who logs in. SSH in earnest; tests run a shell of this machine. */
export interface HostShell {
  /** `user@host:port`. */
  readonly description: string
  /** Resolves when the command was started. @throws OperatorError; the reason of `signal` */
  exec(
    command: readonly string[],
    options: { stdin: AsyncIterable<Uint8Array>; signal: AbortSignal },
  ): Promise<HostCommand>
}

export interface HostCommand {
  readonly stdout: AsyncIterable<Uint8Array>
  /** Settles once the command is over and `stdout` was read. */
  readonly ended: Promise<{ outcome: CommandOutcome; stderr: string }>
}

/** `lost`: the connection ended first; what became of the command is not known. */
export type CommandOutcome =
  | { kind: 'exited'; code: number }
  | { kind: 'killed'; signal: string }
  | { kind: 'lost' }

/** A host that cannot be made to run the agent. */
export class EnterError extends OperatorError {
  override readonly name = 'EnterError'
}
