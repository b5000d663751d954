/**
 * Milliseconds in which further signals count as the first one told again: a Ctrl-C reaches every
 * process of a terminal's group, and some of them hand it on.
 */
export const REPEAT_MS = 500

export type Reaction = 'stop' | 'ignore' | 'leave'

/**
 * What a signal to end means: the first asks the command to stop and clean up, a later one skips the
 * clean-up. `nowMs` is any clock that never goes back.
 */
export function interruptions(): (nowMs: number) => Reaction {
  let firstMs: number | null = null
  return (nowMs) => {
    if (firstMs === null) {
      firstMs = nowMs
      return 'stop'
    }
    return nowMs - firstMs < REPEAT_MS ? 'ignore' : 'leave'
  }
}
