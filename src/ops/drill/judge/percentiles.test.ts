import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { percentilesOf } from './percentiles.ts'

describe('percentiles', () => {
  it.each([
    [[], { n: 0, p50: null, p95: null, p99: null, max: null }],
    [[7.04], { n: 1, p50: 7, p95: 7, p99: 7, max: 7 }],
    [[3, 1, 2], { n: 3, p50: 2, p95: 3, p99: 3, max: 3 }],
    [
      Array.from({ length: 100 }, (_, index) => 100 - index),
      { n: 100, p50: 50, p95: 95, p99: 99, max: 100 },
    ],
  ])('of %j', (values, expected) => {
    expect(percentilesOf(values)).toEqual(expected)
  })

  it('are values that occurred, with the right share at or below each', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { minLength: 1, maxLength: 300 }), (values) => {
        const { p50, p95, p99, max } = percentilesOf(values)
        for (const [share, value] of [
          [0.5, p50],
          [0.95, p95],
          [0.99, p99],
          [1, max],
        ] as const) {
          if (value === null) throw new Error('null of some values')
          expect(values).toContain(value)
          const below = values.filter((other) => other <= value).length
          const strictlyBelow = values.filter((other) => other < value).length
          expect(below).toBeGreaterThanOrEqual(share * values.length)
          expect(strictlyBelow).toBeLessThan(share * values.length)
        }
      }),
    )
  })
})
