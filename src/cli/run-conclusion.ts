import type { ExitName } from '../ops/errors.ts'
import type { Plan } from '../ops/rollout/plan.ts'
import type { NodeOutcome, Outcome as RunOutcome } from '../ops/rollout/progress.ts'
import type { HeldRecord } from '../ops/rollout/record.ts'
import { statusOf } from '../ops/verify/status.ts'
import { worstOf } from '../wire/verdict.ts'
import type { App, Outcome } from './command.ts'
import type { Lattice } from './lattice.ts'
import { nextLooks, nextSteps } from './next-steps.ts'
import { formatRun, type RunReport, type Verification } from './output/run.ts'
import { exitOfVerdict } from './verdict-exit.ts'
import { verifyLattice } from './verification.ts'

interface EndedRun {
  plan: Plan
  outcome: RunOutcome
}

/**
 * Verifies what a run led to, writes down that it was proven, and says so. Call it under the lock.
 * `lattice` is as the run should have left it.
 */
export async function concludeRun(
  app: App,
  lattice: Lattice,
  held: HeldRecord,
  { plan, outcome }: EndedRun,
): Promise<Outcome> {
  const { desired } = lattice
  const isDone = outcome.result === 'deployed' || outcome.result === 'unchanged'
  // A rollback of some nodes leaves more than one release, on purpose: its gates have the last word.
  const isWhole = plan.nodes.every((node) => node.next.release === plan.release.id)
  const verification = isDone && isWhole ? await verify(app, lattice, plan) : null
  const isProven = verification?.report.verdict === 'PASS' && outcome.unproven.length === 0
  if (isProven) await held.prove(plan, new Date())
  const nodes = desired.nodes.flatMap(({ name, url }) =>
    outcome.nodes.filter((node) => node.name === name).map((node) => ({ ...node, url })),
  )
  const report = { kind: plan.kind, outcome: { ...outcome, nodes }, verification }
  return {
    exit: exitOf(report),
    json: documentOf(report),
    text: (paint) => {
      const next = isProven ? nextSteps(app, desired, paint) : nextLooks(app, paint)
      return [formatRun(report, paint), ...(isDone ? ['', next] : [])].join('\n')
    },
  }
}

async function verify(app: App, lattice: Lattice, plan: Plan): Promise<Verification> {
  const terms = { expectedRelease: plan.release.id, full: false }
  const report = await verifyLattice(app, lattice, terms)
  const { desired, clients } = lattice
  const { network } = await statusOf({ lattice: desired, clients, signal: app.signal })
  return { report, network }
}

/** What a run comes to. Where some nodes were left out, gates stand for them that were switched. */
export function exitOf({
  outcome,
  verification,
}: Pick<RunReport, 'outcome' | 'verification'>): ExitName {
  switch (outcome.result) {
    case 'split':
      return 'split'
    case 'restored':
      return 'failed'
    case 'deployed':
    case 'unchanged':
      return exitOfVerdict[
        worstOf([
          verification?.report.verdict ?? (outcome.result === 'deployed' ? 'PASS' : 'UNKNOWN'),
          outcome.unproven.length === 0 ? 'PASS' : 'UNKNOWN',
        ])
      ]
  }
}

function documentOf({ outcome, verification }: RunReport): object {
  const { result, run, release, nodes, steps, failure, warnings, unproven } = outcome
  return {
    result,
    release: release.id,
    version: release.version,
    run,
    nodes: nodes.map(nodeDocument),
    steps: steps.map(({ tookMs, ...step }) => ({ ...step, took_ms: Math.round(tookMs) })),
    failure: failureDocument(failure),
    warnings,
    unproven,
    verification: verification && { ...verification.report, network: verification.network },
  }
}

const nodeDocument = ({ name, url, state, generation }: NodeOutcome & { url: string }): object => ({
  name,
  url,
  state,
  release: generation?.release ?? null,
})

const failureDocument = (failure: RunOutcome['failure']): object | null =>
  failure && {
    step: failure.step,
    node: failure.node,
    code: failure.code,
    message: failure.reason,
    hint: failure.hint ?? null,
    log_tail: failure.logTail,
  }
