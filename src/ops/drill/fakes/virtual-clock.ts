import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../client/clock.ts'

interface Timer {
  atMs: number
  fire: () => void
}

/** Time that passes only while nothing else is left to do: a minute of a drill takes a moment, always the same. */
export class VirtualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<Timer>()

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const cancel = this.after(ms, () => {
        signal.removeEventListener('abort', abort)
        resolve()
      })
      const abort = (): void => {
        cancel()
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** Returns what cancels it. */
  after(ms: number, fire: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, fire }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Time passes and nothing runs, as when a laptop sleeps. */
  suspend(ms: number): void {
    this.#nowMs += ms
  }

  /** Lets time pass until `work` has ended. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const note = (): void => {
      isDone = true
    }
    void work.catch(() => undefined).finally(note)
    for (;;) {
      await setImmediate()
      if (isDone) return work
      const next = this.#next()
      if (next === null) throw new Error('nothing is due, and the work has not ended')
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.fire()
    }
  }

  /** The first of those due first. */
  #next(): Timer | null {
    let next: Timer | null = null
    for (const timer of this.#timers) if (next === null || timer.atMs < next.atMs) next = timer
    return next
  }
}
