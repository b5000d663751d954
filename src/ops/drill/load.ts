import { formatIntent } from '../../wire/intent.ts'
import type { Clock } from '../client/clock.ts'
import { OperatorError } from '../errors.ts'
import { within } from './deadline.ts'
import {
  outcomeOfAnswer,
  outcomeOfError,
  type AcknowledgedEntry,
  type Operation,
  type Write,
  type WriteOutcome,
} from './judge/writes.ts'
import { CATCH_UP_MS_MAX, TRY_MS_MAX, WRITE_MS_MAX } from './limits.ts'
import type { DrillClient } from './rig.ts'

/** Drills move no money. */
const WRITE = formatIntent({ kind: 'noop', note: 'failover-drill' })

export interface Schedule {
  clock: Clock
  /** Between two starts, and before the first one. */
  everyMs: number
  offsetMs: number
  /** No further starts; what is under way is finished. */
  halted: AbortSignal
  /** What is under way is dropped too, and not counted. */
  signal: AbortSignal
}

/** Starts `work` on schedule whether or not what it started before has ended: an open loop hides no stall. */
export async function openLoop(
  { clock, everyMs, offsetMs, halted, signal }: Schedule,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const stopped = AbortSignal.any([halted, signal])
  const underway = new Set<Promise<void>>()
  const failures: unknown[] = []
  let dueMs = clock.monotonicMs() + offsetMs
  for (let index = 0; failures.length === 0; index++) {
    if (!(await isReached(clock, dueMs, stopped))) break
    const one = work(index)
      .catch((error: unknown) => {
        if (!signal.aborted) failures.push(error)
      })
      .finally(() => underway.delete(one))
    underway.add(one)
    dueMs = Math.max(dueMs + everyMs, clock.monotonicMs() - CATCH_UP_MS_MAX)
  }
  await Promise.all(underway)
  if (failures.length > 0) throw failures[0]
}

async function isReached(clock: Clock, dueMs: number, stopped: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(Math.max(0, dueMs - clock.monotonicMs()), stopped)
    return !stopped.aborted
  } catch (error) {
    if (stopped.aborted) return false
    throw error
  }
}

/** Writes to one node on schedule. */
export async function runWriter(
  client: DrillClient,
  schedule: Schedule,
  onWrite: (write: Write) => void,
): Promise<void> {
  const { clock, signal } = schedule
  await openLoop(schedule, async () => {
    const sentMs = clock.monotonicMs()
    const outcome = await write(client, clock, WRITE_MS_MAX, signal)
    onWrite({ node: client.name, sentMs, endedMs: clock.monotonicMs(), outcome })
  })
}

/**
 * A client of the lattice rather than of a node: starts at each node in turn, and asks the next one when
 * a write is not acknowledged. A write that was indeterminate is then written twice, as no-ops may be.
 */
export async function runRetryingClient(
  clients: readonly DrillClient[],
  schedule: Schedule,
  onOperation: (operation: Operation) => void,
  onAcknowledged: (entry: AcknowledgedEntry) => void,
): Promise<void> {
  const { clock, signal } = schedule
  await openLoop(schedule, async (index) => {
    const startedMs = clock.monotonicMs()
    let tries = 0
    let isSucceeded = false
    for (const client of startingAt(clients, index)) {
      tries += 1
      const sentMs = clock.monotonicMs()
      const outcome = await write(client, clock, TRY_MS_MAX, signal)
      const entry = entryOf({ node: client.name, sentMs, endedMs: clock.monotonicMs(), outcome })
      if (entry === null) continue
      onAcknowledged(entry)
      isSucceeded = true
      break
    }
    onOperation({ startedMs, endedMs: clock.monotonicMs(), tries, isSucceeded })
  })
}

/** What a write acknowledged; null: nothing. */
export function entryOf({ node, sentMs, endedMs, outcome }: Write): AcknowledgedEntry | null {
  if (outcome.kind !== 'acknowledged') return null
  const { author, seq, id } = outcome
  return { node, author, seq, id, sentMs, ackedMs: endedMs }
}

async function write(
  client: DrillClient,
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
): Promise<WriteOutcome> {
  try {
    return outcomeOfAnswer(
      await within(clock, limitMs, signal, async (limited) => client.submit(WRITE, {}, limited)),
    )
  } catch (error) {
    if (signal.aborted || !(error instanceof OperatorError)) throw error
    return outcomeOfError(error)
  }
}

const startingAt = <T>(all: readonly T[], index: number): T[] => {
  const first = index % all.length
  return [...all.slice(first), ...all.slice(0, first)]
}
