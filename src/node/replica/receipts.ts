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

/** By author: entries of one log one behind the other, from a sequence number on. */
type Generation = Map<AuthorId, { from: number; arrivals: Arrival[] }>

/** The newest entries, what brought them and when; older ones are in the store. */
export class Arrivals {
  /** Two generations: of one, taking out the oldest again and again gets slow. */
  #young: Generation = new Map()
  #old: Generation = new Map()
  /** How many were recorded in the young one. */
  #youngCount = 0

  /** Each author's in sequence. */
  record(arrival: Arrival): void {
    const { author, seq } = arrival.signed.entry
    const ofAuthor = this.#young.get(author)
    if (ofAuthor === undefined || seq !== ofAuthor.from + ofAuthor.arrivals.length)
      this.#young.set(author, { from: seq, arrivals: [arrival] })
    else ofAuthor.arrivals.push(arrival)
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
      if (ofAuthor !== undefined) ofAuthor.arrivals.splice(Math.max(0, size - ofAuthor.from))
    }
  }

  of(author: AuthorId, seq: number): Arrival | undefined {
    return arrivalIn(this.#young, author, seq) ?? arrivalIn(this.#old, author, seq)
  }
}

function arrivalIn(generation: Generation, author: AuthorId, seq: number): Arrival | undefined {
  const ofAuthor = generation.get(author)
  return ofAuthor === undefined || seq < ofAuthor.from
    ? undefined
    : ofAuthor.arrivals[seq - ofAuthor.from]
}
