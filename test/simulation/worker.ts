import { parentPort, workerData } from 'node:worker_threads'
import { runSeed, type Failure } from './campaign.ts'
import type { NodeCount } from './plan.ts'
import { calm, storm } from './plans.ts'
import type { Sight } from './sightings.ts'
import { newTally } from './tally.ts'

/** Which seeds one worker runs, and what plans they make. */
export interface Share {
  /** The first, how far apart they are, and the end. */
  firstSeed: number
  seedStep: number
  endSeed: number
  nodes: NodeCount | null
  /** Hours of calm; null: a storm of seconds. */
  hours: number | null
  /** In an hour of calm, at most. */
  faultsPerHourMax: number
}

/** What one seed came to. */
export interface Result {
  failure: Failure | null
  counts: Readonly<Record<Sight, number>>
  simulatedMs: number
}

const { firstSeed, seedStep, endSeed, nodes, hours, faultsPerHourMax } = workerData as Share
const plans = hours === null ? storm(nodes ?? undefined) : calm(hours, nodes ?? 3, faultsPerHourMax)
const known = new Set<string>()
for (let seed = firstSeed; seed < endSeed; seed += seedStep) {
  const tally = newTally()
  const failure = await runSeed(plans, seed, tally, { known })
  const { sightings, simulatedMs } = tally
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- there is no window here
  parentPort?.postMessage({ failure, counts: sightings.counts, simulatedMs } satisfies Result)
}
