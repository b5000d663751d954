import { RELEASE_ID } from '../../../wire/manifest.ts'
import {
  conclude,
  fail,
  findingOn,
  observedOf,
  pass,
  plural,
  short,
  unknown,
  valueOf,
  type Check,
} from '../judge-findings.ts'
import type { Unchecked } from '../observation.ts'

/** All nodes run one release: the expected one, where it is known. */
export const judgeReleases: Check = (observation, proven) => {
  const { expectedRelease } = observation
  const { nodes } = observation.lattice
  const releaseOf = (name: string): string | null =>
    valueOf(observedOf(observation, name)?.identity)?.attestation.release ?? null
  const wanted =
    expectedRelease ??
    nodes.map(({ name }) => (proven.has(name) ? releaseOf(name) : null)).find((one) => one !== null)

  const findings = nodes.map(({ name }) =>
    findingOn(
      observation,
      proven,
      name,
      (node) => node.identity,
      ({ attestation: { release } }) => {
        if (release !== wanted) {
          const other =
            expectedRelease === null ? `another node runs ${wanted}` : `${wanted} should run`
          return fail(`${name} runs ${JSON.stringify(release)}, but ${other}; deploy again`)
        }
        return RELEASE_ID.test(release)
          ? pass
          : unknown(`${name} does not name a release that it runs`)
      },
    ),
  )
  const evidence = {
    expected: expectedRelease,
    nodes: nodes.map(({ name }) => ({ node: name, release: releaseOf(name) })),
  }
  const unchecked: Unchecked[] =
    expectedRelease === null
      ? [
          {
            id: 'releases.expected',
            reason:
              'No deployment is recorded here, so the releases were compared only with each other.',
          },
        ]
      : []
  const whenPass = `All ${plural(nodes.length, 'node')} run release ${wanted ?? ''}.`
  return conclude('releases', findings, whenPass, evidence, unchecked)
}

/** Every node runs with the settings that nodes.yaml makes for it. */
export const judgeConfigDigest: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const findings = nodes.map(({ name, configDigest }) =>
    findingOn(
      observation,
      proven,
      name,
      (node) => node.identity,
      ({ attestation }) =>
        attestation.configDigest === configDigest
          ? pass
          : fail(`${name} runs with other settings than nodes.yaml makes for it; deploy again`),
    ),
  )
  const evidence = nodes.map(({ name, configDigest }) => {
    const attestation = valueOf(observedOf(observation, name)?.identity)?.attestation
    return {
      node: name,
      desired: short(configDigest),
      in_force: attestation === undefined ? null : short(attestation.configDigest),
    }
  })
  const whenPass = `All ${plural(nodes.length, 'node')} run with the settings expected of them.`
  return conclude('config-digest', findings, whenPass, evidence)
}
