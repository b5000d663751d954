import { certificatesIn } from '../wire/certificates.ts'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { clientsOf, closeClients, type NodeClient } from '../ops/client/node-client.ts'
import { desiredLattice, tokenHashOf, type DesiredLattice } from '../ops/desired/lattice.ts'
import { OperatorError } from '../ops/errors.ts'
import { readAuthorities } from '../ops/inventory/certificates.ts'
import { readIdentities, readOperatorToken, type Identity } from '../ops/inventory/identities.ts'
import { nodesOf, type Inventory } from '../ops/inventory/inventory.ts'
import { readInventory } from '../ops/inventory/read.ts'
import type { App } from './command.ts'
import { UsageError } from './failure.ts'
import { formatHeader } from './output/header.ts'

/** The lattice that a command is about, with the means to ask its nodes. */
export interface Lattice {
  inventory: Inventory
  desired: DesiredLattice
  /** By node name. */
  identities: ReadonlyMap<string, Identity>
  /** The operator's bearer token; null when there is none yet. A secret. */
  token: string | null
  /** In the order of nodes.yaml. */
  clients: readonly NodeClient[]
  /** Certificates (PEM) of authorities that are trusted beside the public ones; null: none. */
  ca: string | null
}

/** Reads nodes.yaml and says on stderr which lattice it is, and which of its nodes are meant. */
export async function openInventory({ options, screen }: App): Promise<Inventory> {
  const inventory = await readInventory(options.file)
  const { phase, command } = options
  const nodes = nodesOf(inventory, phase).length
  const about = { lattice: inventory.lattice.name, phase, nodes }
  screen.say((paint) => formatHeader(about, command, paint))
  return inventory
}

/** Does `work` with the lattice of nodes.yaml and ends all connections after it. */
export async function withLattice<T>(
  app: App,
  inventory: Inventory,
  work: (lattice: Lattice) => Promise<T>,
): Promise<T> {
  const { phase } = app.options
  const identities = await identitiesOf(app, inventory)
  const token = await readOperatorToken(inventory, phase)
  const peerIds = new Map([...identities].map(([name, { peerId }]) => [name, peerId]))
  const hashes = token === null ? [] : [tokenHashOf(token, 'admin')]
  const desired = desiredLattice(inventory, phase, peerIds, hashes)
  const ca = await trustAuthorities(app, inventory)
  const clients = clientsOf(desired, token)
  try {
    return await work({ inventory, desired, identities, token, clients, ca })
  } finally {
    await closeClients(clients)
  }
}

/** Has this process trust the authorities that nodes.yaml names, and gives their certificates. */
export async function trustAuthorities(
  { signal }: App,
  inventory: Inventory,
): Promise<string | null> {
  const ca = await readAuthorities(inventory, signal)
  if (ca !== null)
    setDefaultCACertificates([...getCACertificates('default'), ...certificatesIn(ca)])
  return ca
}

async function identitiesOf({ options: { phase } }: App, inventory: Inventory) {
  try {
    return await readIdentities(inventory, phase)
  } catch (error) {
    const isNew = error instanceof OperatorError && error.code === 'no-identity'
    if (!isNew || phase !== 'local') throw error
    throw new OperatorError('not-deployed', 'nothing was deployed on this machine yet', {
      exit: 'badInput',
      hint: 'run "aethel-lattice deploy --phase local" ("aethel-lattice keys --phase local" only makes the keys)',
      cause: error,
    })
  }
}

/** The nodes that a command is about: the one that was named, or all. */
export function chosenNames(all: readonly { name: string }[], name: string | undefined): string[] {
  const names = all.map((node) => node.name)
  if (name === undefined) return names
  if (!names.includes(name)) {
    throw new UsageError(`${name} is not a node of this phase`, `nodes: ${names.join(', ')}`)
  }
  return [name]
}

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
