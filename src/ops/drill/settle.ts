import { commonCut, covers, type Frontier } from '../../wire/frontier.ts'
import { SYNC_ENTRIES_MAX } from '../../wire/limits.ts'
import type { Attestation } from '../../wire/attestation.ts'
import type { Clock } from '../client/clock.ts'
import { OperatorError } from '../errors.ts'
import { within } from './deadline.ts'
import type { Finding } from './judge/measure.ts'
import {
  cutOf,
  keyOf,
  lostEntries,
  type AcknowledgedEntry,
  type HeldEntries,
  type LostEntry,
} from './judge/writes.ts'
import { ATTEST_MS_MAX, PULLS_MAX, SETTLE_MS_MAX, SETTLE_POLL_MS, STILL_MS } from './limits.ts'
import type { DrillClient, Rig } from './rig.ts'

/** What the lattice came to after the load ended. */
export interface Settlement {
  findings: Finding[]
  /** Acknowledged entries that some node lacks; null: not known. */
  lost: readonly LostEntry[] | null
}

/**
 * Waits until all nodes hold what was acknowledged since `base`, compares their roots at a cut that covers
 * it, then reads it back from each. Traffic of others does not disturb it.
 */
export async function settle(
  rig: Rig,
  base: Frontier,
  acknowledged: readonly AcknowledgedEntry[],
): Promise<Settlement> {
  const cut = await convergedCut(rig, cutOf(acknowledged))
  if ('verdict' in cut) return { findings: [cut], lost: null }
  const roots = await rootsAt(rig, cut.frontier)
  if (roots !== null) return { findings: [roots], lost: null }
  try {
    const held = await Promise.all(
      rig.clients.map(async (client) => {
        const entries = await heldEntries(client, base, acknowledged, rig.signal)
        return [client.name, entries] as const
      }),
    )
    return { findings: [], lost: lostEntries(acknowledged, new Map(held)) }
  } catch (error) {
    return { findings: [unansweredOf(error, rig.signal)], lost: null }
  }
}

/** What all nodes hold. Throws what a node answers instead. */
export async function heldByAll(rig: Rig): Promise<Frontier> {
  return commonCut((await attestAll(rig, null)).map((attestation) => attestation.frontier))
}

/** Null: all nodes have one root there. */
async function rootsAt(rig: Rig, cut: Frontier): Promise<Finding | null> {
  // The root at an empty cut is the same everywhere and proves nothing, nor is there anything to prove.
  if (cut.size === 0) return null
  try {
    const roots = (await attestAll(rig, cut)).map((attestation) => attestation.cut?.root ?? null)
    if (roots.includes(null)) return { verdict: 'UNKNOWN', reason: 'a node showed no root' }
    if (new Set(roots).size === 1) return null
    return { verdict: 'FAIL', reason: 'the nodes hold the same entries under different roots' }
  } catch (error) {
    return unansweredOf(error, rig.signal)
  }
}

/**
 * What all nodes hold, once that is all that was acknowledged, or once they hold the same and nothing
 * changes: then what is missing stays missing.
 */
async function convergedCut(rig: Rig, wanted: Frontier): Promise<{ frontier: Frontier } | Finding> {
  const { clock, signal } = rig
  const untilMs = clock.monotonicMs() + SETTLE_MS_MAX
  let still: { frontier: Frontier; sinceMs: number } | null = null
  for (;;) {
    let problem: Finding = { verdict: 'FAIL', reason: 'the nodes do not come to hold the same' }
    try {
      const frontiers = (await attestAll(rig, null)).map((attestation) => attestation.frontier)
      const cut = commonCut(frontiers)
      if (covers(cut, wanted)) return { frontier: cut }
      // Every frontier covers the cut; where the cut covers them all they are equal.
      const areEqual = frontiers.every((frontier) => covers(cut, frontier))
      if (!areEqual) still = null
      else if (still === null || !covers(still.frontier, cut)) {
        still = { frontier: cut, sinceMs: clock.monotonicMs() }
      } else if (clock.monotonicMs() - still.sinceMs >= STILL_MS) return { frontier: cut }
    } catch (error) {
      problem = unansweredOf(error, signal)
      still = null
    }
    if (clock.monotonicMs() >= untilMs) return problem
    await clock.sleep(SETTLE_POLL_MS, signal)
  }
}

/** Ids of the acknowledged entries as this node gives them out, computed from the entries themselves. */
async function heldEntries(
  client: DrillClient,
  base: Frontier,
  acknowledged: readonly AcknowledgedEntry[],
  signal: AbortSignal,
): Promise<HeldEntries> {
  const wanted = new Set(acknowledged.map(({ author, seq }) => keyOf(author, seq)))
  const held = new Map<string, string>()
  const frontier = new Map(base)
  for (let pulls = 0; pulls < PULLS_MAX; pulls++) {
    let entryCount = 0
    for await (const frame of client.pull(frontier, signal)) {
      if (frame.kind !== 'entries') continue
      entryCount += frame.entries.length
      for (const { entry, id } of frame.entries) {
        const key = keyOf(entry.author, entry.seq)
        if (wanted.has(key)) held.set(key, id)
        frontier.set(entry.author, entry.seq + 1)
      }
    }
    if (entryCount < SYNC_ENTRIES_MAX) break
  }
  return held
}

const attestAll = async (rig: Rig, cut: Frontier | null): Promise<Attestation[]> =>
  Promise.all(rig.clients.map(async (client) => attestOne(client, rig.clock, cut, rig.signal)))

async function attestOne(
  client: DrillClient,
  clock: Clock,
  cut: Frontier | null,
  signal: AbortSignal,
): Promise<Attestation> {
  const observation = await within(clock, ATTEST_MS_MAX, signal, async (limited) =>
    client.attest(cut === null ? {} : { cut }, limited),
  )
  return observation.attestation
}

/** Rethrows what is not a node's failure to answer. */
function unansweredOf(error: unknown, signal: AbortSignal): Finding {
  signal.throwIfAborted()
  if (!(error instanceof OperatorError)) throw error
  return { verdict: 'UNKNOWN', reason: error.message }
}
