import { OperatorError } from '../errors.ts'

/** The drill did not begin, and nothing was broken. */
export class DrillRefusedError extends OperatorError {
  override readonly name = 'DrillRefusedError'
}

/** A question was not answered in the drill's own time. */
export class TimeLimitError extends OperatorError {
  override readonly name = 'TimeLimitError'

  constructor(limitMs: number) {
    super('timeout', `no answer within ${limitMs} ms`, { exit: 'unreachable' })
  }
}
