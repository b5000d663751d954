import { OperatorError } from '../ops/errors.ts'
import type { App } from './command.ts'
import { UsageError } from './failure.ts'

/**
 * Refuses, before anything is done, a command that has to be agreed to where nobody can be asked.
 *
 * @throws UsageError
 */
export function requireAnswerer({ options, screen }: App): void {
  if (options.yes || options.dryRun || screen.canAsk) return
  throw new UsageError(
    `${options.command} has to be agreed to, and nobody can be asked here`,
    'add --yes to agree, or --dry-run to only look',
    'needs-yes',
  )
}

/** Goes on when the operator agrees, as `--yes` does. @throws OperatorError for a no */
export async function requireConsent(app: App, question: string): Promise<void> {
  const { options, screen, signal } = app
  requireAnswerer(app)
  if (options.yes || (await screen.confirm(question, signal))) return
  throw new OperatorError('declined', 'not agreed to; no node was touched')
}
