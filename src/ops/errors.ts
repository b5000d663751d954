/**
 * The exit codes of the CLI, and the errors that lead to them. The room `ops` owns what an operation
 * is: it reads nodes.yaml, observes nodes, plans, applies, verifies. It must not print, ask or exit
 * (that is the CLI's), nor import the node (it knows it as a built artifact).
 */
export const exitCodes = {
  done: 0,
  failed: 1,
  unknown: 2,
  split: 3,
  usage: 64,
  badInput: 65,
  unreachable: 69,
  locked: 75,
  interrupted: 130,
} as const
export type ExitName = keyof typeof exitCodes

/** Something that the operator can mend: what happened, where, and what to do next. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError'
  /** For programs; nobody branches on messages. */
  readonly code: string
  readonly exit: ExitName
  readonly hint: string | undefined

  constructor(
    code: string,
    message: string,
    details: { exit?: ExitName; hint?: string; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? {} : { cause: details.cause })
    this.code = code
    this.exit = details.exit ?? 'failed'
    this.hint = details.hint
  }
}
