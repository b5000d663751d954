import type { Caller } from './callers.ts'
import { RESERVED_SHARE } from './limits.ts'
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

  get isIdle(): boolean {
    return this.#taken === 0
  }

  /** Takes a place; the returned function gives it back, once. Throws a 503 when none is free. */
  take(): () => void {
    if (this.#taken >= this.#max) throw busy(`${this.#max} ${this.#what} are under way already`)
    this.#taken += 1
    return once(() => (this.#taken -= 1))
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

/**
 * Places that anybody may ask for. A share of them is for members and operators, so that no crowd of
 * strangers keeps the nodes apart; and one caller gets so many, so that it is no crowd by itself.
 */
export class SharedSlots {
  readonly #what: string
  readonly #all: Slots
  readonly #strangers: Slots
  readonly #callerMax: number
  readonly #callers = new Map<string, Slots>()

  constructor(what: string, max: number, callerMax: number) {
    this.#what = what
    this.#all = new Slots(what, max)
    this.#strangers = new Slots(`${what} of strangers`, max - Math.floor(max * RESERVED_SHARE))
    this.#callerMax = callerMax
  }

  /** Takes a place; the returned function gives it back, once. Throws a 503 when there is none for this caller. */
  take({ name, isProven }: Caller): () => void {
    const own = this.#callers.get(name) ?? new Slots(`${this.#what} of yours`, this.#callerMax)
    const releases: (() => void)[] = []
    const release = once(() => {
      for (const give of releases) give()
      if (own.isIdle) this.#callers.delete(name)
    })
    try {
      releases.push(own.take())
      this.#callers.set(name, own)
      if (!isProven) releases.push(this.#strangers.take())
      releases.push(this.#all.take())
      return release
    } catch (error) {
      release()
      throw error
    }
  }

  async during<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
    const release = this.take(caller)
    try {
      return await work()
    } finally {
      release()
    }
  }
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

const busy = (message: string): Refusal =>
  new Refusal(503, 'busy', message, {
    hint: 'try again in a second',
    headers: { 'retry-after': '1' },
  })
