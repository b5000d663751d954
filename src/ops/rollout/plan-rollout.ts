import type { DesiredLattice, DesiredNode } from '../desired/lattice.ts'
import type { Generation, ObservedNode } from '../targets/target.ts'
import type { Action, Plan, PlannedNode, Step } from './plan.ts'
import { describeDifferences, differencesOf } from './plan-differences.ts'
import { factsOf, planDigest } from './plan-digest.ts'
import { keptGenerations, type ProvenRelease } from './plan-releases.ts'

export interface PlanInput {
  lattice: DesiredLattice
  release: { id: string; version: string }
  /** Digest of each node's settings, by name. */
  settings: ReadonlyMap<string, string>
  observed: readonly ObservedNode[]
  /** Oldest first. */
  proven: readonly ProvenRelease[]
}

/** Steps that bring every node to `release` with its settings, in rollout order. */
export function planRollout(input: PlanInput): Plan {
  const { lattice, release, observed, proven } = input
  return planTo('deploy', lattice, release, observed, proven, (node) => ({
    release: release.id,
    settings: knownOf(input.settings, node.name),
  }))
}

/**
 * Steps that bring every node of `lattice` to `nextOf(node)`; shared by deploy and rollback. A node
 * for which it gives null keeps what it has.
 */
export function planTo(
  kind: Plan['kind'],
  lattice: DesiredLattice,
  release: Plan['release'],
  observed: readonly ObservedNode[],
  proven: readonly ProvenRelease[],
  nextOf: (node: DesiredNode) => WantedGeneration | null,
): Plan {
  const kept = keptGenerations(proven)
  const found = new Map(observed.map((node) => [node.name, node]))
  const nodes = inRolloutOrder(lattice.nodes).flatMap((node) =>
    planNode(kind, node, nextOf(node), knownOf(found, node.name), kept(node.name)),
  )
  const planned = nodes.map((one) => one.planned)
  const isNeeded = planned.some((node) => node.act !== null)
  const prunes = nodes.flatMap((one) => pruneStep(one.planned))
  return {
    kind,
    digest: planDigest(kind, planned),
    lattice: lattice.id,
    release: { id: release.id, version: release.version },
    nodes: planned,
    steps: isNeeded
      ? [...nodes.flatMap((one) => one.stage), ...nodes.flatMap((one) => one.activate), ...prunes]
      : [],
  }
}

/** Servers first, the Space last: it is the slowest to switch, so it is switched when all else is proven. */
const inRolloutOrder = (nodes: readonly DesiredNode[]): DesiredNode[] => [
  ...nodes.filter((node) => node.spec.kind !== 'space'),
  ...nodes.filter((node) => node.spec.kind === 'space'),
]

/** `configDigest` is given where it is not the one of nodes.yaml. */
type WantedGeneration = Generation & { configDigest?: string }

interface NodePlan {
  planned: PlannedNode
  stage: Step[]
  activate: Step[]
}

function planNode(
  kind: Plan['kind'],
  { name, configDigest }: DesiredNode,
  wanted: WantedGeneration | null,
  observed: ObservedNode,
  kept: readonly Generation[],
): NodePlan[] {
  const { current, process } = observed
  const generation = current && { release: current.release, settings: current.settings }
  const next = wanted && { release: wanted.release, settings: wanted.settings }
  const last = next ?? generation
  if (last === null) return []

  const differences = next === null ? [] : differencesOf(observed, next)
  const isSwitch = differences.some((difference) => difference.kind !== 'down')
  const act = differences.length === 0 ? null : isSwitch ? 'activate' : 'start'
  const isStaged = kind === 'deploy' && isSwitch
  const step = (action: Action, detail: string): Step => ({
    id: `${action}:${name}`,
    node: name,
    action,
    detail,
  })
  const planned: PlannedNode = {
    name,
    found: factsOf(observed),
    previous: { generation, configDigest: current?.configDigest ?? null, state: process.state },
    next: last,
    configDigest: wanted?.configDigest ?? configDigest,
    act,
    isStaged,
    keep: [...kept, last, ...(generation === null ? [] : [generation])],
  }
  const detail = describeDifferences(differences)
  return [
    {
      planned,
      stage: isStaged ? [step('stage', `places ${last.release} and its settings`)] : [],
      activate: act === null ? [] : [step(act, detail), step('gate', 'waits until it is proven')],
    },
  ]
}

/** What is held and no longer kept; nothing is removed before all nodes are proven. */
function pruneStep({ name, keep, found }: PlannedNode): Step[] {
  const isKept = (one: Generation): boolean =>
    keep.some((other) => other.release === one.release && other.settings === one.settings)
  const removed = found.held.filter((one) => !isKept(one)).map((one) => one.release)
  if (removed.length === 0) return []
  const detail = `removes what is no longer kept: ${[...new Set(removed)].join(', ')}`
  return [{ id: `prune:${name}`, node: name, action: 'prune', detail }]
}

/** @throws when the caller forgot a node: planning around it would call it unchanged. */
function knownOf<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name)
  if (found === undefined) throw new Error(`nothing is known of ${name}`)
  return found
}
