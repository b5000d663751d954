import type { ObservedNode, Target } from '../targets/target.ts'

/** All nodes at once. @throws the first target's error: a plan needs to know every node. */
export const observeNodes = async (
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<ObservedNode[]> => Promise.all(targets.map(async (target) => target.observe(signal)))
