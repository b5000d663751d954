import { peerIdOf } from '../../../wire/signature.ts'
import type { AttestObservation } from '../../client/attestation.ts'
import type { DesiredNode } from '../../desired/lattice.ts'
import {
  conclude,
  duplicatesOf,
  errorOf,
  fail,
  missing,
  ms,
  observedOf,
  pass,
  plural,
  unknown,
  valueOf,
  type Finding,
  type Judgement,
  type Proven,
} from '../judge-findings.ts'
import type { Failure, NodeObservation, Observation } from '../observation.ts'

/**
 * Each node signed our nonce with the key that it should have, under its name, for this lattice, as a
 * process of its own, and stayed that process for the whole run. A load balancer, a cache, a replay, a
 * page of HTML and two URLs of one process all fail. Judged first: the rest counts only for `proven`.
 */
export function judgeIdentity(observation: Observation): { judgement: Judgement; proven: Proven } {
  const { lattice, nodes } = observation
  const shown = lattice.nodes.map((node) => {
    const observed = observedOf(observation, node.name)
    return { node, observed, identity: valueOf(observed?.identity) }
  })
  const instances = shown.flatMap(({ node, identity }) =>
    identity === null ? [] : [[node.name, identity.attestation.instance] as const],
  )
  const peerIds = lattice.nodes.map((node) => [node.name, node.peerId] as const)
  const shared = [...duplicatesOf(instances), ...duplicatesOf(peerIds)]

  const findings = shown.map(({ node, observed }): Finding => {
    const others = shared.find((names) => names.includes(node.name))
    if (others !== undefined)
      return fail(`${others.join(' and ')} are one and the same process or key`)
    return observed === undefined
      ? unknown(`${node.name} was not asked`)
      : findingOf(observation, node, observed)
  })
  const proven = new Set(
    shown.filter((_, index) => findings[index]?.verdict === 'PASS').map(({ node }) => node.name),
  )
  const evidence = shown.map(({ node, observed, identity }, index) => ({
    node: node.name,
    verdict: findings[index]?.verdict ?? 'UNKNOWN',
    expected_peer_id: node.peerId,
    peer_id: identity === null ? null : peerIdOf(identity.attestation.publicKey),
    name: identity?.attestation.name ?? null,
    instance: identity?.attestation.instance ?? null,
    rtt_ms: identity === null ? null : ms(identity.rttMs),
    error: errorOf(observed?.identity),
  }))
  const whenPass = `All ${plural(nodes.length, 'node')} signed our question with their own keys, as ${plural(nodes.length, 'process')} of their own.`
  return { judgement: conclude('identity', findings, whenPass, evidence), proven }
}

function findingOf(
  observation: Observation,
  node: DesiredNode,
  observed: NodeObservation,
): Finding {
  const { identity } = observed
  if (!identity.ok) return failureFinding(identity)
  const { attestation } = identity.value
  if (peerIdOf(attestation.publicKey) !== node.peerId)
    return fail(`${node.name} signs with another key`)
  if (attestation.lattice !== observation.lattice.id)
    return fail(`${node.name} is of another lattice`)
  if (attestation.name !== node.name) {
    return fail(`${node.name} calls itself ${JSON.stringify(attestation.name)}`)
  }
  return hasChanged(identity.value, observed)
    ? fail(
        `${node.name} answered as more than one process: it restarted meanwhile, or a balancer stands before it`,
      )
    : pass
}

/** No answer leaves it open who is there; a wrong answer does not. */
const failureFinding = (failure: Failure): Finding =>
  ['unreachable', 'timeout', 'not-asked'].includes(failure.code)
    ? missing(failure)
    : fail(missing(failure).text)

function hasChanged(first: AttestObservation, observed: NodeObservation): boolean {
  const { instance, incarnation } = first.attestation
  const later = [observed.held, observed.atCut, observed.atSaved].flatMap((answer) => {
    const value = valueOf(answer)
    return value === null ? [] : [value.attestation]
  })
  const samples = valueOf(observed.clock) ?? []
  return (
    later.some((one) => one.instance !== instance || one.incarnation !== incarnation) ||
    samples.some((sample) => sample.instance !== instance)
  )
}
