import { OperatorError, type ExitName } from '../ops/errors.ts'
import { InventoryError, type Problem } from '../ops/inventory/problems.ts'

/** An error as it is told to the operator. */
export interface Failure {
  exit: ExitName
  code: string
  message: string
  hint: string | null
  /** The problems of a nodes.yaml, for programs; `message` has them in words. */
  problems?: readonly Problem[]
  /** Only of an error that nobody foresaw. */
  stack?: string
}

/** A command line that cannot be meant as it stands. */
export class UsageError extends OperatorError {
  override readonly name = 'UsageError'

  constructor(message: string, hint: string, code = 'usage') {
    super(code, message, { exit: 'usage', hint })
  }
}

/** The operator ended the command: a signal, or no to a question. */
export class InterruptedError extends OperatorError {
  override readonly name = 'InterruptedError'

  constructor(by: string) {
    super('interrupted', `interrupted by ${by}`, {
      exit: 'interrupted',
      hint: 'see where things are with "aethel-lattice status" and "aethel-lattice plan"',
    })
  }
}

/** The reader of stdout went away, as `head` does when it has enough. */
export class OutputClosedError extends OperatorError {
  override readonly name = 'OutputClosedError'

  constructor() {
    super('output-closed', 'nobody reads the output any more', { exit: 'done' })
  }
}

/** Variable that shows where an unforeseen error came from. */
export const DEBUG_VARIABLE = 'AETHEL_LATTICE_DEBUG'

/** What the file system says no with, in words. */
const refusals: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left',
  ENOTDIR: 'a part of its path is not a folder',
}

const unforeseenHint = `this is a defect of aethel-lattice: please report it to whom you have it from, with the output of the same command under ${DEBUG_VARIABLE}=1`

export function failureOf(error: unknown): Failure {
  if (error instanceof OperatorError) {
    const { exit, code, message } = error
    const failure = { exit, code, message, hint: error.hint ?? null }
    return error instanceof InventoryError ? { ...failure, problems: error.problems } : failure
  }
  const refusal = refusalOf(error)
  if (refusal !== null) return refusal
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return {
    exit: 'failed',
    code: 'unforeseen',
    message: `unforeseen error: ${message}`,
    hint: unforeseenHint,
    ...(stack === undefined ? {} : { stack }),
  }
}

/** A file, or the output, that cannot be used; null for any other error. */
function refusalOf(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null
  const { code = '', path, syscall }: NodeJS.ErrnoException = error
  const why = refusals[code]
  // Streams write without a path; what else has none is no file.
  if (why === undefined || (path === undefined && syscall !== 'write')) return null
  return {
    exit: 'failed',
    code: code.toLowerCase(),
    message: `${path ?? 'the output'} cannot be used: ${why}`,
    hint:
      path === undefined
        ? 'make room, or send the output elsewhere'
        : 'mend the folder or its permissions, or work where files can be written, then try again',
  }
}

/** The document that `--json` gives instead of a result. */
export const failureDocument = ({ code, message, hint, problems }: Failure): object => ({
  error: { code, message, hint, ...(problems === undefined ? {} : { problems }) },
})
