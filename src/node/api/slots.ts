import { Refusal } from './refusal.ts'

/** Places for work that costs: whoever finds none is refused, not queued. */
export class Slots {
  readonly #what: string
  readonly #max: number
  #taken = 0

  constructor(what: string, max: number) {
    this.#what = what
    this.#max = max
  }

  /** Takes a place; the returned function gives it back, once. Throws a 503 when none is free. */
  take(): () => void {
    if (this.#taken >= this.#max) {
      throw new Refusal(503, 'busy', `${this.#max} ${this.#what} are under way already`, {
        hint: 'try again in a second',
        headers: { 'retry-after': '1' },
      })
    }
    this.#taken += 1
    let isHeld = true
    return () => {
      if (isHeld) this.#taken -= 1
      isHeld = false
    }
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    const release = this.take()
    try {
      return await work()
    } finally {
      release()
    }
  }
}
