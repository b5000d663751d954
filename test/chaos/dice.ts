/** Chances that a seed decides (mulberry32): the same seed, the same choices. Not for secrets. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number of `[from, to)`. */
  int(from: number, to: number): number {
    return from + Math.floor(this.#next() * (to - from))
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items]
    return items.flatMap(() => left.splice(this.int(0, left.length), 1))
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
