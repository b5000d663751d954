import { equalFrontiers } from '../../../wire/frontier.ts'
import type { Health } from '../../../wire/api.ts'
import {
  conclude,
  errorOf,
  fail,
  leaveUnchecked,
  findingOn,
  observedOf,
  pass,
  plural,
  unknown,
  unproven,
  valueOf,
  type Check,
  type Finding,
} from '../judge-findings.ts'
import type { NodeObservation } from '../observation.ts'

/**
 * A node shows everybody the same: what it signed for the operator agrees with what it signed in its
 * stream, and every other node found the checkpoint that it was shown to match its own logs.
 */
export const judgeSplitView: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  if (nodes.length === 1) {
    return leaveUnchecked('split-view', 'A lattice of one node shows itself to nobody else.')
  }
  const findings = nodes.flatMap(({ name }) => {
    const node = observedOf(observation, name)
    if (node === undefined || !proven.has(name)) return [unproven(name)]
    return [
      ...contradictionsOf(node),
      ...nodes
        .filter((peer) => peer.name !== name)
        .map((peer) =>
          findingOn(
            observation,
            proven,
            name,
            (one) => one.health,
            (health) =>
              proven.has(peer.name) ? findingOf(node, health, peer) : unproven(peer.name),
          ),
        ),
    ]
  })
  const evidence = nodes.map(({ name }) => {
    const answer = observedOf(observation, name)?.health
    const health = valueOf(answer)
    return {
      node: name,
      diverged: health?.diverged ?? null,
      peers: (health?.peers ?? []).map((peer) => ({
        peer: peer.name,
        root_match: peer.root_match,
        checkpoint_age_ms: peer.checkpoint_age_ms,
        transport: peer.transport,
      })),
      error: errorOf(answer),
    }
  })
  const whenPass = `Each of ${plural(nodes.length, 'node')} shows the others the same history that it shows this machine.`
  return conclude('split-view', findings, whenPass, evidence)
}

function findingOf(
  { name, identity }: NodeObservation,
  health: Health,
  peer: { name: string; peerId: string },
): Finding {
  if (health.node.instance !== valueOf(identity)?.attestation.instance) {
    return unknown(`the health of ${name} is another process’s`)
  }
  if (health.diverged) return fail(`${name} reports that the lattice has diverged`)
  const view = health.peers.find((one) => one.peer_id === peer.peerId)
  if (view === undefined) return unknown(`${name} does not know ${peer.name}`)
  if (view.root_match === null) {
    return unknown(`${name} could not yet compare what ${peer.name} showed it with its own logs`)
  }
  return view.root_match
    ? pass
    : fail(`${peer.name} showed ${name} another history than ${name} holds`)
}

/**
 * The checkpoint in a node's stream against what it attested, one frontier and two roots; and against the
 * entries behind it.
 */
function contradictionsOf(node: NodeObservation): Finding[] {
  const checkpoint = valueOf(node.log)?.checkpoint
  if (checkpoint === null || checkpoint === undefined) return []
  const attested = [node.identity, node.held, node.atCut, node.atSaved].flatMap((answer) => {
    const value = valueOf(answer)
    return value === null ? [] : [value.attestation]
  })
  const contradictsEntries =
    checkpoint.recomputedRoot !== null && checkpoint.recomputedRoot !== checkpoint.root
  const contradictsWord = attested.some(
    ({ frontier, root, stateRoot }) =>
      equalFrontiers(frontier, checkpoint.frontier) &&
      (root !== checkpoint.root || stateRoot !== checkpoint.stateRoot),
  )
  if (contradictsWord)
    return [fail(`${node.name} signed two histories: its checkpoint contradicts its attestation`)]
  return contradictsEntries
    ? [fail(`${node.name} shows two histories: its checkpoint is not of the entries behind it`)]
    : []
}
