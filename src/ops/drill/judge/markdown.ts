import type { BaselineReport, DrillReport, FaultReport } from './report.ts'
import type { Availability, WriteCounts } from './writes.ts'

const icons = { PASS: '🟢', FAIL: '🔴', UNKNOWN: '❔' } as const
const NONE = '–'

/** A report for people, as GitHub Markdown. */
export function formatMarkdown(report: DrillReport): string {
  const { objectives } = report
  const lines = [
    '# Failover drill',
    '',
    `${icons[report.verdict]} **${report.verdict}** in ${seconds(report.took_ms)} · phase ${text(report.phase)} · usual transport ${report.transport} · ${report.writes_per_second} writes/s to each node`,
    ...listOf('Why', report.reasons),
    '',
    '## Faults',
    '',
    ...faultTable(report.faults),
    '',
    `Objectives: activation ≤ ${ms(objectives.activation_ms)}; after the return, recovery ≤ ${ms(objectives.recovery_ms)} and equal frontier ≤ ${ms(objectives.equal_frontier_ms)}; ${objectives.lost} lost; ≥ ${percent(objectives.others_success)} of the writes to the other nodes succeed.`,
    ...notDrilled(report),
    ...report.faults.flatMap(faultSection),
    ...baselineSection(report.baseline),
    '',
    `Verified before: ${report.verified.before}; after: ${report.verified.after ?? 'not run'}.`,
    '',
  ]
  return lines.join('\n')
}

function faultTable(faults: readonly FaultReport[]): string[] {
  if (faults.length === 0) return ['None was drilled.']
  return table(
    ['fault', 'node', 'verdict', 'detection', 'activation', 'recovery', 'equal', 'lost', 'others'],
    faults.map((fault) => [
      fault.kind,
      fault.node,
      `${icons[fault.verdict]} ${fault.verdict}`,
      ms(fault.detection_ms),
      fault.activation_via === null
        ? ms(fault.activation_ms)
        : `${ms(fault.activation_ms)} (${fault.activation_via})`,
      ms(fault.recovery_ms),
      ms(fault.equal_frontier_ms),
      fault.writes.lost === null ? 'unknown' : String(fault.writes.lost),
      percent(fault.availability.others.share),
    ]),
  )
}

function faultSection(fault: FaultReport): string[] {
  const { others, target, retrying_client: retrying } = fault.availability
  return [
    '',
    `## ${fault.kind} on ${text(fault.node)}: ${fault.verdict}`,
    '',
    `Outage ${ms(fault.outage_ms)}; oldest missing entry ${ms(fault.staleness_max_ms)}. ${counts(fault.writes)}`,
    '',
    ...availabilityTable([
      ['other nodes', others],
      [`${fault.node} (the fault)`, target],
      ['client that retries', retrying],
    ]),
    ...listOf('Why', fault.reasons),
    ...listOf('Notes', fault.notes),
  ]
}

function baselineSection(baseline: BaselineReport): string[] {
  return [
    '',
    `## Baseline: ${baseline.verdict}`,
    '',
    `${seconds(baseline.took_ms)} without a fault; oldest missing entry ${ms(baseline.staleness_max_ms)}. ${counts(baseline.writes)}`,
    '',
    ...availabilityTable([
      ['all nodes', baseline.availability.nodes],
      ['client that retries', baseline.availability.retrying_client],
    ]),
    ...listOf('Why', baseline.reasons),
  ]
}

const notDrilled = ({ not_drilled: left }: DrillReport): string[] =>
  listOf(
    'Not drilled',
    left.map(({ kind, node, reason }) => `${kind} on ${node}: ${reason}`),
  )

const availabilityTable = (rows: readonly [name: string, availability: Availability][]): string[] =>
  table(
    ['writes to', 'tried', 'succeeded', 'failure rate (95 %)', 'p50', 'p95', 'p99', 'max'],
    rows.map(([name, { attempted, share, failure_rate_below: below, latency_ms: latency }]) => [
      name,
      String(attempted),
      percent(share),
      below === null ? NONE : `< ${Math.ceil(below * 10_000) / 100} %`,
      ms(latency.p50),
      ms(latency.p95),
      ms(latency.p99),
      ms(latency.max),
    ]),
  )

const counts = ({ attempted, succeeded, indeterminate, failed, lost }: WriteCounts): string =>
  `Writes: ${attempted} tried, ${succeeded} acknowledged, ${indeterminate} indeterminate, ${failed} failed, ${lost ?? 'unknown'} lost.`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(text).join(' | ')} |`)

const listOf = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : ['', `${title}:`, '', ...items.map((item) => `- ${text(item)}`)]

/** What nodes said stands in reasons: no line breaks, and nothing that would be markup. */
const text = (value: string): string =>
  value.replaceAll(/\s+/g, ' ').replaceAll(/[\\|<>`*_[\]]/g, String.raw`\$&`)

const ms = (value: number | null): string => (value === null ? NONE : `${value} ms`)
const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`
const percent = (share: number | null): string =>
  share === null ? NONE : `${Math.floor(share * 10_000) / 100} %`
