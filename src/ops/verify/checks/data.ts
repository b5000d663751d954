import {
  conclude,
  duplicatesOf,
  fail,
  findingOn,
  observedOf,
  pass,
  plural,
  short,
  valueOf,
  type Check,
} from '../judge-findings.ts'

/** Every node keeps data of its own: N processes on one data directory would agree by sharing it. */
export const judgeData: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const shown = nodes.map(({ name }) => ({
    name,
    attestation: valueOf(observedOf(observation, name)?.identity)?.attestation ?? null,
  }))
  const sharing = (field: 'incarnation' | 'dataLocation'): string[][] =>
    duplicatesOf(
      shown.flatMap(({ name, attestation }) =>
        attestation === null ? [] : [[name, attestation[field]] as const],
      ),
    )
  const shared = [
    ...sharing('dataLocation').map((names) =>
      fail(`${names.join(' and ')} use one data directory`),
    ),
    ...sharing('incarnation').map((names) =>
      fail(`${names.join(' and ')} use copies of one data directory`),
    ),
  ]
  const findings = nodes.map(({ name }) =>
    findingOn(
      observation,
      proven,
      name,
      (node) => node.identity,
      () => pass,
    ),
  )
  const evidence = shown.map(({ name, attestation }) => ({
    node: name,
    incarnation: attestation?.incarnation ?? null,
    data_location: attestation === null ? null : short(attestation.dataLocation),
  }))
  const whenPass = `All ${plural(nodes.length, 'node')} keep their data in directories of their own.`
  return conclude('data', [...shared, ...findings], whenPass, evidence)
}
