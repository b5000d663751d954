import { expect, test } from 'vitest'
import { certainlyAheadMs, isRecent, requireClock } from './host-clock.ts'

const HOUR_MS = 3_600_000

test.for([
  ['within the round trip', 1050, 0],
  ['as the question was sent', 1000, 0],
  ['as the answer came', 1100, 0],
  ['ahead', 1101, 1],
  ['behind', 999, -1],
  ['an hour ahead', 1100 + HOUR_MS, HOUR_MS],
])('a clock that is %s', ([_what, hostMs, aheadMs]) => {
  expect(certainlyAheadMs({ askedMs: 1000, answeredMs: 1100, hostMs: Number(hostMs) })).toBe(
    aheadMs,
  )
})

const requireOff = (offsetMs: number): void =>
  requireClock('node2', { askedMs: HOUR_MS, answeredMs: HOUR_MS, hostMs: HOUR_MS + offsetMs })

test.for([30_000, -30_000])('one that is %d ms off will do', (offsetMs) => {
  expect(() => requireOff(offsetMs)).not.toThrow()
})

test.for([
  [31_000, "the clock of node2's host is 31 s ahead of this machine's"],
  [-HOUR_MS, "the clock of node2's host is 3600 s behind this machine's"],
] as const)('one that is %d ms off will not', ([offsetMs, message]) => {
  expect(() => requireOff(offsetMs)).toThrow(message)
})

test.for([
  ['just now', 0, true],
  ['half a minute ago', 30_000, true],
  ['before that', 30_001, false],
  ['later than now: our clock was set back', -1, false],
] as const)('what was read %s', ([_when, agoMs, isStillGood]) => {
  const reading = { askedMs: HOUR_MS - 10, answeredMs: HOUR_MS, hostMs: HOUR_MS }
  expect(isRecent(reading, HOUR_MS + agoMs)).toBe(isStillGood)
})
