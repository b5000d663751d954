/** What is to happen when, in a world whose time only this moves. */
export class Agenda {
  #nowMs = 0
  #order = 0
  /** Latest first, so that the next one is taken from the end. */
  readonly #actions: { atMs: number; order: number; act: () => void | Promise<void> }[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  /** What is due at one moment happens in the order it was asked for. */
  at(atMs: number, act: () => void | Promise<void>): void {
    const action = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, act }
    let low = 0
    let high = this.#actions.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#actions[middle]
      if (other !== undefined && other.atMs > action.atMs) low = middle + 1
      else high = middle
    }
    this.#actions.splice(low, 0, action)
  }

  after(ms: number, act: () => void | Promise<void>): void {
    this.at(this.#nowMs + ms, act)
  }

  /** Lets everything happen that is due up to then. */
  async runUntil(untilMs: number): Promise<void> {
    for (let next = this.#actions.at(-1); next !== undefined; next = this.#actions.at(-1)) {
      if (next.atMs > untilMs) break
      this.#actions.pop()
      this.#nowMs = next.atMs
      const pending = next.act()
      if (pending !== undefined) await pending
    }
    this.#nowMs = untilMs
  }
}
