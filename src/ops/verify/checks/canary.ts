import type { Receipt } from '../../../wire/api.ts'
import { authorOf } from '../../../wire/attestation.ts'
import { sizeAt } from '../../../wire/frontier.ts'
import {
  conclude,
  errorOf,
  fail,
  missing,
  ms,
  observedOf,
  pass,
  plural,
  unknown,
  unproven,
  valueOf,
  type Check,
  type Finding,
  type Proven,
} from '../judge-findings.ts'
import { CANARY_MS_MAX } from '../limits.ts'
import type { Answer, CanaryArrival, CanaryObservation, Observation } from '../observation.ts'

/**
 * A signed no-op written through each node reaches every other one in time, and their signed frontiers
 * hold it: equal roots at rest would prove nothing about the flow.
 */
export const judgeCanary: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const canaryOf = (name: string): CanaryObservation | undefined =>
    observation.canaries.find((canary) => canary.from === name)
  const findings = nodes.flatMap(({ name: from }) => {
    const canary = canaryOf(from)
    const sent = findingOnSent(observation, proven, from, canary?.sent)
    if (sent.verdict !== 'PASS' || canary?.sent.ok !== true) return [sent]
    const receipt = canary.sent.value
    return [
      sent,
      ...nodes
        .filter((node) => node.name !== from)
        .map(({ name: at }) => {
          const answer = canary.arrivals.find((arrival) => arrival.at === at)?.answer
          return findingOnArrival(observation, proven, { from, at }, receipt, answer)
        }),
    ]
  })
  const arrivals = observation.canaries.flatMap(({ from, arrivals: all }) =>
    all.map(({ at, answer }) => {
      const value = valueOf(answer)
      return {
        from,
        at,
        ms: value === null || value.receipt === null ? null : ms(value.sinceSentMs),
        via: value?.receipt?.via ?? null,
        error: errorOf(answer),
      }
    }),
  )
  const evidence = {
    sent: observation.canaries.map(({ from, sent }) => ({
      from,
      seq: valueOf(sent)?.seq ?? null,
      took_ms: sent.ok ? ms(sent.tookMs) : null,
      error: errorOf(sent),
    })),
    arrivals,
  }
  const slowest = Math.max(0, ...arrivals.map((arrival) => arrival.ms ?? 0))
  const carriers = [...new Set(arrivals.flatMap((arrival) => arrival.via ?? []))]
    .toSorted()
    .join(' and ')
  const whenPass =
    arrivals.length === 0
      ? 'An entry was written through the only node.'
      : `An entry written through each of ${plural(nodes.length, 'node')} reached the others within ${slowest} ms, over ${carriers}.`
  return conclude('canary', findings, whenPass, evidence)
}

function findingOnSent(
  observation: Observation,
  proven: Proven,
  from: string,
  sent: Answer<Receipt> | undefined,
): Finding {
  if (!proven.has(from)) return unproven(from)
  if (sent === undefined) return unknown(`no entry was written through ${from}`)
  if (!sent.ok) {
    const isOurs =
      sent.code === 'refused' && sent.status !== 401 && sent.status !== 403 && sent.status !== 429
    return isOurs ? fail(missing(sent).text) : missing(sent)
  }
  const identity = valueOf(observedOf(observation, from)?.identity)
  return identity !== null && authorOf(identity.attestation) === sent.value.author
    ? pass
    : fail(`${from} wrote the entry under another author than its own`)
}

function findingOnArrival(
  observation: Observation,
  proven: Proven,
  { from, at }: { from: string; at: string },
  sent: Receipt,
  answer: Answer<CanaryArrival> | undefined,
): Finding {
  if (!proven.has(at)) return unproven(at)
  if (answer === undefined)
    return unknown(`${at} was not asked for the entry written through ${from}`)
  if (!answer.ok) return missing(answer)
  const { receipt } = answer.value
  if (receipt === null) {
    return fail(`the entry written through ${from} did not reach ${at} within ${CANARY_MS_MAX} ms`)
  }
  if (receipt.id !== sent.id || receipt.author !== sent.author || receipt.seq !== sent.seq) {
    return fail(`${at} holds another entry in the place of the one written through ${from}`)
  }
  const held = valueOf(observedOf(observation, at)?.held)
  if (held === null)
    return unknown(`${at} did not sign that it holds the entry written through ${from}`)
  return sizeAt(held.attestation.frontier, sent.author) > sent.seq
    ? pass
    : fail(`${at} claims the entry written through ${from}, but signs that it holds less`)
}
