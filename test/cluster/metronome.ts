/** Milliseconds between two ticks. */
const TICK_MS = 20
/** A promise runs through at most so many processes one after the other, each with its own share of the machine. */
const PROCESSES = 3

/**
 * Tells how much time the machine did not give to this process, so that a promise of time is held
 * against a node only for the time that it got: on an idle machine the promise counts as it stands.
 */
export class Metronome implements Disposable {
  #lostMs = 0
  #lastMs = performance.now()
  readonly #timer = setInterval(() => this.#tick(), TICK_MS)

  /** `promisedMs`, and what processes here have lost since the metronome was started. */
  allowanceMs(promisedMs: number): number {
    this.#tick()
    return promisedMs + PROCESSES * this.#lostMs
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#lostMs += Math.max(0, nowMs - this.#lastMs - TICK_MS)
    this.#lastMs = nowMs
  }
}
