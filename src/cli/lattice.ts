import { certificatesIn } from '../wire/certificates.ts'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { clientsOf, closeClients, type NodeClient } from '../ops/client/node-client.ts'
import { desiredLattice, tokenHashOf, type DesiredLattice } from '../ops/desired/lattice.ts'
import { OperatorError } from '../ops/errors.ts'
import { readAuthorities } from '../ops/inventory/certificates.ts'
import { readIdentities, readOperatorToken, type Identity } from '../ops/inventory/identities.ts'
import type { Inventory } from '../ops/inventory/inventory.ts'
import type { App } from './command.ts'

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
