import type { ObservedNode, Target } from '../targets/target.ts'
import { OBSERVATION_MS_MAX } from './limits.ts'

/** What nodes were found to be. */
export interface Observation {
  nodes: readonly ObservedNode[]
  /** When they were asked, by `performance.now()`. */
  askedMs: number
}

/** All nodes at once. @throws the first target's error: a plan needs to know every node. */
export const observeNodes = async (
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<ObservedNode[]> => Promise.all(targets.map(async (target) => target.observe(signal)))

/** The same, with the time that goes with it. */
export async function observeNow(
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<Observation> {
  const askedMs = performance.now()
  return { nodes: await observeNodes(targets, signal), askedMs }
}

/** Whether nodes were asked so short a time ago that asking again would say nothing new. */
export const isRecent = ({ askedMs }: Observation, nowMs: number): boolean =>
  nowMs - askedMs <= OBSERVATION_MS_MAX
