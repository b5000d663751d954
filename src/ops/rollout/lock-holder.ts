import { OperatorError } from '../errors.ts'

export interface LockHolder {
  /** user@host. */
  owner: string
  pid: number
  command: string
  token: number
  ageMs: number
  /** Since its last sign of life. */
  silentMs: number
  /** It is gone, or silent for too long: the next command takes over. */
  isStale: boolean
}

/** Another command works on this lattice. */
export class LockedError extends OperatorError {
  override readonly name = 'LockedError'
  readonly holder: LockHolder

  constructor(holder: LockHolder) {
    const { owner, pid, command, ageMs } = holder
    const age = Math.round(ageMs / 1000)
    super('locked', `${owner} (process ${pid}) is at "${command}" since ${age} s`, {
      exit: 'locked',
      hint: 'wait for it; if it is gone for good, run "aethel-lattice unlock"',
    })
    this.holder = holder
  }
}

/** Our lock was taken over or removed while we worked. Whoever has it now finishes or reverts. */
export class LockLostError extends OperatorError {
  override readonly name = 'LockLostError'

  constructor(cause?: unknown) {
    super('lock-lost', 'the lock was taken over while this command worked', {
      exit: 'locked',
      hint: 'see "aethel-lattice status"; the command that has the lock now decides what becomes of it',
      cause,
    })
  }
}
