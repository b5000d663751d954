import type { WireErrorCode } from '../../wire/cbor.ts'

/** What was refused, counted; and how much of it is told, so that a flood of bad input ends here. */
export class Refusals {
  readonly #counts = new Map<WireErrorCode, number>()
  readonly #contradicting = new Set<string>()

  get counts(): ReadonlyMap<WireErrorCode, number> {
    return this.#counts
  }

  /** Counts one. Returns the count when it is to be told: the 1st, 10th, 100th…; else null. */
  count(code: WireErrorCode): number | null {
    const count = (this.#counts.get(code) ?? 0) + 1
    this.#counts.set(code, count)
    return Number.isInteger(Math.log10(count)) ? count : null
  }

  /** Whether this is news: told once, however often it is repeated, until the member's word fits again. */
  isNewContradiction(peerId: string): boolean {
    if (this.#contradicting.has(peerId)) return false
    this.#contradicting.add(peerId)
    return true
  }

  fits(peerId: string): void {
    this.#contradicting.delete(peerId)
  }
}
