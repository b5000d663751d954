import type { OldDirectory, SealSeen } from '../../ops/mend/retire.ts'
import type { Verdict } from '../../wire/verdict.ts'
import { count } from './amount.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'
import { formatVerdict } from './verdict.ts'

export function formatDirectories(
  node: string,
  directories: readonly OldDirectory[],
  paint: Paint,
): string {
  if (directories.length === 0) return `${node} has lost no directory whose log could be ended.`
  const heads = ['incarnation', 'entries'].map(paint.faint)
  const rows = directories.map(({ incarnation, entries }) => [incarnation, String(entries)])
  return `${node} wrote in these before, and does not now:\n${table([heads, ...rows], '  ')}`
}

export interface RetiredLog {
  node: string
  incarnation: string
  size: number
  verdict: Verdict
  seen: readonly SealSeen[]
}

export function formatRetired(retired: RetiredLog, paint: Paint): string {
  const { node, incarnation, size, verdict, seen } = retired
  const rows = seen.map((one) => [formatVerdict(one.verdict, paint), one.node, one.message])
  const what = `the log ${incarnation} of ${node} ends with ${count(size, 'entry', 'entries')}`
  return [table(rows, '  '), '', `${formatVerdict(verdict, paint)}: ${what}.`].join('\n')
}
