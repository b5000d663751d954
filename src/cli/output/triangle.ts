import { stringify } from 'yaml'
import type {
  CheckResult,
  Json,
  ReportedNode,
  TriangleReport,
  Unchecked,
} from '../../ops/verify/observation.ts'
import { duration } from './amount.ts'
import type { Paint } from './paint.ts'
import { indented, table } from './table.ts'
import { formatVerdict } from './verdict.ts'

/** Lines of evidence that one check shows here; `--json` has all of it. */
const EVIDENCE_LINES_MAX = 24
const EVIDENCE_INDENT = ' '.repeat(12)

/** A whole report; `network` is the verdict on the network in one line. */
export function formatTriangle(report: TriangleReport, network: string, paint: Paint): string {
  const { verdict, checks, nodes, unchecked, took_ms } = report
  return [
    formatChecks(checks, unchecked, paint),
    '',
    formatNodes(nodes, paint),
    '',
    `${formatVerdict(verdict, paint)} in ${duration(took_ms)}. ${network}`,
  ].join('\n')
}

/** A line per check, with evidence where it is not PASS, then what was not looked at. */
export function formatChecks(
  checks: readonly CheckResult[],
  unchecked: readonly Unchecked[],
  paint: Paint,
): string {
  const rows = table(
    checks.map(({ id, verdict, summary }) => [formatVerdict(verdict, paint), id, summary]),
    '  ',
  ).split('\n')
  const lines = checks.flatMap(({ verdict, evidence }, index) => [
    rows[index] ?? '',
    ...(verdict === 'PASS' ? [] : [paint.faint(formatEvidence(evidence))]),
  ])
  if (unchecked.length === 0) return lines.join('\n')
  return [
    ...lines,
    '  Not checked:',
    ...unchecked.map(({ id, reason }) => `  - ${id}: ${reason}`),
  ].join('\n')
}

function formatEvidence(evidence: Json): string {
  const text = stringify(telling(evidence), { lineWidth: 0 }).trimEnd()
  const lines = text.split('\n')
  const rest = lines.length - EVIDENCE_LINES_MAX
  const shown = lines.slice(0, EVIDENCE_LINES_MAX)
  if (rest > 0) shown.push(`… ${rest} more lines; --json has all of them`)
  return indented(shown.join('\n'), EVIDENCE_INDENT)
}

/** Without what passed, where parts have verdicts of their own, and without what is empty. */
function telling(value: Json): Json {
  if (isList(value)) return value.filter((part) => !hasPassed(part)).map(telling)
  if (value === null || typeof value !== 'object') return value
  const parts = Object.entries(value).filter(([, part]) => !isEmpty(part))
  return Object.fromEntries(parts.map(([name, part]) => [name, telling(part)]))
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

const hasPassed = (part: Json): boolean =>
  part !== null && typeof part === 'object' && 'verdict' in part && part.verdict === 'PASS'

const isEmpty = (part: Json): boolean => part === null || (isList(part) && part.length === 0)

function formatNodes(nodes: readonly ReportedNode[], paint: Paint): string {
  const heads = ['node', 'url', 'mode', 'entries', 'merkle root', 'release'].map(paint.faint)
  const rows = nodes.map((node) =>
    node.reachable
      ? [
          node.name,
          node.url,
          node.mode ?? '?',
          node.entries === null ? '?' : String(node.entries),
          node.merkle_root === null ? '?' : node.merkle_root.slice(0, 12),
          node.release ?? '?',
        ]
      : [node.name, node.url, '?', '?', '?', paint.unsure('not proven to be there')],
  )
  return table([heads, ...rows], '  ')
}
