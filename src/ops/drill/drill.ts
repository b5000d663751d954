import type { Frontier } from '../../wire/frontier.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import type { FaultPlan } from './fault-plan.ts'
import { FaultRun, findingOf, interruption } from './fault-run.ts'
import { drillReport, judgeBaseline, type DrillParts } from './judge/judge.ts'
import type { Finding } from './judge/measure.ts'
import type { BaselineReport, DrillReport } from './judge/report.ts'
import type { VerifyResult } from './judge/verification.ts'
import { defaultLimits, defaultOptions, type DrillLimits } from './limits.ts'
import { Period } from './period.ts'
import { applicable, refuseFaults, refuseOptions, refuseUnsound, type Verify } from './preflight.ts'
import type { DrillClient, DrillProgress, DrillTarget, Rig } from './rig.ts'
import { heldByAll, settle, type Settlement } from './settle.ts'

export interface DrillInput {
  lattice: DesiredLattice
  /** One for each node of the lattice, in its order, with a token of scope `control`. */
  clients: readonly DrillClient[]
  targets: ReadonlyMap<string, DrillTarget>
  /** Drilled one after the other. */
  faults: readonly FaultPlan[]
  /** `verifyTriangle` over the same lattice. */
  verify: Verify
  /** Having it means holding the lock; its signal aborts when the lock is lost. */
  lock: { readonly signal: AbortSignal }
  options?: {
    /** To each node. */
    writesPerSecond?: number
    baselineMs?: number
    /** How long a fault is held, at least. */
    holdMs?: number
    limits?: Partial<DrillLimits>
  }
  signal: AbortSignal
  onProgress?: (progress: DrillProgress) => void
  clock?: Clock
}

/**
 * The room `drill` owns breaking one thing on purpose, under load, and saying what it did to the lattice.
 * Whatever it breaks ends by itself, even when this process dies, and is undone however the drill ends. It
 * must not break a lattice that is not well, two things at once, or call good what it did not see.
 *
 * Once something was broken, all that happens is in the report; an abort of `signal` undoes it at once and
 * leaves a report that is UNKNOWN. Before that it throws: `DrillRefusedError`, what a node answered
 * instead, or the signal's reason.
 */
export async function runDrill(input: DrillInput): Promise<DrillReport> {
  const clock = input.clock ?? systemClock
  const startedMs = clock.monotonicMs()
  const given = rigOf(input, clock)
  refuseOptions(given)
  refuseFaults(given, input.faults)
  given.tell('preflight', null, 'verifying the lattice')
  given.signal.throwIfAborted()
  await refuseUnsound(given, input.verify)
  const { isP2pEnabled } = input.lattice
  const { lung, faults, notDrilled } = await applicable(
    given.clients,
    isP2pEnabled,
    input.faults,
    given.signal,
  )
  const rig: Rig = { ...given, lung }
  const base = await heldByAll(rig)

  const parts: DrillParts = {
    phase: input.lattice.phase,
    transport: lung,
    faults: [],
    notDrilled,
    baseline: await runBaseline(rig, base),
    verifiedAfter: null,
    writes_per_second: rig.writesPerSecond,
    took_ms: 0,
  }
  await drillFaults(rig, faults, base, parts)
  parts.verifiedAfter = await verifyAgain(rig, input.verify)
  parts.took_ms = Math.round(clock.monotonicMs() - startedMs)
  return drillReport(parts)
}

function rigOf(input: DrillInput, clock: Clock): Rig {
  const { limits, ...options } = { ...defaultOptions, ...input.options }
  return {
    ...options,
    limits: { ...defaultLimits, ...limits },
    clients: input.clients,
    targets: input.targets,
    clock,
    lung: input.lattice.isP2pEnabled ? 'P2P' : 'HTTP',
    signal: AbortSignal.any([input.signal, input.lock.signal]),
    tell: (phase, fault, message) => input.onProgress?.({ phase, fault, message }),
  }
}

/** Adds to `parts` what came of each fault; after one that did not heal, the rest is left out. */
async function drillFaults(
  rig: Rig,
  faults: readonly FaultPlan[],
  base: Frontier,
  parts: DrillParts,
): Promise<void> {
  let obstacle =
    parts.baseline.verdict === 'PASS' ? null : 'the lattice was not well without a fault'
  for (const plan of faults) {
    const client = rig.clients.find((one) => one.name === plan.node)
    const target = rig.targets.get(plan.node)
    if (rig.signal.aborted) obstacle = interruption(rig.signal)
    if (obstacle !== null || client === undefined || target === undefined) {
      parts.notDrilled.push({ ...plan, reason: obstacle ?? 'the node is not known' })
      continue
    }
    const { report, isWhole } = await new FaultRun(rig, plan, base, { client, target }).run()
    parts.faults.push(report)
    if (!isWhole) obstacle = `the lattice had not healed from ${plan.kind} on ${plan.node}`
  }
}

/** The same load on the whole lattice: what a fault is compared with. */
async function runBaseline(rig: Rig, base: Frontier): Promise<BaselineReport> {
  rig.tell('baseline', null, `load without a fault for ${rig.baselineMs / 1000} s`)
  const startedMs = rig.clock.monotonicMs()
  const period = new Period(rig, null, null)
  const findings: Finding[] = []
  let settlement: Settlement | null = null
  period.start()
  try {
    await period.until(() => period.stop !== null, rig.baselineMs)
    await period.endLoad()
    settlement = await settle(rig, base, period.acknowledged)
    findings.push(...settlement.findings)
  } catch (error) {
    findings.push(findingOf(error, rig.signal))
  } finally {
    await period.end()
  }
  return judgeBaseline({
    tookMs: rig.clock.monotonicMs() - startedMs,
    writes: period.writes,
    operations: period.operations,
    stalenessMaxMs: period.stalenessMaxMs,
    lost: settlement?.lost?.length ?? null,
    findings: [period.stop, ...findings].filter((finding) => finding !== null),
  })
}

/** Null: the drill was interrupted. */
async function verifyAgain(rig: Rig, verify: Verify): Promise<VerifyResult | null> {
  if (rig.signal.aborted) return null
  rig.tell('verify', null, 'verifying the lattice again')
  try {
    return await verify(rig.signal)
  } catch (error) {
    findingOf(error, rig.signal)
    return null
  }
}
