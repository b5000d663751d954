import { OperatorError } from '../errors.ts'

/** A plan that does not fit any more. */
export class PlanStaleError extends OperatorError {
  override readonly name = 'PlanStaleError'

  constructor(digest: string, moved: readonly string[]) {
    const what = moved.length === 0 ? 'what is wanted' : moved.join(', ')
    super('plan-stale', `${what} changed since plan ${digest} was made; nothing was done`, {
      hint: 'run "aethel-lattice plan" again',
    })
  }
}

/** The journal cannot be read or written. Without it no further step is made. */
export class JournalError extends OperatorError {
  override readonly name = 'JournalError'
}

/** What a run that was cut short left behind cannot be reverted. */
export class RecoveryError extends OperatorError {
  override readonly name = 'RecoveryError'
}
