import { worstOf, type Verdict } from '../../../wire/verdict.ts'
import type { FaultPlan } from '../fault-plan.ts'
import { objectives } from '../limits.ts'
import { judgeMeasure, msOf, tenths, type Finding } from './measure.ts'
import {
  namedReasons,
  type BaselineReport,
  type DrillReport,
  type FaultReport,
  type NotDrilled,
} from './report.ts'
import type { FaultMeasures } from './timeline.ts'
import { problemsOf, type VerifyResult } from './verification.ts'
import {
  availabilityOfOperations,
  availabilityOfWrites,
  countWrites,
  type Availability,
  type Operation,
  type Write,
} from './writes.ts'

/** What was seen of the load in some stretch of a drill. */
interface LoadObservations {
  writes: readonly Write[]
  operations: readonly Operation[]
  /** Acknowledged entries that some node lacks after convergence; null: not known. */
  lost: number | null
}

export interface FaultObservations extends LoadObservations {
  plan: FaultPlan
  isInjected: boolean
  measures: FaultMeasures
  /** From injection to return; null: no return was seen. */
  outageMs: number | null
  /** What went wrong on the way; each keeps the fault from passing. */
  findings: readonly Finding[]
}

/** Holds one fault to the objectives. What was not observed is UNKNOWN. */
export function judgeFault(observed: FaultObservations): FaultReport {
  const { plan, measures, writes, operations, lost } = observed
  const availability = {
    others: availabilityOfWrites(writes.filter((write) => write.node !== plan.node)),
    target: availabilityOfWrites(writes.filter((write) => write.node === plan.node)),
    retrying_client: availabilityOfOperations(operations),
  }
  const findings = observed.isInjected
    ? [
        ...observed.findings,
        judgeMeasure('activation', measures.activation, objectives.activationMs),
        judgeMeasure('recovery', measures.recovery, objectives.recoveryMs),
        judgeMeasure('equal frontier', measures.equalFrontier, objectives.equalFrontierMs),
        judgeLost(lost),
        judgeSuccess('writes to the other nodes', availability.others),
      ].filter((finding) => finding !== null)
    : [unknown('the fault was not injected'), ...observed.findings]
  return {
    ...plan,
    ...verdictOf(findings),
    detection_ms: msOf(measures.detection),
    activation_ms: msOf(measures.activation),
    activation_via: measures.activationVia,
    outage_ms: observed.outageMs === null ? null : tenths(observed.outageMs),
    recovery_ms: msOf(measures.recovery),
    equal_frontier_ms: msOf(measures.equalFrontier),
    staleness_max_ms: measures.stalenessMaxMs === null ? null : tenths(measures.stalenessMaxMs),
    writes: countWrites(writes, lost),
    availability,
    notes: observed.isInjected ? notesOn(plan, measures) : [],
  }
}

export interface BaselineObservations extends LoadObservations {
  tookMs: number
  stalenessMaxMs: number | null
  findings: readonly Finding[]
}

/** Holds the lattice to the same without a fault. */
export function judgeBaseline(observed: BaselineObservations): BaselineReport {
  const availability = {
    nodes: availabilityOfWrites(observed.writes),
    retrying_client: availabilityOfOperations(observed.operations),
  }
  const findings = [
    ...observed.findings,
    judgeLost(observed.lost),
    judgeSuccess('writes', availability.nodes),
  ].filter((finding) => finding !== null)
  return {
    ...verdictOf(findings),
    took_ms: tenths(observed.tookMs),
    writes: countWrites(observed.writes, observed.lost),
    availability,
    staleness_max_ms: observed.stalenessMaxMs === null ? null : tenths(observed.stalenessMaxMs),
  }
}

export interface DrillParts extends Omit<
  DrillReport,
  'verdict' | 'reasons' | 'objectives' | 'not_drilled' | 'verified'
> {
  notDrilled: NotDrilled[]
  /** The verification after the drill; null: it was not run. */
  verifiedAfter: VerifyResult | null
}

/** The whole from its judged parts. Nothing is drilled unless the verification before it passed. */
export function drillReport({ notDrilled, verifiedAfter, ...parts }: DrillParts): DrillReport {
  const { faults, baseline } = parts
  const after = verifiedAfter?.verdict ?? null
  const nothing = faults.length === 0 ? [unknown('nothing was drilled')] : []
  return {
    verdict: worstOf([
      baseline.verdict,
      after ?? 'UNKNOWN',
      ...faults.map((fault) => fault.verdict),
      ...nothing.map((finding) => finding.verdict),
    ]),
    ...parts,
    objectives: {
      activation_ms: objectives.activationMs,
      recovery_ms: objectives.recoveryMs,
      equal_frontier_ms: objectives.equalFrontierMs,
      lost: objectives.lostMax,
      others_success: objectives.othersSuccessMin,
    },
    verified: { before: 'PASS', after },
    not_drilled: notDrilled,
    reasons: [
      ...namedReasons('baseline', baseline.reasons),
      ...faults.flatMap((fault) => namedReasons(fault, fault.reasons)),
      ...nothing.map((finding) => finding.reason),
      ...reasonsAfter(verifiedAfter),
    ],
  }
}

function reasonsAfter(result: VerifyResult | null): string[] {
  if (result === null) return ['not verified afterwards']
  if (result.verdict === 'PASS') return []
  return [`verification afterwards: ${[result.verdict, ...problemsOf(result)].join('; ')}`]
}

function judgeLost(lost: number | null): Finding | null {
  if (lost === null) return unknown('whether an acknowledged entry was lost is not known')
  if (lost <= objectives.lostMax) return null
  return { verdict: 'FAIL', reason: `${lost} acknowledged entries are lost` }
}

function judgeSuccess(what: string, { share, attempted, succeeded }: Availability): Finding | null {
  if (share === null) return unknown(`no ${what} were tried`)
  if (share >= objectives.othersSuccessMin) return null
  return { verdict: 'FAIL', reason: `${succeeded} of ${attempted} ${what} succeeded` }
}

const verdictOf = (findings: readonly Finding[]): { verdict: Verdict; reasons: string[] } => ({
  verdict: findings.length === 0 ? 'PASS' : worstOf(findings.map((finding) => finding.verdict)),
  reasons: findings.map((finding) => finding.reason),
})

/** What no objective asks for, and a reader will. */
function notesOn(
  { kind }: FaultPlan,
  { detection, activation, answering }: FaultMeasures,
): string[] {
  const notes: string[] = []
  if (detection.state === 'absent') notes.push('no other node noticed before the node was back')
  if (activation.state === 'not-applicable') {
    notes.push(`activation does not apply: ${activation.why}`)
  }
  if (kind === 'kill' && answering.state === 'observed') {
    notes.push(`it answered ${Math.round(answering.ms)} ms after it was started again`)
  }
  return notes
}

const unknown = (reason: string): Finding => ({ verdict: 'UNKNOWN', reason })
