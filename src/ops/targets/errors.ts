import { OperatorError } from '../errors.ts'

/** A command whose lock was taken over tried to change a node. */
export class FencedError extends OperatorError {
  override readonly name = 'FencedError'

  constructor(node: string, token: number, newest: number) {
    super('fenced', `${node}: lock ${token} is over; lock ${newest} has been here since`, {
      exit: 'locked',
      hint: 'another command works on this lattice now; wait for it and start again',
    })
  }
}

/** Something on a node's side failed in a way that an operator can look into. */
export class TargetError extends OperatorError {
  override readonly name = 'TargetError'
}
