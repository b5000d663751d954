import type { Clock } from '../client/clock.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { Target } from '../targets/target.ts'
import type { FaultPlan } from './fault-plan.ts'
import type { Lung } from './judge/sighting.ts'
import type { DrillLimits } from './limits.ts'

/** What a drill asks of a node. */
export type DrillClient = Pick<
  NodeClient,
  | 'name'
  | 'hasToken'
  | 'attest'
  | 'health'
  | 'submit'
  | 'receipt'
  | 'armFault'
  | 'clearFault'
  | 'fault'
  | 'pull'
>

/** What a drill does to the place of a node. */
export type DrillTarget = Pick<Target, 'observe' | 'kill' | 'start'>

export type DrillPhase =
  | 'preflight'
  | 'baseline'
  | 'warm-up'
  | 'inject'
  | 'hold'
  | 'undo'
  | 'converge'
  | 'verify'

/** What a drill tells while it works. `fault` null: it concerns the whole. */
export interface DrillProgress {
  phase: DrillPhase
  fault: FaultPlan | null
  message: string
}

/** What every part of a running drill works with. */
export interface Rig {
  /** One for each node, in the lattice's order. */
  clients: readonly DrillClient[]
  targets: ReadonlyMap<string, DrillTarget>
  clock: Clock
  /** What carries entries when nothing is broken. */
  lung: Lung
  writesPerSecond: number
  baselineMs: number
  holdMs: number
  limits: DrillLimits
  /** Aborts when the operator interrupts, or the lock is lost. */
  signal: AbortSignal
  tell(phase: DrillPhase, fault: FaultPlan | null, message: string): void
}
