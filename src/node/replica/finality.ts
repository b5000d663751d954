import type { AuthorId } from '../../wire/author.ts'
import type { Position } from '../../wire/entry.ts'
import { totalOf, type Frontier } from '../../wire/frontier.ts'

/**
 * How much of each log is final: below the clock floor of everybody, so that nothing can come before it
 * any more. It never shrinks.
 */
export class Finality {
  readonly #clockOf: (author: AuthorId, seq: number) => number
  #clock = 0
  #sizes = new Map<AuthorId, number>()
  #count = 0

  constructor(clockOf: (author: AuthorId, seq: number) => number) {
    this.#clockOf = clockOf
  }

  /** The floor, microseconds. */
  get clock(): number {
    return this.#clock
  }

  /** Final entries in all logs. */
  get count(): number {
    return this.#count
  }

  sizeOf(author: AuthorId): number {
    return this.#sizes.get(author) ?? 0
  }

  /**
   * Raises the floor, and with it what is final of the folded entries, of which `last` is the last. False
   * when the floor was as high before.
   */
  raise(clockFloor: number, folded: Frontier, last: Position | null): boolean {
    if (clockFloor <= this.#clock) return false
    this.#clock = clockFloor
    if (this.#count === totalOf(folded)) return true
    const isAll = last === null || last.hlc < clockFloor
    for (const [author, size] of folded)
      this.#set(author, isAll ? size : this.#below(author, size, clockFloor))
    return true
  }

  /** The next entry of an author is final. */
  add({ author, seq }: Position): void {
    this.#set(author, seq + 1)
  }

  #set(author: AuthorId, size: number): void {
    this.#count += size - this.sizeOf(author)
    this.#sizes.set(author, size)
  }

  /** How many of the author's first `size` entries are below the floor; clocks rise within an author. */
  #below(author: AuthorId, size: number, clockFloor: number): number {
    let from = this.sizeOf(author)
    let to = size
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#clockOf(author, middle) < clockFloor) from = middle + 1
      else to = middle
    }
    return from
  }
}
