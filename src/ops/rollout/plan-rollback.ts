import type { DesiredLattice } from '../desired/lattice.ts'
import { OperatorError } from '../errors.ts'
import { environmentIn, urlIn } from './environment-in.ts'
import type { Contents, ObservedNode } from '../targets/target.ts'
import type { Plan } from './plan.ts'
import type { ProvenRelease } from './plan-releases.ts'
import { planTo } from './plan-rollout.ts'

/** Nothing that a rollback could go to. */
export class RollbackError extends OperatorError {
  override readonly name = 'RollbackError'
}

export interface RollbackInput {
  lattice: DesiredLattice
  observed: readonly ObservedNode[]
  /** Oldest first. */
  proven: readonly ProvenRelease[]
  /** Release id; absent: what was proven before the current one. */
  to?: string | undefined
  /** Names of nodes to roll back; absent: all. */
  only?: readonly string[] | undefined
}

/**
 * What a rollback may go to, the best first. Settings come with the release: it was proven with them,
 * and an older release may refuse the newer ones.
 *
 * @throws RollbackError when there is nothing
 */
export function rollbackCandidates(input: RollbackInput): ProvenRelease[] {
  const { lattice, proven, to } = input
  const names = chosenNames(input)
  const asked = to === undefined ? beforeCurrent(input) : newestOf(proven, to)
  if (asked.length === 0) {
    throw to === undefined
      ? new RollbackError('no-previous-release', 'no release was proven before the current one', {
          hint: 'see "aethel-lattice releases"; a release is proven once deploy has verified it',
        })
      : new RollbackError('unknown-release', `${to} is not a proven release`, {
          exit: 'badInput',
          hint: `proven: ${[...new Set(proven.map((one) => one.release))].join(', ') || 'none'}`,
        })
  }
  const fitting = asked.filter(
    (one) => one.lattice === lattice.id && names.every((name) => name in one.nodes),
  )
  if (fitting.length === 0) {
    throw new RollbackError(
      'other-lattice',
      `${asked.map((one) => one.release).join(', ')} ran in another lattice or without some of the nodes`,
      { hint: 'bring nodes.yaml back to what it was then, and deploy' },
    )
  }
  return fitting
}

/** Steps that bring the nodes back to what `target` ran, settings included. Nothing is staged. */
export function planRollback(input: RollbackInput, target: ProvenRelease): Plan {
  const names = new Set(chosenNames(input))
  const release = { id: target.release, version: target.version }
  const { lattice, observed, proven } = input
  return planTo('rollback', lattice, release, observed, proven, ({ name }) => {
    const node = target.nodes[name]
    return node === undefined || !names.has(name) ? null : { release: target.release, ...node }
  })
}

/**
 * The lattice as it is once `plan` is done: nodes run with the settings of the plan, and are where these say.
 *
 * @param contents what the plan brings the nodes back to, by name
 */
export function latticeAfter(
  lattice: DesiredLattice,
  plan: Plan,
  contents: ReadonlyMap<string, Contents>,
): DesiredLattice {
  const digests = new Map(plan.nodes.map((node) => [node.name, node.configDigest]))
  const placed = <T extends { name: string; url: string }>(one: T): T => ({
    ...one,
    url: urlIn(contents.get(one.name) ?? null, one.name) ?? one.url,
  })
  return {
    ...lattice,
    members: lattice.members.map(placed),
    nodes: lattice.nodes.map((node) => ({
      ...placed(node),
      environment: environmentIn(contents.get(node.name) ?? null) ?? node.environment,
      configDigest: digests.get(node.name) ?? node.configDigest,
    })),
  }
}

function chosenNames({ lattice, only }: RollbackInput): string[] {
  const known = lattice.nodes.map((node) => node.name)
  const unknown = only?.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new RollbackError('unknown-node', `${unknown} is not a node of this phase`, {
      exit: 'usage',
      hint: `nodes: ${known.join(', ')}`,
    })
  }
  return only === undefined ? known : [...only]
}

/** Proven before what the chosen nodes run now, the newest first. */
function beforeCurrent(input: RollbackInput): ProvenRelease[] {
  const names = chosenNames(input)
  const nodes = input.observed.filter((node) => names.includes(node.name))
  const isCurrent = (one: ProvenRelease): boolean =>
    nodes.every(
      ({ name, current }) =>
        current?.release === one.release && current.settings === one.nodes[name]?.settings,
    )
  const place = input.proven.findLastIndex(isCurrent)
  const before = place === -1 ? input.proven : input.proven.slice(0, place)
  return before.filter((one) => !one.isWithdrawn).toReversed()
}

const newestOf = (proven: readonly ProvenRelease[], release: string): ProvenRelease[] =>
  proven.filter((one) => one.release === release).toReversed()
