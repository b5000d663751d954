import type { Verdict } from '../../../wire/verdict.ts'

/** How long something took, or why there is no such time. Never a number that nobody saw. */
export type Measure =
  | { state: 'observed'; ms: number }
  /** It was watched for and did not happen within this. */
  | { state: 'absent'; watchedMs: number }
  | { state: 'unobserved'; why: string }
  /** There is nothing to measure in this lattice. */
  | { state: 'not-applicable'; why: string }

/** Why something is not PASS. */
export interface Finding {
  verdict: Exclude<Verdict, 'PASS'>
  reason: string
}

/** Milliseconds with one decimal; null when there is no time. */
export const msOf = (measure: Measure): number | null =>
  measure.state === 'observed' ? tenths(measure.ms) : null

export const tenths = (ms: number): number => Math.round(ms * 10) / 10

/** Null: as it should be. What was watched for less than the limit is not judged. */
export function judgeMeasure(what: string, measure: Measure, limitMs: number): Finding | null {
  switch (measure.state) {
    case 'observed':
      if (measure.ms <= limitMs) return null
      return { verdict: 'FAIL', reason: `${what} took ${ms(measure.ms)}, over ${ms(limitMs)}` }
    case 'absent':
      return measure.watchedMs >= limitMs
        ? { verdict: 'FAIL', reason: `no ${what} within ${ms(measure.watchedMs)}` }
        : {
            verdict: 'UNKNOWN',
            reason: `no ${what} seen, but watched for ${ms(measure.watchedMs)} only`,
          }
    case 'unobserved':
      return { verdict: 'UNKNOWN', reason: `${what} not observed: ${measure.why}` }
    case 'not-applicable':
      return null
  }
}

const ms = (value: number): string => `${Math.round(value)} ms`
