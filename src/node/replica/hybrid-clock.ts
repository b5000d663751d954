import { CLOCK_LEAD_US_MAX, CLOCK_RESERVE_MIN_US, CLOCK_RESERVE_US } from './limits.ts'

/**
 * The node's hybrid logical clock, microseconds: close to the wall clock, above everything that was seen,
 * and never below what was promised. A promise that is not on the disk holds only as long as the process,
 * so a stretch ahead is reserved there before a promise inside it leaves.
 */
export class HybridClock {
  /** The largest clock seen, written or promised. */
  #last: number
  /** No promise that ever left is above this by more than 1; it is on the disk. */
  #reserved: number
  #promised: number

  constructor(lastHlc: number, reserved: number) {
    this.#last = Math.max(lastHlc, reserved)
    this.#reserved = reserved
    this.#promised = reserved + 1
  }

  /** This process writes nothing below this any more. */
  get floor(): number {
    return this.#last + 1
  }

  /** The floor that was promised last. Of a process that has just started: one that needs no write. */
  get promised(): number {
    return this.#promised
  }

  /** The clock of an entry that is written now. It is durable with its entry. */
  tick(wallMs: number): number {
    this.#last = this.#next(wallMs)
    return this.#last
  }

  /** An entry was taken that has this clock. */
  see(hlc: number): void {
    this.#last = Math.max(this.#last, hlc)
  }

  /**
   * The highest floor that may be promised now, above the last one, so that promises have an order.
   * `reserve` must be durable before it leaves. A node that lost its disk has forgotten what it promised
   * and knows only the wall clock, so a promise leads that by no more than such a loss takes.
   */
  promise(wallMs: number): { floor: number; reserve: number | null } {
    const wallUs = wallMs * 1000
    const highest = Math.min(this.#next(wallMs), wallUs + CLOCK_LEAD_US_MAX)
    this.#promised = Math.max(this.#promised + 1, highest)
    this.#last = Math.max(this.#last, this.#promised - 1)
    if (this.#promised <= this.#reserved + 1) return { floor: this.#promised, reserve: null }
    this.#reserved = Math.max(this.#promised + CLOCK_RESERVE_MIN_US, wallUs + CLOCK_RESERVE_US)
    return { floor: this.#promised, reserve: this.#reserved }
  }

  #next(wallMs: number): number {
    return Math.max(this.#last + 1, wallMs * 1000)
  }
}
