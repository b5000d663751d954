import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Median and range of several runs. */
export interface Figure {
  median: number
  min: number
  max: number
  n: number
}

export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)]
  const [min] = sorted
  const max = sorted.at(-1)
  if (middle === undefined || min === undefined || max === undefined)
    throw new RangeError('nothing was measured')
  return { median: middle, min, max, n: sorted.length }
}

/** The smallest value that so many per cent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]
  if (value === undefined) throw new RangeError('nothing was measured')
  return value
}

/** Resident memory of a process now, and the most it ever was; from Linux's /proc. */
export function memoryOf(pid: number): { rssMb: number; peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mb = (line: RegExp): number => (Number(line.exec(status)?.[1]) * 1024) / 1e6
  return { rssMb: mb(/VmRSS:\s+(\d+)/), peakMb: mb(/VmHWM:\s+(\d+)/) }
}

/** Milliseconds that a command takes, and what it printed. Throws unless it exits 0. */
export function timed(
  command: string,
  args: readonly string[],
  cwd: string,
): { ms: number; stdout: string } {
  const startedMs = performance.now()
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ms = performance.now() - startedMs
  if (result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} exited ${String(result.status)}: ${result.stdout.slice(-2000)}${result.stderr.slice(-2000)}`,
    )
  return { ms, stdout: result.stdout }
}

/** What others wrote and did not flush is not left to who flushes next. */
export function flushDisk(): void {
  timed('sync', [], '/')
}

/**
 * Runs several measures in turn, round after round, so that what the machine does besides meets all of
 * them alike; the first round only warms up.
 */
export async function interleaved<Name extends string>(
  measures: Readonly<Record<Name, () => number | Promise<number>>>,
  rounds: number,
): Promise<Record<Name, Figure>> {
  const names = Object.keys(measures) as Name[]
  const values = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const value = await measures[name]()
      if (round > 0) values[name].push(value)
    }
  }
  return Object.fromEntries(names.map((name) => [name, figureOf(values[name])])) as Record<
    Name,
    Figure
  >
}
