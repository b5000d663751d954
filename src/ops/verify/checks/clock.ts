import {
  conclude,
  errorOf,
  fail,
  findingOn,
  ms,
  observedOf,
  pass,
  plural,
  unknown,
  valueOf,
  type Check,
  type Finding,
} from '../judge-findings.ts'
import { CLOCK_OFFSET_MS_MAX, CLOCK_SAMPLES } from '../limits.ts'
import type { ClockSample } from '../observation.ts'

/** The sample that says most: with the shortest round trip. Null of none. */
export const bestSample = (samples: readonly ClockSample[]): ClockSample | null =>
  samples.toSorted((a, b) => a.rttMs - b.rttMs)[0] ?? null

/**
 * Each node's clock is within bounds of the operator's. An offset is known to within half a round trip:
 * what is off for certain fails, what only may be off is unknown.
 */
export const judgeClock: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const findings = nodes.map(({ name }) =>
    findingOn(
      observation,
      proven,
      name,
      (node) => node.clock,
      (samples) => findingOf(name, samples),
    ),
  )
  const evidence = nodes.map(({ name }) => {
    const answer = observedOf(observation, name)?.clock
    const samples = valueOf(answer) ?? []
    const best = bestSample(samples)
    return {
      node: name,
      samples: samples.length,
      offset_ms: best === null ? null : ms(best.offsetMs),
      rtt_ms: best === null ? null : ms(best.rttMs),
      error: errorOf(answer),
    }
  })
  const whenPass = `All ${plural(nodes.length, 'clock')} are within ${CLOCK_OFFSET_MS_MAX} ms of this machine’s.`
  return conclude('clock', findings, whenPass, evidence)
}

function findingOf(name: string, samples: readonly ClockSample[]): Finding {
  const best = bestSample(samples)
  if (best === null || samples.length < CLOCK_SAMPLES) {
    return unknown(`${name} showed its clock ${samples.length} times, not ${CLOCK_SAMPLES}`)
  }
  const off = Math.abs(best.offsetMs)
  const uncertainty = best.rttMs / 2
  const shown = `${ms(best.offsetMs)} ms off this machine’s (± ${ms(uncertainty)} ms)`
  if (off - uncertainty > CLOCK_OFFSET_MS_MAX) {
    return fail(
      `the clock of ${name} is ${shown}; let NTP run on it, and see that this machine’s is right`,
    )
  }
  if (off + uncertainty > CLOCK_OFFSET_MS_MAX) {
    return unknown(`the clock of ${name} may be ${shown}: the way to it is too slow to tell`)
  }
  return pass
}
