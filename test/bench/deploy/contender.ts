import type { Release } from './goods.ts'
import type { Operator } from './operator.ts'

/** One way to deploy nodes to hosts, on grounds of its own. */
export interface Contender {
  readonly name: string
  /** Brings a release to the nodes; the first time, all else that they need. */
  deploy(operator: Operator, release: Release): Promise<Taken>
  /** Goes back to the release before, which `release` is. */
  rollBack(operator: Operator, release: Release): Promise<Taken>
  /** The hosts are new machines from now on. */
  beginAnew(): void
}

export interface Taken {
  ms: number
  /** Of that; null: nothing was proven. */
  proving: Proving | null
}

export interface Proving {
  /** Waiting until each node was proven; of nodes that were proven beside one another, both. */
  gatesMs: number
  /** Verifying them all in the end. */
  verifyingMs: number
}
