import type { Failure, NodeOutcome, Outcome } from '../../ops/rollout/progress.ts'
import type { TriangleReport } from '../../ops/verify/observation.ts'
import type { NetworkVerdict } from '../../wire/verdict.ts'
import { count, duration } from './amount.ts'
import type { Paint } from './paint.ts'
import { formatLogLine } from './log-line.ts'
import { indented, table } from './table.ts'
import { formatChecks } from './triangle.ts'
import { markOf } from './verdict.ts'

/** What a verification after a run came to. */
export interface Verification {
  report: TriangleReport
  network: NetworkVerdict
}

/** What came of a deploy or a rollback. */
export interface RunReport {
  kind: 'deploy' | 'rollback'
  outcome: Omit<Outcome, 'nodes'> & { nodes: readonly (NodeOutcome & { url: string })[] }
  /** Null: the nodes are not what was wanted, or only some of them were wanted. */
  verification: Verification | null
}

export function formatRun(report: RunReport, paint: Paint): string {
  const { outcome, verification } = report
  return [
    headline(report, paint),
    ...(outcome.failure === null ? [] : [formatFailed(outcome.failure, paint)]),
    ...outcome.unproven.map((unproven) => `${paint.unsure('?')} ${unproven}`),
    ...outcome.warnings.map((warning) => `${paint.unsure('!')} ${warning}`),
    ...(verification === null ? partly(report, paint) : [formatVerification(verification, paint)]),
    '',
    table(
      outcome.nodes.map((node) => [node.name, node.url, stateOf(node, paint)]),
      '  ',
    ),
  ].join('\n')
}

/** Some nodes were rolled back, those that were switched proven by their gates; the lattice has not one release. */
function partly({ outcome: { result, nodes, release } }: RunReport, paint: Paint): string[] {
  if (result !== 'deployed' && result !== 'unchanged') return []
  const old = nodes.filter((node) => node.generation?.release !== release.id)
  const names = old.map((node) => node.name).join(', ')
  const unseen = 'Nothing was asked of the nodes: status and verify-triangle tell how they are'
  return [
    ...(result === 'unchanged' ? [`${paint.unsure('?')} ${unseen}`] : []),
    `${paint.unsure('!')} Not ${names}: verify-triangle says FAIL until all run one release`,
  ]
}

function headline({ kind, outcome }: RunReport, paint: Paint): string {
  const { result, release, nodes, unproven } = outcome
  const target = `release ${release.id} (${release.version})`
  const there = nodes.filter((node) => node.generation?.release === release.id)
  const verb = kind === 'deploy' ? 'Deployed' : 'Rolled back to'
  switch (result) {
    case 'deployed':
      return unproven.length > 0
        ? `${paint.unsure('?')} ${verb} ${target}: ${count(there.length, 'node')}, not all proven`
        : `${paint.good('✔')} ${verb} ${target}: ${count(there.length, 'node')}, each proven`
    case 'unchanged':
      return `${paint.faint('=')} Unchanged: ${count(there.length, 'node')} on ${target} already`
    case 'restored':
      return `${paint.bad('✘')} Not done: every node is what it was before`
    case 'split':
      return `${paint.bad('✘')} SPLIT: some nodes are neither on ${target} nor proven to be what they were`
  }
}

function formatFailed({ step, node, reason, hint, logTail }: Failure, paint: Paint): string {
  const lines = [
    step === null ? reason : `${step}: ${reason}`,
    ...(hint === undefined ? [] : [`${paint.faint('→')} ${hint}`]),
    ...(logTail.length === 0 ? [] : [paint.faint(`last lines of ${node}’s log:`)]),
    ...logTail.map((line) => `  ${formatLogLine(line, paint)}`),
  ]
  return indented(lines.join('\n'), '  ')
}

/** Two lines when all is well; else everything. */
function formatVerification({ report, network }: Verification, paint: Paint): string {
  const { verdict, checks, unchecked, took_ms } = report
  if (verdict === 'PASS') {
    const left =
      unchecked.length === 0 ? '' : `; not checked: ${unchecked.map(({ id }) => id).join(', ')}`
    return [
      `${paint.good('✔')} Verified: ${count(checks.length, 'check')} passed in ${duration(took_ms)}${left}`,
      network.text,
    ].join('\n')
  }
  return [
    `${markOf(verdict, paint)} The verification says ${verdict}:`,
    formatChecks(checks, unchecked, paint),
    network.text,
  ].join('\n')
}

function stateOf({ state, generation }: NodeOutcome, paint: Paint): string {
  const release = generation === null ? 'nothing deployed' : generation.release
  switch (state) {
    case 'new':
      return paint.good(`new: ${release}`)
    case 'old':
      return paint.unsure(`as before: ${release}`)
    case 'unchanged':
      return paint.faint(release)
    case 'unknown':
      return paint.bad('unknown')
  }
}
