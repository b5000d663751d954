import { worstOf, type Verdict } from '../../src/wire/verdict.ts'
import type { SetVerdict } from './history.ts'

/** What was seen in a campaign. Times in ms; null: it did not come about. */
export interface Observed {
  seed: number
  killsAsked: number
  kills: number
  /** Kills of a node that lacked entries which others held. */
  killsBehind: number
  /** Strikes, by kind. */
  struck: Record<string, number>
  wipes: number
  loadMs: number
  /** From each process to its first `ready`. */
  startsMs: readonly number[]
  equalMs: number | null
  finalMs: number | null
  reads: number
  demotions: number
  /** Entries on each node at the end. */
  entries: readonly number[]
  /** Null: the sets could not be read. */
  set: SetVerdict | null
  violations: readonly string[]
  /** Where the nodes' files and logs are, kept unless all is well. */
  directory: string
}

export interface Report extends Omit<Observed, 'startsMs'> {
  verdict: Verdict
  start: { n: number; p50: number; p99: number; max: number }
  /** What would have to be seen for a PASS, and was not. */
  unseen: string[]
}

/** FAIL for any violation; UNKNOWN when something that had to be seen was not. Pure. */
export function reportOf({ startsMs, ...observed }: Observed): Report {
  const { set } = observed
  const violations = [
    ...observed.violations,
    ...(set === null ? [] : [...set.lost, ...set.duplicated, ...set.phantom]),
  ]
  const unseen = unseenIn(observed)
  return {
    ...observed,
    violations,
    unseen,
    start: {
      n: startsMs.length,
      p50: percentile(startsMs, 50),
      p99: percentile(startsMs, 99),
      max: percentile(startsMs, 100),
    },
    verdict: worstOf([
      violations.length > 0 ? 'FAIL' : 'PASS',
      unseen.length > 0 ? 'UNKNOWN' : 'PASS',
    ]),
  }
}

/** Every level must have been acknowledged, or nothing was shown about it. */
export const LEVELS = ['local', 'replicated:2', 'replicated:3', 'final']

function unseenIn(observed: Omit<Observed, 'startsMs'>): string[] {
  const { set, kills, killsAsked, reads, equalMs, finalMs } = observed
  const levels = LEVELS.filter((level) => (set?.acknowledgedAs[level] ?? 0) === 0)
  return [
    ...(set === null ? ['the sets that the nodes hold'] : []),
    ...(kills < killsAsked ? [`${killsAsked - kills} of ${killsAsked} kills`] : []),
    ...(reads === 0 ? ['any answer to a reader'] : []),
    ...(equalMs === null ? ['equal roots'] : []),
    ...(finalMs === null ? ['everything final'] : []),
    ...levels.map((level) => `an acknowledgement at ${level}`),
  ]
}

/** The least value that so many percent do not exceed; 0 of none. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0
}

const SHOWN_MAX = 20

/** For people: one figure a line, the verdict last. */
export function format(report: Report): string {
  const { set, start, struck } = report
  const ms = (value: number | null): string =>
    value === null ? 'never' : `${Math.round(value)} ms`
  const list = (counts: Record<string, number>): string =>
    Object.entries(counts)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  const lines = [
    `seed ${report.seed}, ${Math.round(report.loadMs / 1000)} s under load`,
    `kills: ${report.kills} of ${report.killsAsked}; ${report.killsBehind} while entries were fetched, ${report.wipes} with the disk`,
    `strikes: ${list(struck)}`,
    `spawn to ready: p50 ${ms(start.p50)}, p99 ${ms(start.p99)}, max ${ms(start.max)}, n ${start.n}`,
    `entries on each node: ${report.entries.join(', ')}; ${report.reads} rounds of reading`,
    ...(set === null ? [] : setLines(set, list)),
    `to equal roots and state roots: ${ms(report.equalMs)}; then to everything final: ${ms(report.finalMs)}`,
    `final receipts shown as provisional again after a restart: ${report.demotions}`,
    ...report.violations.slice(0, SHOWN_MAX).map((violation) => `✘ ${violation}`),
    ...(report.violations.length > SHOWN_MAX
      ? [`✘ and ${report.violations.length - SHOWN_MAX} more; --json has them all`]
      : []),
    ...report.unseen.map((what) => `? not seen: ${what}`),
    ...(report.verdict === 'PASS' ? [] : [`logs and stores: ${report.directory}`]),
    report.verdict,
  ]
  return `${lines.join('\n')}\n`
}

const setLines = (set: SetVerdict, list: (counts: Record<string, number>) => string): string[] => [
  `sent: ${set.attempts}; acknowledged: ${set.acknowledged} (${list(set.acknowledgedAs)})`,
  `refused: ${set.refused}; unknown: ${set.unknown}, of which written: ${set.unknownFound}`,
  `lost: ${set.lost.length}; lost with the only disk: ${set.lostWithDisk}; duplicated: ${set.duplicated.length}; never sent: ${set.phantom.length}`,
]
