import type { Receipt } from '../../wire/api.ts'
import type { AuthorId } from '../../wire/author.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import type { Carrier } from '../../wire/protocol.ts'
import { ARRIVALS_MAX, WAITERS_MAX } from './limits.ts'

export type ReceiptLevel =
  | { kind: 'local' }
  | { kind: 'replicated'; replicas: number }
  | { kind: 'final' }

interface Waiter {
  ticket: number
  author: AuthorId
  seq: number
  level: ReceiptLevel
  deadlineMs: number
}

/** A wait that is over. */
export interface Settled {
  ticket: number
  receipt: Receipt | null
  isReached: boolean
}

export const isReached = (receipt: Receipt | null, level: ReceiptLevel): boolean => {
  if (receipt === null) return false
  switch (level.kind) {
    case 'local':
      return true
    case 'replicated':
      return receipt.replicas >= level.replicas
    case 'final':
      return receipt.level === 'final'
  }
}

/** Callers that wait until an entry has reached a level, or their deadline. */
export class Waiters {
  readonly #waiting = new Map<number, Waiter>()
  /** No deadline is before this. */
  #wakeAtMs = Number.POSITIVE_INFINITY

  add(waiter: Waiter): boolean {
    if (this.#waiting.size >= WAITERS_MAX) return false
    this.#waiting.set(waiter.ticket, waiter)
    this.#wakeAtMs = Math.min(this.#wakeAtMs, waiter.deadlineMs)
    return true
  }

  cancel(ticket: number): void {
    this.#waiting.delete(ticket)
  }

  /** Takes out and returns every wait that is over. */
  settle(receiptOf: (author: AuthorId, seq: number) => Receipt | null, nowMs: number): Settled[] {
    const settled: Settled[] = []
    if (this.#waiting.size === 0) return settled
    for (const { ticket, author, seq, level, deadlineMs } of this.#waiting.values()) {
      const receipt = receiptOf(author, seq)
      const reached = isReached(receipt, level)
      if (!reached && nowMs < deadlineMs) continue
      this.#waiting.delete(ticket)
      settled.push({ ticket, receipt, isReached: reached })
    }
    this.#wakeAtMs = this.#waiting
      .values()
      .reduce((least, waiter) => Math.min(least, waiter.deadlineMs), Number.POSITIVE_INFINITY)
    return settled
  }

  wakeAtMs(): number {
    return this.#wakeAtMs
  }
}

export interface Arrival {
  signed: SignedEntry
  via: Carrier
  atMs: number
}

/** By author and sequence number. */
type Generation = Map<AuthorId, Map<number, Arrival>>

/** The newest entries, what brought them and when; older ones are in the store. */
export class Arrivals {
  /** Two generations: of one map, taking out the oldest again and again gets slow. */
  #young: Generation = new Map()
  #old: Generation = new Map()
  /** How many were recorded in the young one. */
  #youngCount = 0

  record(arrival: Arrival): void {
    const { author, seq } = arrival.signed.entry
    const ofAuthor = this.#young.get(author)
    if (ofAuthor === undefined) this.#young.set(author, new Map([[seq, arrival]]))
    else ofAuthor.set(seq, arrival)
    this.#youngCount += 1
    if (this.#youngCount < ARRIVALS_MAX / 2) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngCount = 0
  }

  /** An author's log ends at `size` now. */
  forget(author: AuthorId, size: number): void {
    for (const generation of [this.#young, this.#old]) {
      const ofAuthor = generation.get(author)
      for (const seq of ofAuthor?.keys() ?? []) if (seq >= size) ofAuthor?.delete(seq)
    }
  }

  of(author: AuthorId, seq: number): Arrival | undefined {
    return this.#young.get(author)?.get(seq) ?? this.#old.get(author)?.get(seq)
  }
}
