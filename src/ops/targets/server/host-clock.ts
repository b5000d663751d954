import { TargetError } from '../errors.ts'
import { CLOCK_APART_MS_MAX } from '../limits.ts'

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

/**
 * A node that starts with a clock far ahead writes entries that the others hold back for as long, even
 * when its clock is right again.
 *
 * @throws TargetError when the clocks are too far apart to start a node there
 */
export function requireClock(node: string, reading: ClockReading): void {
  const aheadMs = certainlyAheadMs(reading)
  if (Math.abs(aheadMs) <= CLOCK_APART_MS_MAX) return
  const off = `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`
  throw new TargetError('clock', `the clock of ${node}'s host is ${off} this machine's`, {
    hint: 'put the wrong one right ("timedatectl set-ntp true"); the others would hold back what the node writes',
  })
}
