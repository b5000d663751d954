import type { Failure } from '../failure.ts'
import type { Paint } from './paint.ts'

/** What happened, and what to do next. */
export function formatFailure({ message, hint }: Failure, paint: Paint): string {
  const said = `${paint.bad('✘')} ${message}`
  return hint === null ? said : `${said}\n${paint.faint('→')} ${hint}`
}
