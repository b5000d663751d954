import type { Plan } from './plan.ts'
import type { TouchedNode } from './plan-recovery.ts'
import type { NodeOutcome } from './progress.ts'
import type { RevertProblem } from './revert.ts'

/** Where the nodes of a plan stand when it went through. */
export const nodesAfter = (plan: Plan): NodeOutcome[] =>
  plan.nodes.map(({ name, act, next }) => ({
    name,
    state: act === null ? 'unchanged' : 'new',
    generation: next,
  }))

/** Where the nodes of a run stand after `touched` ones went back. */
export const nodesAfterRevert = (
  nodes: readonly TouchedNode[],
  touched: readonly TouchedNode[],
  problems: readonly RevertProblem[],
): NodeOutcome[] =>
  nodes.map(({ name, previous }) => {
    if (problems.some((problem) => problem.node === name)) {
      return { name, state: 'unknown', generation: null }
    }
    const isTouched = touched.some((node) => node.name === name)
    return { name, state: isTouched ? 'old' : 'unchanged', generation: previous.generation }
  })

export const warningsOf = (problems: readonly RevertProblem[]): string[] =>
  problems.map(({ node, reason }) => `${node} could not be brought back: ${reason}`)
