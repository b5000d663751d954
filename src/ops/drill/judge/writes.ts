import type { AuthorId } from '../../../wire/author.ts'
import type { NodeAnswerError } from '../../client/node-answer-error.ts'
import type { VerifyAnswer } from '../../client/node-client.ts'
import { percentilesOf, type Percentiles } from './percentiles.ts'

/**
 * What came of one write. `indeterminate`: it may have been written, such as after a time-out or a
 * connection that broke; `failed`: the node said no.
 */
export type WriteOutcome =
  | { kind: 'acknowledged'; author: AuthorId; seq: number; id: string }
  | { kind: 'indeterminate'; why: string }
  | { kind: 'failed'; why: string }

export interface Write {
  node: string
  sentMs: number
  endedMs: number
  outcome: WriteOutcome
}

/** One wish of a client that asks the next node when one does not answer. */
export interface Operation {
  startedMs: number
  endedMs: number
  tries: number
  isSucceeded: boolean
}

export interface AcknowledgedEntry {
  /** The node that acknowledged it. */
  node: string
  author: AuthorId
  seq: number
  id: string
  sentMs: number
  ackedMs: number
}

export interface WriteCounts {
  attempted: number
  succeeded: number
  indeterminate: number
  failed: number
  /** Acknowledged, but absent on some node after convergence; null: not known. */
  lost: number | null
}

export interface Availability {
  attempted: number
  succeeded: number
  /** Null of none. An indeterminate write is no success. */
  share: number | null
  /** Without a failure in n: the rate of failures is below this with 95 % confidence (3 in n). */
  failure_rate_below: number | null
  latency_ms: Percentiles
}

export function outcomeOfAnswer(answer: VerifyAnswer): WriteOutcome {
  const receipt = answer.intents[0]?.receipt ?? null
  if (answer.success && receipt !== null) {
    return { kind: 'acknowledged', author: receipt.author, seq: receipt.seq, id: receipt.id }
  }
  const why = `${answer.status}: ${answer.message}`
  return answer.status === 'FAILED' || answer.status === 'PARSE_ERROR'
    ? { kind: 'failed', why }
    : { kind: 'indeterminate', why }
}

/** A refusal is a failure when the node says that the request is at fault; all else leaves it open. */
export const outcomeOfError = (
  error: Pick<NodeAnswerError, 'message'> & { code: string; status?: number | null },
): WriteOutcome => {
  const { status = null } = error
  const isRefused = error.code === 'refused' && status !== null && status >= 400 && status < 500
  return { kind: isRefused ? 'failed' : 'indeterminate', why: error.message }
}

export function countWrites(writes: readonly Write[], lost: number | null): WriteCounts {
  const count = (kind: WriteOutcome['kind']): number =>
    writes.filter((write) => write.outcome.kind === kind).length
  return {
    attempted: writes.length,
    succeeded: count('acknowledged'),
    indeterminate: count('indeterminate'),
    failed: count('failed'),
    lost,
  }
}

export const availabilityOfWrites = (writes: readonly Write[]): Availability =>
  availabilityOf(
    writes.map(({ sentMs, endedMs, outcome }) => ({
      isSucceeded: outcome.kind === 'acknowledged',
      tookMs: endedMs - sentMs,
    })),
  )

export const availabilityOfOperations = (operations: readonly Operation[]): Availability =>
  availabilityOf(
    operations.map(({ startedMs, endedMs, isSucceeded }) => ({
      isSucceeded,
      tookMs: endedMs - startedMs,
    })),
  )

/** Latency is that of the successes. */
function availabilityOf(
  attempts: readonly { isSucceeded: boolean; tookMs: number }[],
): Availability {
  const attempted = attempts.length
  const successes = attempts.filter((attempt) => attempt.isSucceeded)
  const succeeded = successes.length
  return {
    attempted,
    succeeded,
    share: attempted === 0 ? null : succeeded / attempted,
    failure_rate_below:
      attempted === 0 || succeeded < attempted ? null : Math.min(1, 3 / attempted),
    latency_ms: percentilesOf(successes.map((success) => success.tookMs)),
  }
}

/** Ids of entries that a node holds, by `keyOf`. */
export type HeldEntries = ReadonlyMap<string, string>

export const keyOf = (author: AuthorId, seq: number): string => `${author}/${seq}`

export interface LostEntry {
  entry: AcknowledgedEntry
  /** The node that should hold it. */
  node: string
  /** The id of what it holds in that place; null: nothing. */
  found: string | null
}

/**
 * Every acknowledged entry that some node lacks, or holds another one in place of, once each. Null when
 * some node could not be read, or there is none: then it is not known.
 */
export function lostEntries(
  acknowledged: readonly AcknowledgedEntry[],
  held: ReadonlyMap<string, HeldEntries | null>,
): LostEntry[] | null {
  if (held.size === 0 || held.values().some((entries) => entries === null)) return null
  return acknowledged.flatMap((entry) => {
    for (const [node, entries] of held) {
      const found = entries?.get(keyOf(entry.author, entry.seq)) ?? null
      if (found !== entry.id) return [{ entry, node, found }]
    }
    return []
  })
}

/** The least frontier that holds all of these. */
export function cutOf(
  entries: readonly Pick<AcknowledgedEntry, 'author' | 'seq'>[],
): Map<AuthorId, number> {
  const cut = new Map<AuthorId, number>()
  for (const { author, seq } of entries) cut.set(author, Math.max(cut.get(author) ?? 0, seq + 1))
  return cut
}
