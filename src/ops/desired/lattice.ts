import { hash } from 'node:crypto'
import { latticeIdOf, type Genesis, type Member } from '../../wire/lattice.ts'
import type { TokenScope } from '../../wire/protocol.ts'
import { configDigestOf, type TokenHash } from '../../wire/settings.ts'
import { OperatorError } from '../errors.ts'
import { nodesOf, type Inventory, type NodeSpec, type Phase } from '../inventory/inventory.ts'
import { localPlace, placeOf } from './addresses.ts'
import { environmentOf, type NodeInLattice } from './environment.ts'

/**
 * What every node of a phase should have. The room `desired` turns an inventory and the nodes' peer ids
 * into settings and files. It is pure: it reads no file, resolves no secret and knows no observed state.
 */
export interface DesiredLattice {
  phase: Phase
  /** Name and id (64 hex) of the lattice; the local one has an id of its own when its genesis differs. */
  name: string
  id: string
  genesis: Genesis
  submit: 'token' | 'open'
  isP2pEnabled: boolean
  members: readonly Member[]
  /** In the order of nodes.yaml. */
  nodes: readonly DesiredNode[]
}

export interface DesiredNode {
  name: string
  /** Where it runs in this phase. */
  kind: 'local' | 'server' | 'space'
  role: 'public' | 'primary' | 'backup'
  url: string
  peerId: string
  /**
   * Every AETHEL_* variable but secrets. Paths are relative to the node's working directory, which is
   * its `shared` folder: AETHEL_STATE_DIR=data, AETHEL_NODE_KEY_FILE=node.key.
   */
  environment: Readonly<Record<string, string>>
  /** Digest of the settings in force when the node runs with `environment`. */
  configDigest: string
  spec: NodeSpec
}

/** A bearer token as nodes store it: SHA-256 of its text. */
export const tokenHashOf = (token: string, scope: TokenScope): TokenHash => ({
  scope,
  sha256: hash('sha256', token),
})

/**
 * What the nodes of a phase should have. Members are the phase's nodes alone: one that is not deployed
 * yet would leave the others degraded and nothing final.
 *
 * @param peerIds by node name, of all nodes of the phase at least
 * @param tokenHashes of the operator's and other bearer tokens
 * @throws `OperatorError` when the phase has no nodes, or one of them no peer id
 */
export function desiredLattice(
  inventory: Inventory,
  phase: Phase,
  peerIds: ReadonlyMap<string, string>,
  tokenHashes: readonly TokenHash[],
): DesiredLattice {
  const { lattice, local } = inventory
  const { genesis, submit } = phase === 'local' ? local : lattice
  const all = nodesOf(inventory, phase).map((spec, index): NodeInLattice & { spec: NodeSpec } => ({
    name: spec.name,
    peerId: peerIdOf(spec, peerIds),
    place: phase === 'local' ? localPlace(local, index) : placeOf(spec),
    spec,
  }))
  if (all.length === 0) {
    throw new OperatorError('empty-phase', `phase ${phase} has no nodes`, {
      exit: 'badInput',
      hint: 'give a node of nodes.yaml the role primary or public',
    })
  }
  const nodes = all.map((node): DesiredNode => {
    const environment = environmentOf(node, all, { ...lattice, genesis, submit }, tokenHashes)
    return {
      name: node.name,
      kind: node.place.kind,
      role: node.spec.role,
      url: node.place.url,
      peerId: node.peerId,
      environment,
      configDigest: configDigestOf(environment),
      spec: node.spec,
    }
  })
  return {
    phase,
    name: lattice.name,
    id: latticeIdOf(lattice.name, genesis),
    genesis,
    submit,
    isP2pEnabled: lattice.isP2pEnabled,
    members: nodes.map(({ name, peerId, url }) => ({ name, peerId, url })),
    nodes,
  }
}

function peerIdOf({ name }: NodeSpec, peerIds: ReadonlyMap<string, string>): string {
  const peerId = peerIds.get(name)
  if (peerId !== undefined) return peerId
  throw new OperatorError('no-identity', `${name} has no key`, {
    exit: 'badInput',
    hint: 'run "aethel-lattice keys"',
  })
}
