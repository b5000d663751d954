import { CHANNELS_MAX, CHANNELS_WAITING_MAX } from './limits.ts'

/** Who may have a channel now: a few at once, or, once the server refused one, one after the other. */
export class ChannelSlots {
  #limit = CHANNELS_MAX
  #taken = 0
  readonly #waiting: (() => void)[] = []

  /** How many have a channel, or are about to. */
  get taken(): number {
    return this.#taken
  }

  /** Resolves when there is a place; whoever gets it gives it back. @throws the reason of `signal` */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiting.length >= CHANNELS_WAITING_MAX) {
      throw new RangeError(`more than ${CHANNELS_WAITING_MAX} commands wait for one connection`)
    }
    if (this.#taken < this.#limit) {
      this.#taken += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', abort)
        this.#taken += 1
        resolve()
      }
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(start)
    })
  }

  giveBack(): void {
    this.#taken -= 1
    this.#admit()
  }

  /** From now on one at a time: the server refused another channel beside those that are open. */
  narrow(): void {
    this.#limit = 1
  }

  #admit(): void {
    while (this.#taken < this.#limit) {
      const start = this.#waiting.shift()
      if (start === undefined) return
      start()
    }
  }
}
