import type { ProbeAnswer } from '../../../wire/api.ts'
import type { DesiredLattice } from '../../desired/lattice.ts'
import {
  conclude,
  errorOf,
  fail,
  leaveUnchecked,
  missing,
  ms,
  pass,
  plural,
  unknown,
  unproven,
  valueOf,
  type Check,
  type Finding,
  type Proven,
} from '../judge-findings.ts'
import type { Observation, ProbeObservation, Unchecked } from '../observation.ts'

export interface Edge {
  from: string
  to: string
  transport: 'p2p' | 'http'
}

/** Every direction between two nodes, on every transport that the configuration switches on. */
export function edgesOf(lattice: DesiredLattice): Edge[] {
  const transports = lattice.isP2pEnabled ? (['p2p', 'http'] as const) : (['http'] as const)
  return transports.flatMap((transport) =>
    lattice.nodes.flatMap((from) =>
      lattice.nodes
        .filter((to) => to !== from)
        .map((to) => ({ from: from.name, to: to.name, transport })),
    ),
  )
}

/** Every node reaches every other by a fresh dial of its own, to the other's peer id, on both transports. */
export const judgeEdges: Check = (observation, proven) => {
  const { lattice } = observation
  if (lattice.nodes.length === 1)
    return leaveUnchecked('edges', 'A lattice of one node has no edges.')
  const edges = edgesOf(lattice)
  const findings = edges.map((edge) => findingOf(observation, proven, edge))
  const evidence = edges.map((edge, index) => {
    const answer = probeOf(observation, edge)?.answer
    const probe = valueOf(answer)
    return {
      ...edge,
      verdict: findings[index]?.verdict ?? 'UNKNOWN',
      result: probe?.result ?? null,
      rtt_ms: probe === null || probe.rtt_ms === null ? null : ms(probe.rtt_ms),
      address: probe?.address ?? null,
      error: probe === null ? errorOf(answer) : probe.error,
    }
  })
  const unchecked: Unchecked[] = lattice.isP2pEnabled
    ? []
    : [{ id: 'edges.p2p', reason: 'P2P is off by configuration, so no P2P edge was probed.' }]
  const transports = lattice.isP2pEnabled ? 'P2P and HTTP' : 'HTTP'
  const whenPass = `All ${plural(edges.length, 'directed edge')} over ${transports} were dialled by the nodes themselves and reached.`
  return conclude('edges', findings, whenPass, evidence, unchecked)
}

const probeOf = ({ probes }: Observation, edge: Edge): ProbeObservation | undefined =>
  probes.find(
    (probe) =>
      probe.from === edge.from && probe.to === edge.to && probe.transport === edge.transport,
  )

function findingOf(observation: Observation, proven: Proven, edge: Edge): Finding {
  const way = `${edge.from} → ${edge.to} over ${edge.transport === 'p2p' ? 'P2P' : 'HTTP'}`
  for (const name of [edge.from, edge.to]) if (!proven.has(name)) return unproven(name)
  const answer = probeOf(observation, edge)?.answer
  if (answer === undefined) return unknown(`${way} was not probed`)
  if (!answer.ok) return missing(answer)
  if (!isAbout(answer.value, edge)) return unknown(`${way}: the answer is about another edge`)
  switch (answer.value.result) {
    case 'reached':
      return pass
    case 'failed':
      return fail(`${way} failed${answer.value.error === null ? '' : `: ${answer.value.error}`}`)
    case 'off':
      return fail(
        `${way}: the transport is switched off on ${edge.from}, against its configuration`,
      )
    case 'no-address':
      return isHeldByOther(observation, edge, answer.value)
        ? pass
        : fail(
            `${way}: ${edge.from} has no address to dial, and ${edge.to} does not hold the connection either`,
          )
  }
}

const isAbout = (probe: ProbeAnswer, edge: Edge): boolean =>
  probe.peer === edge.to && probe.transport === edge.transport

/** A side without an address is reached all the same when the other dials and the connection lives. */
function isHeldByOther(observation: Observation, edge: Edge, probe: ProbeAnswer): boolean {
  if (edge.transport !== 'p2p' || !probe.live) return false
  const reverse = { from: edge.to, to: edge.from, transport: edge.transport }
  const back = valueOf(probeOf(observation, reverse)?.answer)
  return back !== null && isAbout(back, reverse) && back.result === 'reached'
}
