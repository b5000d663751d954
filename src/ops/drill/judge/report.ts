import type { Verdict } from '../../../wire/verdict.ts'
import type { DrillFault, FaultPlan } from '../fault-plan.ts'
import type { Lung } from './sighting.ts'
import type { Availability, WriteCounts } from './writes.ts'

/** What a drill came to. Times are milliseconds with one decimal; null: not observed, never zero. */
export interface DrillReport {
  /** The worst of all faults, the baseline and the verifications; UNKNOWN when nothing was drilled. */
  verdict: Verdict
  phase: string
  /** What carried entries before anything was broken. */
  transport: Lung
  objectives: ReportedObjectives
  faults: FaultReport[]
  /** Faults that do not apply here, or that were left out, and why. */
  not_drilled: NotDrilled[]
  baseline: BaselineReport
  /** Of verify-triangle before and after; null: it was not run again. */
  verified: { before: Verdict; after: Verdict | null }
  /** Load: writes per second to each node, and by the retrying client. */
  writes_per_second: number
  took_ms: number
  /** Why the verdict is not PASS. */
  reasons: string[]
}

/** What every fault is held to. */
interface ReportedObjectives {
  activation_ms: number
  recovery_ms: number
  equal_frontier_ms: number
  lost: number
  /** Share of the writes to the other nodes. */
  others_success: number
}

export interface NotDrilled {
  kind: DrillFault
  node: string
  reason: string
}

export interface BaselineReport {
  verdict: Verdict
  took_ms: number
  writes: WriteCounts
  availability: { nodes: Availability; retrying_client: Availability }
  staleness_max_ms: number | null
  reasons: string[]
}

export interface FaultReport {
  kind: DrillFault
  node: string
  verdict: Verdict
  /** From the fault until the first other node did not have the node on the usual transport any more. */
  detection_ms: number | null
  /** From the fault until the first entry written under it was applied on the other side of the break. */
  activation_ms: number | null
  activation_via: Lung | null
  /** From the fault until the node undid it, or was started again. */
  outage_ms: number | null
  /** From that return until all exchange entries with the node as before. */
  recovery_ms: number | null
  /** From that return until all hold, with one root, everything acknowledged before it. */
  equal_frontier_ms: number | null
  /** The largest age of an acknowledged entry that a node which answered lacked. */
  staleness_max_ms: number | null
  /** All writes from the fault to the end of the load, the faulty node's included. */
  writes: WriteCounts
  availability: { others: Availability; target: Availability; retrying_client: Availability }
  /** Why the verdict is not PASS. */
  reasons: string[]
  /** What else is to be known, such as why a time is missing that no objective asks for. */
  notes: string[]
}

/** The reasons of a part, each naming it. */
export const namedReasons = (part: FaultPlan | string, reasons: readonly string[]): string[] => {
  const name = typeof part === 'string' ? part : `${part.kind} on ${part.node}`
  return reasons.map((reason) => `${name}: ${reason}`)
}
