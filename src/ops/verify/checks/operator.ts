import {
  conclude,
  errorOf,
  fail,
  missing,
  ms,
  observedOf,
  pass,
  plural,
  unproven,
  type Check,
} from '../judge-findings.ts'

/** The operator's machine reaches every node at its URL. */
export const judgeOperator: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const findings = nodes.map(({ name }) => {
    const identity = observedOf(observation, name)?.identity
    if (identity === undefined) return unproven(name)
    if (!identity.ok) {
      return identity.code === 'not-asked' ? missing(identity) : fail(missing(identity).text)
    }
    return proven.has(name) ? pass : unproven(name)
  })
  const evidence = nodes.map(({ name, url }) => {
    const identity = observedOf(observation, name)?.identity
    return {
      node: name,
      url,
      took_ms: identity?.ok === true ? ms(identity.tookMs) : null,
      error: errorOf(identity),
    }
  })
  const whenPass = `All ${plural(nodes.length, 'node')} answer this machine.`
  return conclude('operator', findings, whenPass, evidence)
}
