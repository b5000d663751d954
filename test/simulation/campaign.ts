import * as fc from 'fast-check'
import type { Plan } from './plan.ts'
import { shrunk } from './shrink.ts'
import type { Tally } from './tally.ts'
import { simulate, type MakeDrive } from './world.ts'

export interface Failure {
  seed: number
  /** A small plan that fails, and what it violates. */
  plan: Plan
  violations: readonly string[]
}

/** The one plan that a seed makes. */
export function planOf(plans: fc.Arbitrary<Plan>, seed: number): Plan {
  const [plan] = fc.sample(fc.noBias(plans), { seed, numRuns: 1 })
  if (plan === undefined) throw new Error(`seed ${seed} makes no plan`)
  return plan
}

/**
 * Runs the plan of one seed. When it fails in a way that is not `known` yet, a small plan is looked for,
 * unless the disks are planted to fail. Null: nothing was violated.
 */
export async function runSeed(
  plans: fc.Arbitrary<Plan>,
  seed: number,
  tally: Tally,
  { makeDrive, known = new Set() }: { makeDrive?: MakeDrive; known?: Set<string> } = {},
): Promise<Failure | null> {
  const plan = planOf(plans, seed)
  const { violations, counts, simulatedMs } = await simulate(plan, makeDrive)
  tally.runs += 1
  tally.simulatedMs += simulatedMs
  tally.sightings.add(counts)
  if (violations.length === 0) return null
  const kind = kindOf(violations)
  if (makeDrive !== undefined || known.has(kind)) return { seed, plan, violations }
  known.add(kind)
  const small = await shrunk(plan, async (one) => kindOf((await simulate(one)).violations) === kind)
  return { seed, plan: small, violations: (await simulate(small)).violations }
}

/** What is violated first, whoever by: a smaller plan is to fail in the same way. */
const kindOf = ([first = '']: readonly string[]): string =>
  first.replaceAll(/[0-9a-f]{16,}|\d+/g, '#').slice(0, 40)

export const describeFailure = ({ seed, plan, violations }: Failure): string =>
  [`seed ${seed}`, ...violations, JSON.stringify(plan)].join('\n')
