import type { Generation, ObservedGeneration, Previous, ProcessState } from '../targets/target.ts'

/**
 * The room `rollout` owns how a lattice gets from what is observed to what is wanted, and back: the
 * plan, its run with gates and restore, the journal, the lock, the register of proven releases. It
 * must not know how a node is reached (`targets`) or judged (the gate is given), and prints nothing.
 * The files `plan*.ts` decide and are pure.
 */

/** What is done to one node. `start` is an activation of what is already current. */
export type Action = 'stage' | 'activate' | 'start' | 'gate' | 'prune' | 'restore' | 'regate'

export interface Step {
  /** `<action>:<node>`, unique in a plan. */
  id: string
  node: string
  action: Action
  /** One line for people: what and why. */
  detail: string
}

/** What of an observation a plan rests on; process ids, times and counts change by themselves. */
export interface NodeFacts {
  current: ObservedGeneration | null
  state: ProcessState
  held: readonly Generation[]
}

/** One node's part of a plan, in rollout order. */
export interface PlannedNode {
  name: string
  found: NodeFacts
  previous: Previous
  next: Generation
  /** Configuration digest that the node reports once it runs `next`. */
  configDigest: string
  /** Null: the node is already as wanted and is not touched. */
  act: 'activate' | 'start' | null
  isStaged: boolean
  /** What stays on the node when the plan is done. */
  keep: readonly Generation[]
}

export interface Plan {
  kind: 'deploy' | 'rollback'
  /**
   * Stands for what was observed together with what is wanted. A plan that is made again with another
   * digest is another plan.
   */
  digest: string
  /** The lattice's id. */
  lattice: string
  release: { id: string; version: string }
  nodes: readonly PlannedNode[]
  /** Empty when nothing differs. */
  steps: readonly Step[]
}
