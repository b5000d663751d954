import type { Plan } from './plan.ts'

/** Plans that are tried for a smaller one. */
const TRIES_MAX = 800

/**
 * A small plan that fails too: parts are left out, and numbers halved, for as long as it does. Whatever is
 * smaller counts, so the result is not the smallest there is.
 */
export async function shrunk(
  plan: Plan,
  isFailing: (plan: Plan) => Promise<boolean>,
): Promise<Plan> {
  let tries = 0
  let best = plan
  let isSmaller = true
  const attempt = async (candidate: Plan): Promise<boolean> => {
    if (tries >= TRIES_MAX) return false
    tries += 1
    if (!(await isFailing(candidate))) return false
    best = candidate
    isSmaller = true
    return true
  }
  while (isSmaller) {
    isSmaller = false
    for (const list of ['faults', 'submissions'] as const) {
      for (let size = best[list].length; size >= 1; size = Math.floor(size / 2)) {
        for (let start = 0; start < best[list].length;) {
          const rest = best[list].toSpliced(start, size)
          if (!(await attempt({ ...best, [list]: rest }))) start += size
        }
      }
    }
    for (const simpler of simplerPlans(best)) await attempt(simpler)
  }
  return best
}

/** Each with one thing that is simpler than in this one. */
function* simplerPlans(plan: Plan): Generator<Plan> {
  if (plan.nodes > 3) yield { ...plan, nodes: 3 }
  if (plan.bounds !== null) yield { ...plan, bounds: null }
  for (const [index, fault] of plan.faults.entries()) {
    for (const simpler of simplerNumbers(fault))
      yield { ...plan, faults: plan.faults.with(index, simpler) }
  }
  for (const [index, submission] of plan.submissions.entries()) {
    const replaced = (simpler: typeof submission): Plan => ({
      ...plan,
      submissions: plan.submissions.with(index, simpler),
    })
    if (submission.wait !== null) yield replaced({ ...submission, wait: null })
    for (const simpler of simplerNumbers(submission)) yield replaced(simpler)
    for (const [at] of submission.intents.entries()) {
      if (submission.intents.length > 1)
        yield replaced({ ...submission, intents: submission.intents.toSpliced(at, 1) })
    }
  }
}

function* simplerNumbers<T extends object>(value: T): Generator<T> {
  for (const [name, number] of Object.entries(value)) {
    if (typeof number !== 'number' || number === 0) continue
    yield { ...value, [name]: 0 }
    if (Math.abs(number) > 1) yield { ...value, [name]: Math.trunc(number / 2) }
    const rounded = Math.round(number / 100) * 100
    if (rounded !== number && rounded !== 0) yield { ...value, [name]: rounded }
  }
}
