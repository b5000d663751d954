import { describe, expect, it } from 'vitest'
import { judgeMeasure, msOf, type Measure } from './measure.ts'

describe('a measure against its limit', () => {
  it.each<[Measure, 'FAIL' | 'UNKNOWN' | null]>([
    [{ state: 'observed', ms: 0 }, null],
    [{ state: 'observed', ms: 2000 }, null],
    [{ state: 'observed', ms: 2000.1 }, 'FAIL'],
    [{ state: 'absent', watchedMs: 2000 }, 'FAIL'],
    [{ state: 'absent', watchedMs: 60_000 }, 'FAIL'],
    [{ state: 'absent', watchedMs: 1999 }, 'UNKNOWN'],
    [{ state: 'absent', watchedMs: 0 }, 'UNKNOWN'],
    [{ state: 'unobserved', why: 'nobody looked' }, 'UNKNOWN'],
    [{ state: 'not-applicable', why: 'one node' }, null],
  ])('%j is %s', (measure, verdict) => {
    expect(judgeMeasure('recovery', measure, 2000)?.verdict ?? null).toBe(verdict)
  })

  it.each<[Measure, number | null]>([
    [{ state: 'observed', ms: 12.34 }, 12.3],
    [{ state: 'absent', watchedMs: 100 }, null],
    [{ state: 'unobserved', why: '' }, null],
    [{ state: 'not-applicable', why: '' }, null],
  ])('%j is reported as %s', (measure, expected) => {
    expect(msOf(measure)).toBe(expected)
  })
})
