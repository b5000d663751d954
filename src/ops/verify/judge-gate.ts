import type { Health } from '../../wire/api.ts'
import type { Attestation } from '../../wire/attestation.ts'
import { commonCut, covers, equalFrontiers, totalOf, type Frontier } from '../../wire/frontier.ts'
import type { AttestObservation } from '../client/attestation.ts'
import type { DesiredNode } from '../desired/lattice.ts'
import { cutOf } from './checks/roots.ts'
import { valueOf } from './judge-findings.ts'
import type { Answer, CanaryObservation, Failure } from './observation.ts'

/** One look at a node that has just been activated, and at the active nodes around it. */
export interface GateLook {
  node: DesiredNode
  /** Release that the node should run. */
  release: string
  liveness: 'alive' | 'dead' | 'unknown'
  health: Answer<Health>
  /** The node and all other nodes that should be up. */
  active: readonly ActiveNode[]
  /** The entry written through the node, by this look or one before; null: none yet. */
  canary: CanaryObservation | null
  /** Instance of the look before; null at the first, or when it showed none. */
  instanceBefore: string | null
  /** What the node held when the rollout began; null: it showed nothing then. */
  heldBefore: Frontier | null
}

export interface ActiveNode {
  name: string
  held: Answer<AttestObservation>
  /** Asked after `held`; a failure before that. */
  atCut: Answer<AttestObservation>
}

/** What a node has to pass, in this order. */
type GateStage =
  | 'liveness'
  | 'store'
  | 'identity'
  | 'release'
  | 'settings'
  | 'peers'
  | 'data'
  | 'canary'
  | 'roots'
  | 'state'

/** What no waiting mends: the process is gone, or stays up only to say that its store is unusable. */
export const hopelessStages: ReadonlySet<string> = new Set<GateStage>(['liveness', 'store'])

export type GateDecision =
  | { isOpen: true; instance: string }
  | { isOpen: false; stage: GateStage; reason: string; hint: string; instance: string | null }

/** Whether a node fits in now; if not, the first stage that it has not passed, and why. */
export function judgeGate(look: GateLook): GateDecision {
  const { node, active } = look
  const { name } = node
  const own = active.find((one) => one.name === name)?.held
  const attestation = valueOf(own)?.attestation ?? null
  const close = (stage: GateStage, reason: string, hint: string): GateDecision => ({
    isOpen: false,
    stage,
    reason,
    hint,
    instance: attestation?.instance ?? null,
  })
  const logs = `see "aethel-lattice logs ${name}"`

  if (look.liveness === 'dead') return close('liveness', `the process of ${name} has ended`, logs)
  const unusable = storeProblem(look)
  if (unusable !== null) return close('store', unusable, logs)
  if (attestation === null) {
    return close('identity', messageOf(own) ?? `${name} was not asked`, hintOf(own) ?? logs)
  }
  if (attestation.name !== name) {
    const reason = `the node at ${node.url} calls itself ${JSON.stringify(attestation.name)}`
    return close('identity', reason, 'check the URLs in nodes.yaml')
  }
  if (look.instanceBefore !== null && look.instanceBefore !== attestation.instance) {
    return close('identity', `${name} restarted while it was watched`, logs)
  }
  if (attestation.release !== look.release) {
    const reason = `${name} runs ${JSON.stringify(attestation.release)}, not ${look.release}`
    return close('release', reason, `the old process may still hold the port; ${logs}`)
  }
  if (attestation.configDigest !== node.configDigest) {
    const reason = `${name} runs with other settings than were staged for it`
    return close(
      'settings',
      reason,
      'an AETHEL_* variable of its environment may overrule its .env',
    )
  }
  const apart = unconnected(look, attestation)
  if (apart !== null)
    return close('peers', apart, `${logs}, and see that the nodes can reach each other`)
  const missing = lackOf(look, attestation)
  if (missing > 0) {
    const reason = `${name} lacks ${missing} entries that it held when this began`
    return close('data', reason, `it gets back what other nodes hold; ${logs}`)
  }
  const lost = canaryProblem(look)
  if (lost !== null) return close('canary', lost, `${logs}, and those of the other nodes`)
  const different = rootProblem(active)
  if (different !== null) return close('roots', different, 'see "aethel-lattice verify-triangle"')
  const apartState = stateProblem(look)
  if (apartState !== null)
    return close('state', apartState, 'see "aethel-lattice verify-triangle --full"')
  return { isOpen: true, instance: attestation.instance }
}

/** Why this release of the node accepts and answers nothing, by its own word; null when it does. */
function storeProblem({ node, release, health }: GateLook): string | null {
  if (!health.ok || health.value.node.name !== node.name) return null
  if (health.value.node.release !== release) return null
  const { status, message } = health.value.components.persistence
  return status === 'fail' ? `${node.name} cannot use its store: ${message}` : null
}

/** Why the node is not in exchange with every other active node; null when it is. */
function unconnected({ node, active, health }: GateLook, { instance }: Attestation): string | null {
  if (!health.ok) return health.message
  if (health.value.node.instance !== instance)
    return `the health of ${node.name} is another process’s`
  const missing = active
    .map(({ name }) => name)
    .filter((name) => name !== node.name)
    .filter((name) => {
      const peer = health.value.peers.find((one) => one.name === name)
      return peer === undefined || peer.transport === 'NONE'
    })
  return missing.length === 0 ? null : `${node.name} is not connected to ${missing.join(' and ')}`
}

function canaryProblem({ node, active, canary }: GateLook): string | null {
  if (canary === null) return `no entry was written through ${node.name} yet`
  if (!canary.sent.ok) return canary.sent.message
  const { id } = canary.sent.value
  for (const { name } of active.filter((one) => one.name !== node.name)) {
    const answer = canary.arrivals.find(({ at }) => at === name)?.answer
    if (answer === undefined)
      return `${name} was not asked for the entry written through ${node.name}`
    if (!answer.ok) return answer.message
    if (answer.value.receipt?.id !== id) {
      return `the entry written through ${node.name} has not reached ${name}`
    }
  }
  return null
}

function rootProblem(active: readonly ActiveNode[]): string | null {
  const cut = cutOf(active)
  if (cut === null || cut.size === 0) return 'the active nodes have no entry in common yet'
  const roots = new Map<string, string[]>()
  for (const { name, atCut } of active) {
    if (!atCut.ok) return atCut.message
    const shown = atCut.value.attestation.cut
    if (shown === null) return `${name} showed no root at the common cut`
    roots.set(shown.root, [...(roots.get(shown.root) ?? []), name])
  }
  return roots.size === 1
    ? null
    : `the active nodes sign different roots over the same entries: ${[...roots.values()].map((names) => names.join(' and ')).join(' against ')}`
}

/** How many of the entries that it held before it does not hold now. */
function lackOf({ heldBefore }: GateLook, { frontier }: Attestation): number {
  if (heldBefore === null || covers(frontier, heldBefore)) return 0
  return totalOf(heldBefore) - totalOf(commonCut([heldBefore, frontier]))
}

/** Nodes that hold the same entries make the same state of them, and the node itself sees no other. */
function stateProblem({ node, active, health }: GateLook): string | null {
  if (health.ok && health.value.diverged)
    return `${node.name} reports that the lattice has diverged`
  const own = valueOf(active.find((one) => one.name === node.name)?.atCut)?.attestation
  const other = active.find(({ atCut }) => {
    const shown = valueOf(atCut)?.attestation
    if (own === undefined || shown === undefined) return false
    return equalFrontiers(shown.frontier, own.frontier) && shown.stateRoot !== own.stateRoot
  })
  return other === undefined
    ? null
    : `${node.name} and ${other.name} make different states of the same entries`
}

const failureOf = (answer: Answer<unknown> | undefined): Failure | null =>
  answer === undefined || answer.ok ? null : answer
const messageOf = (answer: Answer<unknown> | undefined): string | null =>
  failureOf(answer)?.message ?? null
const hintOf = (answer: Answer<unknown> | undefined): string | null =>
  failureOf(answer)?.hint ?? null
