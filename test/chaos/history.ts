import type { Receipt } from '../../src/wire/api.ts'

/** One intent that a client sent, and what it learnt of it. Times are of one monotonic clock, ms. */
export interface Attempt {
  node: number
  /** Unique; null for a transfer, which has none. */
  note: string | null
  sentMs: number
  endedMs: number
  /** `unknown`: it may have been written. */
  outcome: 'acknowledged' | 'refused' | 'unknown'
  /** What was acknowledged. */
  receipt: Receipt | null
}

/** A data directory that was lost. All that was acknowledged until `safeMs` lay on every disk before. */
export interface Wipe {
  node: number
  atMs: number
  safeMs: number
}

/** An entry that a node holds at the end. */
export interface Held {
  author: string
  seq: number
  id: string
  note: string | null
}

/** What nodes said of an entry at any time: the most copies, and the outcome once it was final. */
export interface Said {
  id: string
  replicas: number
  final: Receipt | null
}

export const placeOf = ({ author, seq }: { author: string; seq: number }): string =>
  `${author}:${seq}`

/** All that clients sent and were told, by all nodes together. It collects violations as it goes. */
export class History {
  readonly attempts: Attempt[] = []
  readonly wipes: Wipe[] = []
  readonly violations: string[] = []
  /** By place. */
  readonly said = new Map<string, Said>()
  /** The first receipt of each, in the order they came. */
  readonly receipts: Receipt[] = []
  /** Every level that some acknowledgement reached. */
  readonly levelsAcknowledged = new Set<string>()
  /** Receipts that a node called final and, after a restart, provisional again. */
  demotions = 0
  readonly #finalAt = new Set<string>()

  add(attempt: Attempt): void {
    this.attempts.push(attempt)
    if (attempt.outcome === 'acknowledged')
      for (const level of levelsIn(attempt.receipt)) this.levelsAcknowledged.add(level)
    if (attempt.receipt !== null) this.see(attempt.node, attempt.receipt)
  }

  /** A node showed this receipt. */
  see(node: number, receipt: Receipt): void {
    const place = placeOf(receipt)
    const before = this.said.get(place)
    const isFinal = receipt.level === 'final'
    if (before === undefined) this.receipts.push(receipt)
    if (before !== undefined && before.id !== receipt.id)
      this.fail(`two entries at ${place}: ${before.id} and ${receipt.id}`)
    const final = before?.final ?? null
    if (final !== null && isFinal && final.outcome !== receipt.outcome)
      this.fail(`${place} was ${final.outcome} for good, then ${receipt.outcome}`)
    this.said.set(place, {
      id: before?.id ?? receipt.id,
      replicas: Math.max(before?.replicas ?? 0, receipt.replicas),
      final: final ?? (isFinal ? receipt : null),
    })
    const shownAt = `${node} ${place}`
    if (isFinal) this.#finalAt.add(shownAt)
    else if (this.#finalAt.delete(shownAt)) this.demotions += 1
  }

  fail(violation: string): void {
    this.violations.push(violation)
  }
}

/** What became of everything that was sent: the set that all nodes should hold, checked as a set. */
export interface SetVerdict {
  attempts: number
  acknowledged: number
  /** By each level that the acknowledgement itself reached. */
  acknowledgedAs: Record<string, number>
  refused: number
  unknown: number
  /** Of the unknown: those that were written after all. */
  unknownFound: number
  /** Acknowledged by one node alone, whose disk was lost before any other was known to hold it. */
  lostWithDisk: number
  /** What must not be: each named, with the node that shows it. */
  lost: string[]
  duplicated: string[]
  /** Held, but never sent, or refused. */
  phantom: string[]
}

/** Pure: the same history and sets give the same verdict. */
export function judgeSet(history: History, sets: readonly (readonly Held[])[]): SetVerdict {
  const { attempts } = history
  const acknowledged = attempts.filter((attempt) => attempt.outcome === 'acknowledged')
  const unknown = attempts.filter((attempt) => attempt.outcome === 'unknown')
  const verdict: SetVerdict = {
    attempts: attempts.length,
    acknowledged: acknowledged.length,
    acknowledgedAs: countBy(
      acknowledged.flatMap(({ receipt }) => levelsIn(receipt)),
      (level) => level,
    ),
    refused: attempts.length - acknowledged.length - unknown.length,
    unknown: unknown.length,
    unknownFound: 0,
    lostWithDisk: 0,
    lost: [],
    duplicated: [],
    phantom: [],
  }
  const sent = new Map(attempts.flatMap((one) => (one.note === null ? [] : [[one.note, one]])))
  const forgiven = new Set<Attempt>()
  for (const [node, held] of sets.entries()) {
    const idAt = new Map(held.map((entry) => [placeOf(entry), entry.id]))
    for (const attempt of acknowledged) {
      const { receipt } = attempt
      if (receipt === null || idAt.get(placeOf(receipt)) === receipt.id) continue
      if (isForgiven(attempt, history)) forgiven.add(attempt)
      else verdict.lost.push(`node ${node} lacks ${describe(attempt)}`)
    }
    const notes = countBy(held, ({ note }) => note ?? '')
    for (const [note, count] of Object.entries(notes)) {
      if (note === '') continue
      const outcome = sent.get(note)?.outcome
      if (count > 1) verdict.duplicated.push(`node ${node} holds ${note} ${count} times`)
      if (outcome === undefined || outcome === 'refused')
        verdict.phantom.push(`node ${node} holds ${note}, which was ${outcome ?? 'never sent'}`)
    }
    if (node === 0)
      verdict.unknownFound = unknown.filter((one) => one.note !== null && one.note in notes).length
  }
  verdict.lostWithDisk = forgiven.size
  return verdict
}

/** Only what one node alone was known to hold may be lost, and only with that node's disk. */
function isForgiven({ node, sentMs, endedMs, receipt }: Attempt, history: History): boolean {
  const replicas = receipt === null ? 0 : (history.said.get(placeOf(receipt))?.replicas ?? 0)
  return (
    replicas === 1 &&
    history.wipes.some(
      (wipe) => wipe.node === node && sentMs <= wipe.atMs && wipe.safeMs <= endedMs,
    )
  )
}

const levelOf = (receipt: Receipt | null): string =>
  receipt === null
    ? 'nothing'
    : receipt.level === 'replicated'
      ? `replicated:${receipt.replicas}`
      : receipt.level

/**
 * On how many nodes it is, and whether it is final, are two things: who waits for three copies is mostly
 * told of an entry that is final by then.
 */
function levelsIn(receipt: Receipt | null): string[] {
  if (receipt === null) return []
  if (receipt.level === 'local') return ['local']
  const copies = Array.from(
    { length: receipt.replicas - 1 },
    (_, index) => `replicated:${index + 2}`,
  )
  return receipt.level === 'final' ? [...copies, 'final'] : copies
}

const describe = ({ node, note, receipt, sentMs, endedMs }: Attempt): string =>
  `${receipt === null ? '?' : placeOf(receipt)} (${note ?? 'a transfer'}), acknowledged by node ${node} as ` +
  `${levelOf(receipt)} between ${Math.round(sentMs)} and ${Math.round(endedMs)} ms`

function countBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = Object.create(null) as Record<string, number>
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1
  return counts
}
