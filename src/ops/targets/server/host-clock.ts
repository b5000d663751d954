import { TargetError } from '../errors.ts'
import { CLOCK_APART_MS_MAX, CLOCK_READING_MS_MAX } from '../limits.ts'

/** When a host was asked for its time and when it had answered, by our clock, and what it said. */
export interface ClockReading {
  askedMs: number
  answeredMs: number
  hostMs: number
}

/** Milliseconds that the host's clock is certainly ahead of ours; negative: behind. 0: it may be right. */
export function certainlyAheadMs({ askedMs, answeredMs, hostMs }: ClockReading): number {
  if (hostMs < askedMs) return hostMs - askedMs
  return hostMs > answeredMs ? hostMs - answeredMs : 0
}

/** Whether the clocks are near enough to each other to start a node there. */
export const isClockFit = (reading: ClockReading): boolean =>
  Math.abs(certainlyAheadMs(reading)) <= CLOCK_APART_MS_MAX

/** By the wall clock, which goes on while this machine sleeps. */
export function isRecent({ answeredMs }: ClockReading, nowMs = Date.now()): boolean {
  const ageMs = nowMs - answeredMs
  return ageMs >= 0 && ageMs <= CLOCK_READING_MS_MAX
}

/**
 * A node that starts with a clock far ahead writes entries that the others hold back for as long, even
 * when its clock is right again.
 *
 * @throws TargetError when the clocks are too far apart to start a node there
 */
export function requireClock(node: string, reading: ClockReading): void {
  if (isClockFit(reading)) return
  const aheadMs = certainlyAheadMs(reading)
  const off = `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`
  throw new TargetError('clock', `the clock of ${node}'s host is ${off} this machine's`, {
    hint: 'put the wrong one right ("timedatectl set-ntp true"); the others would hold back what the node writes',
  })
}
