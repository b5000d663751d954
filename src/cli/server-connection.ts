import { dirname } from 'node:path'
import type { Inventory, ServerSpec } from '../ops/inventory/inventory.ts'
import { formatReference, resolveSecret } from '../ops/inventory/secrets.ts'
import { statePath } from '../ops/inventory/state.ts'
import type { Identity, Prompt } from '../ops/ssh/authentication.ts'
import { connect } from '../ops/ssh/connection.ts'
import type { SshSession } from '../ops/ssh/session.ts'
import { resolveTarget } from '../ops/ssh/target.ts'
import type { App } from './command.ts'
import type { Screen } from './output/screen.ts'

/**
 * Logs in at a server of nodes.yaml, as that file and the operator's ssh configuration say.
 *
 * @throws as `connect` of the room `ssh`; OperatorError for a key that cannot be had
 */
export async function connectTo(
  { screen }: App,
  inventory: Inventory,
  { name, ssh }: ServerSpec,
  signal: AbortSignal,
): Promise<SshSession> {
  const identity = await identityOf(inventory, ssh, signal)
  const target = await resolveTarget({ ...ssh, name, identity }, knownHostsFile(inventory))
  const prompt = promptOf(screen)
  return connect(target, { signal, ...(prompt === null ? {} : { prompt }) })
}

/** Asks on `screen`; null where nobody can be asked. */
export const promptOf = (screen: Screen): Prompt | null =>
  screen.canAsk ? async (question, signal) => screen.answer(question, signal) : null

/** Host keys that the operator has said are right, for this project. */
export const knownHostsFile = (inventory: Inventory): string => statePath(inventory, 'known_hosts')

async function identityOf(
  inventory: Inventory,
  { identity }: ServerSpec['ssh'],
  signal: AbortSignal,
): Promise<Identity | null> {
  if (identity === null) return null
  const text = await resolveSecret(identity, dirname(inventory.path), signal)
  return { label: formatReference(identity), text }
}
