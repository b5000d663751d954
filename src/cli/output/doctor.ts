import type { Diagnosis, Dial, Finding, Mark, NodeDiagnosis } from '../../ops/doctor/diagnosis.ts'
import { count, duration } from './amount.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'
import { formatVerdict } from './verdict.ts'

/** What is wrong comes first and in full; what is right is a line a node. `--json` has all of it. */
export function formatDiagnosis(diagnosis: Diagnosis, paint: Paint): string {
  const { verdict, nodes, dials, unchecked, tookMs } = diagnosis
  const warnings = nodes.flatMap((node) => node.findings).filter(({ mark }) => mark === 'WARN')
  const warned = warnings.length === 0 ? '' : `, ${count(warnings.length, 'warning')}`
  return [
    ...nodes.flatMap((node) => [formatNode(node, paint), '']),
    ...(dials.length === 0 ? [] : [formatDials(dials, nodes, paint), '']),
    ...formatUnchecked(unchecked, paint),
    `${formatVerdict(verdict, paint)}${warned} in ${duration(tookMs)}. Nothing was changed.`,
  ].join('\n')
}

const order: readonly Mark[] = ['FAIL', 'UNKNOWN', 'WARN']

function formatNode({ name, place, findings }: NodeDiagnosis, paint: Paint): string {
  const told = order.flatMap((mark) => findings.filter((finding) => finding.mark === mark))
  const shared = told.filter((finding) => isShared(finding, told))
  const own = told.filter((finding) => !shared.includes(finding))
  const rows = table(own.map(({ check, finding }) => [check, finding])).split('\n')
  const passed = findings.filter(({ mark }) => mark === 'PASS')
  return [
    `${paint.strong(name)} ${paint.faint(place)}`,
    ...own.flatMap((finding, index) => [
      `  ${markWord(finding.mark, paint)}  ${rows[index]}`,
      ...hintOf(finding, paint),
    ]),
    ...[...new Set(shared.map(({ finding }) => finding))].map((text) => {
      const checks = listOf(shared.filter(({ finding }) => finding === text))
      return `  ${markWord('UNKNOWN', paint)}  ${text}: ${checks}`
    }),
    ...(passed.length === 0 ? [] : [`  ${markWord('PASS', paint)}  ${listOf(passed)}`]),
  ].join('\n')
}

/** Checks that are unknown for one and the same reason take one line. */
const isShared = (one: Finding, told: readonly Finding[]): boolean =>
  one.mark === 'UNKNOWN' &&
  one.hint === null &&
  told.some((other) => other !== one && other.hint === null && other.finding === one.finding)

const listOf = (findings: readonly Finding[]): string =>
  findings.map(({ check }) => check).join(', ')

const hintOf = ({ hint }: Finding, paint: Paint): string[] =>
  hint === null ? [] : [`             ${paint.faint('→')} ${hint}`]

/** As wide as the widest, so that what follows stands in a column. */
function markWord(mark: Mark, paint: Paint): string {
  const shown = mark === 'WARN' ? paint.unsure('! WARN') : formatVerdict(mark, paint)
  return shown + ' '.repeat('UNKNOWN'.length - mark.length)
}

/** Who could dial whom: a row for who dials, a column for who is dialled, HTTP before libp2p. */
function formatDials(
  dials: readonly Dial[],
  nodes: readonly NodeDiagnosis[],
  paint: Paint,
): string {
  const names = [...new Set([...nodes.map(({ name }) => name), ...dials.map(({ to }) => to)])]
  const from = names.filter((name) => dials.some((dial) => dial.from === name))
  const to = names.filter((name) => dials.some((dial) => dial.to === name))
  const cell = (row: string, column: string): string => {
    if (row === column) return '·'
    const own = dials.filter((dial) => dial.from === row && dial.to === column)
    return own.map(({ transport, outcome }) => `${transport} ${word(outcome, paint)}`).join(', ')
  }
  return table(
    [
      [paint.faint('dials'), ...to.map(paint.faint)],
      ...from.map((row) => [row, ...to.map((column) => cell(row, column))]),
    ],
    '  ',
  )
}

function word(outcome: Dial['outcome'], paint: Paint): string {
  if (outcome === 'open') return paint.good('open')
  if (outcome === 'closed') return 'closed'
  return outcome === null || outcome === 'failed' ? paint.unsure('?') : paint.bad(outcome)
}

const formatUnchecked = (unchecked: Diagnosis['unchecked'], paint: Paint): string[] =>
  unchecked.length === 0
    ? []
    : [
        paint.faint('  Not checked:'),
        ...unchecked.map(({ id, reason }) => paint.faint(`  - ${id}: ${reason}`)),
        '',
      ]
