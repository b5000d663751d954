import { describe, expect, it } from 'vitest'
import { exitsInRowAfter, isWorthRestarting, restartDelayMs } from './restart.ts'

describe('an exited node', () => {
  it('is started again after 1 s, then after twice as long, at most 30 s', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 2000].map(restartDelayMs)
    expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1000))
  })

  it.each([
    [0, 10, 1],
    [4, 59_999, 5],
    [4, 60_000, 1],
  ])('counts %i exits, then %i ms, then an exit as %i in a row', (before, ranMs, after) => {
    expect(exitsInRowAfter(before, ranMs)).toBe(after)
  })

  it.each([
    [0, true],
    [1, true],
    [78, false],
    [null, true],
  ])('with code %s is worth another start: %s', (code, isWorth) => {
    expect(isWorthRestarting({ code })).toBe(isWorth)
  })
})
