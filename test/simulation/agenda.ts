type Act = () => void | Promise<void>

/** What is to happen when, in a world whose time only this moves. */
export class Agenda {
  #nowMs = 0
  #order = 0
  /** A binary heap, the next one first. What is due at one moment happens in the order it was asked for. */
  readonly #heap: { atMs: number; order: number; act: Act }[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  at(atMs: number, act: Act): void {
    const heap = this.#heap
    const action = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, act }
    let index = heap.length
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || isBefore(parent, action)) break
      heap[index] = parent
      index = above
    }
    heap[index] = action
  }

  after(ms: number, act: Act): void {
    this.at(this.#nowMs + ms, act)
  }

  /** Lets everything happen that is due up to then. Waits only for what is a promise: few actions are. */
  async runUntil(untilMs: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
      if (next.atMs > untilMs) break
      this.#removeFirst()
      this.#nowMs = next.atMs
      const pending = next.act()
      if (pending !== undefined) await pending
    }
    this.#nowMs = untilMs
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let below = 2 * index + 1
      const [left, right] = [heap[below], heap[below + 1]]
      if (left === undefined) break
      if (right !== undefined && isBefore(right, left)) below += 1
      const child = heap[below]
      if (child === undefined || isBefore(last, child)) break
      heap[index] = child
      index = below
    }
    heap[index] = last
  }
}

const isBefore = (
  a: { atMs: number; order: number },
  b: { atMs: number; order: number },
): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
