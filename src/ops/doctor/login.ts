import { OperatorError } from '../errors.ts'
import { SshError, type Step } from '../ssh/errors.ts'
import type { Login, LoginStep } from './evidence.ts'

const steps: Record<Step, LoginStep> = {
  dial: 'route',
  forward: 'route',
  handshake: 'ssh',
  'host-key': 'host-key',
  login: 'authentication',
  command: 'authentication',
}

/** Where a login ended, by what it threw. @throws what is no failure to log in */
export function failedLogin(error: unknown): Login {
  if (!(error instanceof OperatorError)) throw error
  const { message, hint = null } = error
  const isDialled = error instanceof SshError
  // What fails before is a file of this machine: the ssh configuration, a key.
  return { kind: 'failed', at: isDialled ? stepOf(error) : 'ssh', isDialled, message, hint }
}

/** A step counts as done only when the host itself, not one on the way to it, was beyond it. */
function stepOf(error: SshError): LoginStep {
  if (error.hop < error.hops) return 'route'
  return error.code === 'host-not-found' ? 'dns' : steps[error.step]
}
