import type { DesiredLattice } from '../desired/lattice.ts'

/**
 * `p2p-stop`: the node stops its libp2p lung and starts it again by itself. `kill`: kill -9 of its
 * process, which its supervisor starts again.
 */
export const drillFaults = ['p2p-stop', 'kill'] as const
export type DrillFault = (typeof drillFaults)[number]

/** One thing to break, on one node. */
export interface FaultPlan {
  kind: DrillFault
  /** Name of the node. */
  node: string
}

/** Every kind of fault once, on different nodes where there are several: kills where a process can be killed. */
export function defaultFaults(lattice: DesiredLattice): FaultPlan[] {
  const killed = lattice.nodes.findLast((node) => node.kind !== 'space') ?? lattice.nodes.at(-1)
  const stopped = lattice.nodes.find((node) => node !== killed) ?? killed
  if (killed === undefined || stopped === undefined) return []
  return [
    { kind: 'p2p-stop', node: stopped.name },
    { kind: 'kill', node: killed.name },
  ]
}
