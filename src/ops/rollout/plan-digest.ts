import { hash } from 'node:crypto'
import type { ObservedNode } from '../targets/target.ts'
import type { NodeFacts, Plan, PlannedNode } from './plan.ts'

/** Characters of a plan's digest: enough to tell plans apart, short enough to be typed. */
const DIGEST_CHARS = 16

/** Digest of what was observed and what is wanted. */
export const planDigest = (kind: Plan['kind'], nodes: readonly PlannedNode[]): string =>
  hash(
    'sha256',
    canonicalJson({
      kind,
      nodes: nodes.map(({ name, found, next, configDigest }) => ({
        name,
        found,
        next,
        configDigest,
      })),
    }),
  ).slice(0, DIGEST_CHARS)

export const factsOf = ({ current, process, held }: ObservedNode): NodeFacts => ({
  current,
  state: process.state,
  held: held
    .map(({ release, settings }) => ({ release, settings }))
    .toSorted((a, b) => (a.release + a.settings < b.release + b.settings ? -1 : 1)),
})

/** Nodes on which something that `plan` rests on is not so any more. */
export function movedNodes(plan: Plan, observed: readonly ObservedNode[]): string[] {
  const now = new Map(observed.map((node) => [node.name, canonicalJson(factsOf(node))]))
  return plan.nodes
    .filter((node) => now.get(node.name) !== canonicalJson(node.found))
    .map((node) => node.name)
}

/** JSON with the keys of every object in order, so that equal values have equal texts. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
