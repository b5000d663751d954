import type { FaultPlan } from '../../ops/drill/fault-plan.ts'
import type { DrillReport, FaultReport } from '../../ops/drill/judge/report.ts'
import { duration } from './amount.ts'
import type { Paint } from './paint.ts'
import { indented, table } from './table.ts'
import { formatVerdict } from './verdict.ts'

const breaks: Record<FaultPlan['kind'], string> = {
  'p2p-stop': 'stop P2P; the node itself undoes it',
  kill: 'kill -9; the supervisor starts it again',
}

export const formatFaults = (faults: readonly FaultPlan[], paint: Paint): string =>
  table(
    faults.map(({ kind, node }) => [paint.unsure('→'), kind, node, paint.faint(breaks[kind])]),
    '  ',
  )

export function formatDrill(report: DrillReport, file: string | undefined, paint: Paint): string {
  const { verdict, faults, not_drilled, baseline, verified, took_ms, reasons } = report
  const heads = [
    '',
    'fault',
    'node',
    'detected',
    'entries flow again',
    'back after',
    'equal after',
    'writes',
    'lost',
  ]
  return [
    table([heads.map(paint.faint), ...faults.map((fault) => rowOf(fault, paint))], '  '),
    ...not_drilled.map(
      ({ kind, node, reason }) =>
        `  ${paint.unsure('?')} ${kind} on ${node} was not drilled: ${reason}`,
    ),
    '',
    `  without a fault: ${formatVerdict(baseline.verdict, paint)}; verified before: ${verified.before}, after: ${verified.after ?? 'not run'}`,
    ...reasons.map((reason) => indented(reason, `  ${paint.bad('✘')} `)),
    ...faults.flatMap(({ notes }) => notes.map((note) => paint.faint(`  ${note}`))),
    '',
    `${formatVerdict(verdict, paint)} in ${duration(took_ms)}`,
    ...(file === undefined ? [] : [`report: ${file}`]),
  ].join('\n')
}

function rowOf(fault: FaultReport, paint: Paint): string[] {
  const { attempted, succeeded, lost } = fault.writes
  const via = fault.activation_via === null ? '' : ` (${fault.activation_via})`
  return [
    formatVerdict(fault.verdict, paint),
    fault.kind,
    fault.node,
    ms(fault.detection_ms),
    `${ms(fault.activation_ms)}${via}`,
    ms(fault.recovery_ms),
    ms(fault.equal_frontier_ms),
    `${succeeded}/${attempted}`,
    lost === null ? '?' : String(lost),
  ]
}

const ms = (value: number | null): string => (value === null ? 'not seen' : duration(value))
