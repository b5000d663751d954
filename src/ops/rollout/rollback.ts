import type { Contents, Generation, Holding, Target } from '../targets/target.ts'
import type { Plan } from './plan.ts'
import { planChanges, type Change } from './plan-changes.ts'
import type { ProvenRelease } from './plan-releases.ts'
import {
  planRollback,
  rollbackCandidates,
  RollbackError,
  type RollbackInput,
} from './plan-rollback.ts'

/** A kept release that cannot be gone back to. */
interface SkippedRelease {
  release: string
  node: string
  holding: Exclude<Holding, 'intact'>
}

export interface RollbackChoice {
  plan: Plan
  changes: readonly Change[]
  /** What the nodes that the plan touches go back to, by name. */
  contents: ReadonlyMap<string, Contents>
  target: ProvenRelease
  /** Better ones that are not whole any more. */
  skipped: readonly SkippedRelease[]
}

/**
 * The plan back to the best release that every node still holds: all files are hashed again before
 * it is chosen. Changes nothing.
 *
 * @throws RollbackError when there is none
 */
export async function prepareRollback(
  input: RollbackInput,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<RollbackChoice> {
  const skipped: SkippedRelease[] = []
  for (const candidate of rollbackCandidates(input)) {
    const plan = planRollback(input, candidate)
    const broken = await brokenNodes(plan, targets, signal)
    if (broken.length === 0) {
      const contents = await readNext(plan, targets, signal)
      const changes = planChanges(plan, input.observed, contents)
      return { plan, changes, contents, target: candidate, skipped }
    }
    skipped.push(...broken)
  }
  const list = skipped.map(({ release, node, holding }) => `${release} is ${holding} on ${node}`)
  throw new RollbackError('nothing-intact', `no release to go back to: ${list.join('; ')}`, {
    hint: 'build that version again and deploy it',
  })
}

async function readNext(
  plan: Plan,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<Map<string, Contents>> {
  const read = plan.nodes.map(async ({ name, act, next }): Promise<[string, Contents][]> => {
    const target = targets.find((one) => one.name === name)
    return act === null || target === undefined ? [] : [[name, await target.read(next, signal)]]
  })
  return new Map((await Promise.all(read)).flat())
}

async function brokenNodes(
  plan: Plan,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<SkippedRelease[]> {
  const acting = plan.nodes.filter((node) => node.act !== null)
  const checked = await Promise.all(
    acting.map(async ({ name, next }) => ({
      release: next.release,
      node: name,
      holding: await holdingOf(targets, name, next, signal),
    })),
  )
  return checked.flatMap(({ release, node, holding }) =>
    holding === 'intact' ? [] : [{ release, node, holding }],
  )
}

async function holdingOf(
  targets: readonly Target[],
  name: string,
  generation: Generation,
  signal: AbortSignal,
): Promise<Holding> {
  const target = targets.find((one) => one.name === name)
  return target === undefined ? 'absent' : target.check(generation, signal)
}
