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

/** The newest entries, what brought them and when; older ones are in the store. */
export class Arrivals {
  /** Two generations: of one map, taking out the oldest again and again gets slow. */
  #young = new Map<string, Arrival>()
  #old = new Map<string, Arrival>()

  record(arrival: Arrival): void {
    const { author, seq } = arrival.signed.entry
    this.#young.set(placeOf(author, seq), arrival)
    if (this.#young.size < ARRIVALS_MAX / 2) return
    this.#old = this.#young
    this.#young = new Map()
  }

  /** An author's log ends at `size` now. */
  forget(author: AuthorId, size: number): void {
    for (const generation of [this.#young, this.#old]) {
      for (const [place, { signed }] of generation) {
        if (signed.entry.author === author && signed.entry.seq >= size) generation.delete(place)
      }
    }
  }

  of(author: AuthorId, seq: number): Arrival | undefined {
    const place = placeOf(author, seq)
    return this.#young.get(place) ?? this.#old.get(place)
  }
}

const placeOf = (author: AuthorId, seq: number): string => `${author}:${seq}`
