import { totalOf } from '../../../wire/frontier.ts'
import type { IntegrityAnswer } from '../../client/node-client.ts'
import {
  conclude,
  errorOf,
  fail,
  findingOn,
  observedOf,
  pass,
  plural,
  together,
  unknown,
  valueOf,
  type Check,
  type Finding,
} from '../judge-findings.ts'
import { INTEGRITY_AGE_MS_MAX } from '../limits.ts'
import type { Observation, Unchecked } from '../observation.ts'

/** Each node has read its whole store again and found it as it was written. */
export const judgeIntegrity: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const findings = nodes.map(({ name }) =>
    findingOn(
      observation,
      proven,
      name,
      ({ held, integrity }) => together(held, integrity),
      ([{ attestation }, answer]) => findingOf(name, totalOf(attestation.frontier), answer),
    ),
  )
  const evidence = nodes.map(({ name }) => {
    const answer = observedOf(observation, name)?.integrity
    const value = valueOf(answer)
    return {
      node: name,
      status: value?.status ?? null,
      entries_checked: value?.entries_checked ?? null,
      age_ms: value?.age_ms ?? null,
      message: value?.message ?? null,
      took_ms: answer?.ok === true ? Math.round(answer.tookMs) : null,
      error: errorOf(answer),
    }
  })
  const whenPass = `All ${plural(nodes.length, 'node')} read their stores again and found them whole.`
  return conclude('integrity', findings, whenPass, evidence, newerEntries(observation))
}

function findingOf(name: string, entriesHeld: number, answer: IntegrityAnswer): Finding {
  if (!answer.is_valid || answer.status !== 'VALID') {
    return fail(`the store of ${name} is ${answer.status.toLowerCase()}: ${answer.message}`)
  }
  if (!answer.success || answer.merkle_root === null) {
    return unknown(`${name} says that its store is valid, but shows no root`)
  }
  if (answer.entries_checked === 0) return unknown(`${name} read no entry of its store`)
  if (answer.entries_checked >= entriesHeld) return pass
  const isRecent = answer.age_ms <= INTEGRITY_AGE_MS_MAX
  return isRecent
    ? pass
    : unknown(
        `${name} read ${plural(answer.entries_checked, 'entry')} of its store, and holds ${entriesHeld}`,
      )
}

/** A reading of the store serves all that ask within seconds, so the newest entries may not be in it. */
function newerEntries(observation: Observation): Unchecked[] {
  return observation.nodes.flatMap(({ name, held, integrity }) => {
    if (!held.ok || !integrity.ok) return []
    const count = totalOf(held.value.attestation.frontier) - integrity.value.entries_checked
    const ageS = Math.ceil(integrity.value.age_ms / 1000)
    const reason = `The newest ${plural(count, 'entry')} of ${name} came after it last read its store, ${ageS} s ago.`
    return count > 0 ? [{ id: `integrity.${name}`, reason }] : []
  })
}
