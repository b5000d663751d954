import type { Action, Step } from './plan.ts'
import type { TouchedNode } from './plan-recovery.ts'
import { StepError, type Run } from './run.ts'

/** A node that could not be brought back, or not be proven once it was. */
export interface RevertProblem {
  node: string
  reason: string
}

/**
 * Brings `touched` nodes, given in the order in which they were switched, back to what they were, the
 * last one first, each proven again where it ran before. One that cannot be proven while others are
 * still new gets a second chance when all are back. Goes on over failures: the more nodes are back,
 * the better. When `signal` aborts it throws: the next command goes on.
 *
 * @returns what is left wrong; empty: all is as before
 */
export async function revert(
  run: Run,
  touched: readonly TouchedNode[],
  signal: AbortSignal,
): Promise<RevertProblem[]> {
  const problems: RevertProblem[] = []
  const unproven: TouchedNode[] = []
  for (const node of touched.toReversed()) {
    const failure = await failureOf(restore(run, node, signal))
    signal.throwIfAborted()
    if (failure !== null) problems.push({ node: node.name, reason: failure.message })
    else if ((await failureOf(prove(run, node, signal))) !== null) unproven.push(node)
    signal.throwIfAborted()
  }
  for (const node of unproven) {
    const failure = await failureOf(prove(run, node, signal))
    signal.throwIfAborted()
    if (failure !== null) problems.push({ node: node.name, reason: failure.message })
  }
  return problems
}

async function restore(run: Run, node: TouchedNode, signal: AbortSignal): Promise<void> {
  const { previous, name } = node
  const { generation } = previous
  const detail =
    generation === null
      ? 'stops it: nothing ran before'
      : `brings back ${generation.release} with settings ${generation.settings.slice(0, 12)}`
  run.active.delete(name)
  await run.step(stepOf('restore', name, detail), async (target) => {
    await target.restore(previous, run.token, signal)
  })
  if (previous.state === 'running') run.runsAgain(name)
}

/** A node that did not serve before is not asked to serve now. */
async function prove(run: Run, node: TouchedNode, signal: AbortSignal): Promise<void> {
  const { generation, configDigest, state } = node.previous
  if (generation === null || state !== 'running') return
  const step = stepOf('regate', node.name, 'waits until it is proven again')
  await run.gate(step, { generation, configDigest }, signal)
}

const stepOf = (action: Action, node: string, detail: string): Step => ({
  id: `${action}:${node}`,
  node,
  action,
  detail,
})

/** The failure of a step; errors that must end the run pass through. */
export async function failureOf(work: Promise<void>): Promise<StepError | null> {
  try {
    await work
    return null
  } catch (error) {
    if (error instanceof StepError) return error
    throw error
  }
}
