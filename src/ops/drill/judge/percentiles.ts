import { tenths } from './measure.ts'

/** Milliseconds, one decimal; null of nothing. */
export interface Percentiles {
  n: number
  p50: number | null
  p95: number | null
  p99: number | null
  max: number | null
}

/** By nearest rank: every percentile is a value that occurred. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number | null => {
    const value = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]
    return value === undefined ? null : tenths(value)
  }
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}
