/** 32 bits that look like chance and are the same for the same three numbers (murmur3's finalizer). */
export function mixed(a: number, b: number, c: number): number {
  return stirred(stirred(stirred(0x9e3779b9, a), b), c) >>> 0
}

function stirred(hash: number, number: number): number {
  let next = Math.imul(hash ^ number, 0x85ebca6b)
  next = Math.imul(next ^ (next >>> 13), 0xc2b2ae35)
  return next ^ (next >>> 16)
}

/**
 * Chance without a stream: the n-th number of one subject hangs on the seed, the subject and n, so that a
 * fault taken out of a plan leaves the rest as it was.
 */
export class Chance {
  readonly #seed: number
  readonly #subject: number
  #count = 0

  constructor(seed: number, subject: number) {
    this.#seed = seed
    this.#subject = subject
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return mixed(this.#seed, this.#subject, this.#count++) % bound
  }

  isOneIn(count: number): boolean {
    return this.below(count) === 0
  }

  oneOf<T>(values: readonly T[]): T | undefined {
    return values[this.below(Math.max(1, values.length))]
  }
}
