import type { Prompt } from './authentication.ts'

/** A time limit that can be set anew, and that does not run while somebody is asked something. */
export interface Countdown {
  /** Calls `act` after `limitMs`, unless it is started again or stopped before. */
  start(limitMs: number, act: () => void): void
  stop(): void
  /** The same prompt; the time that an answer takes does not count, and `limitMs` begins anew after it. */
  pausing(prompt: Prompt, limitMs: number): Prompt
}

export function countdown(): Countdown {
  let timer: NodeJS.Timeout | undefined
  let act = (): void => {}
  const start = (limitMs: number, next: () => void): void => {
    clearTimeout(timer)
    act = next
    timer = setTimeout(next, limitMs)
  }
  return {
    start,
    stop: () => clearTimeout(timer),
    pausing: (prompt, limitMs) => async (question, signal) => {
      clearTimeout(timer)
      try {
        return await prompt(question, signal)
      } finally {
        if (!signal.aborted) start(limitMs, act)
      }
    },
  }
}
