import { cpus, totalmem } from 'node:os'
import type { Figure } from './measure.ts'

/** One measure: ours, and beside it what was measured in the same run. */
export interface Row {
  /** Stable: results of several runs are compared by it. */
  id: string
  /** What is measured, in a few words. */
  about: string
  unit: string
  ours: Figure
  /** By name of the peer. */
  peers?: Readonly<Record<string, Figure>>
  floor?: Figure
  /** Whether more is better; less is, otherwise. */
  isMoreBetter?: boolean
  targets?: readonly Target[]
  /** What is missing in this row, and why. */
  missing?: readonly string[]
  /** Further figures of the same measure. */
  extra?: Readonly<Record<string, number>>
}

/** What we want, and what came of it in this run. Never a test. */
export interface Target {
  text: string
  value: number
  isReached: boolean
}

export const atMost = (what: string, value: number, limit: number): Target => ({
  text: `${what} ≤ ${limit}`,
  value,
  isReached: value <= limit,
})

export const atLeast = (what: string, value: number, limit: number): Target => ({
  text: `${what} ≥ ${limit}`,
  value,
  isReached: value >= limit,
})

/** The peer that comes out best. */
export function bestPeer({ peers = {}, isMoreBetter = false }: Row): [string, Figure] | null {
  const ranked = Object.entries(peers).toSorted(([, a], [, b]) => a.median - b.median)
  return (isMoreBetter ? ranked.at(-1) : ranked[0]) ?? null
}

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memory_gb: Math.round(totalmem() / 1e9),
  node: process.version,
}

/** What `--json` writes. Ratios are ours divided by theirs. */
export function report(rows: readonly Row[]): object {
  return {
    machine,
    rows: rows.map((row) => {
      const { id, about, unit, ours, floor, isMoreBetter = false } = row
      const [peerName, peer] = bestPeer(row) ?? [null, null]
      return {
        id,
        about,
        unit,
        better: isMoreBetter ? 'higher' : 'lower',
        ours: ours.median,
        peer: peer?.median ?? null,
        peer_name: peerName,
        floor: floor?.median ?? null,
        ratio_to_peer: peer === null ? null : ours.median / peer.median,
        ratio_to_floor: floor === undefined ? null : ours.median / floor.median,
        n: ours.n,
        min: ours.min,
        max: ours.max,
        peers: row.peers ?? {},
        floor_range: floor ?? null,
        targets: (row.targets ?? []).map(({ text, value, isReached }) => ({
          text,
          value,
          is_reached: isReached,
        })),
        missing: row.missing ?? [],
        ...row.extra,
      }
    }),
  }
}

/** A row for people: one line of figures, then what was wanted and what is missing. */
export function formatRow(row: Row): string {
  const { id, about, unit, ours, floor, peers = {}, targets = [], missing = [], extra = {} } = row
  const others = [
    ...Object.entries(peers),
    ...(floor === undefined ? [] : [['floor', floor] as const]),
  ]
  const beside = others.map(
    ([name, figure]) =>
      `${name} ${range(figure)} (ours is ${round(ours.median / figure.median)} of it)`,
  )
  const further = Object.entries(extra).map(([name, value]) => `${name} ${round(value)}`)
  return [
    `${id.padEnd(24)} ${range(ours)} ${unit}   ${about}`,
    ...[...beside, ...(further.length > 0 ? [further.join(', ')] : [])].map(
      (line) => `    ${line}`,
    ),
    ...targets.map(
      ({ text, value, isReached }) =>
        `    ${isReached ? 'reached' : 'NOT reached'}: ${text}, is ${round(value)}`,
    ),
    ...missing.map((reason) => `    missing: ${reason}`),
  ].join('\n')
}

/** What `--markdown` of `command` writes. */
export function markdown(rows: readonly Row[], command: string): string {
  const cells = rows.map((row) => {
    const [peerName, peer] = bestPeer(row) ?? ['', undefined]
    const targets = (row.targets ?? []).map(
      ({ text, value, isReached }) => `${isReached ? '✓' : '✗'} ${text} (${round(value)})`,
    )
    return [
      `\`${row.id}\``,
      row.about,
      `${range(row.ours)} ${row.unit}`,
      peer === undefined ? '' : `${range(peer)} (${peerName})`,
      row.floor === undefined ? '' : range(row.floor),
      [...targets, ...(row.missing ?? [])].join('<br>'),
    ]
  })
  const table = [['row', 'what', 'ours', 'best peer', 'floor', 'wanted (here)'], ...cells].map(
    (line) => `| ${line.join(' | ')} |`,
  )
  table.splice(1, 0, '|---|---|---|---|---|---|')
  const { cpu, cores, memory_gb, node } = machine
  return `# Figures of one run

Made by \`${command} -- --markdown FILE\` on ${cores} cores (${cpu}), ${memory_gb} GB, Node.js ${node}. Medians, with the range of the rounds.

${table.join('\n')}
`
}

const range = ({ median, min, max, n }: Figure): string =>
  n === 1 ? round(median) : `${round(median)} [${round(min)} to ${round(max)}, n=${n}]`

function round(value: number): string {
  const magnitude = Math.abs(value)
  if (magnitude >= 100) return value.toFixed(0)
  return magnitude >= 1 ? value.toFixed(2) : value.toFixed(4)
}
