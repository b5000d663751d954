import { frontierObject, totalOf } from '../../wire/frontier.ts'
import { worstOf } from '../../wire/verdict.ts'
import { judgeCanary } from './checks/canary.ts'
import { bestSample, judgeClock } from './checks/clock.ts'
import { judgeConfig } from './checks/config.ts'
import { judgeData } from './checks/data.ts'
import { judgeConfigDigest, judgeReleases } from './checks/deployment.ts'
import { judgeEdges } from './checks/edges.ts'
import { judgeHistory } from './checks/history.ts'
import { judgeIdentity } from './checks/identity.ts'
import { judgeIntegrity } from './checks/integrity.ts'
import { judgeOperator } from './checks/operator.ts'
import { judgeRecompute } from './checks/recompute.ts'
import { judgeRoots } from './checks/roots.ts'
import { judgeSplitView } from './checks/split-view.ts'
import { ms, observedOf, valueOf, type Check, type Proven } from './judge-findings.ts'
import type { Observation, ReportedNode, TriangleReport } from './observation.ts'

/** In the order of `checkIds`, after `identity`, which decides whose word counts. */
const checks: readonly Check[] = [
  judgeConfig,
  judgeData,
  judgeOperator,
  judgeEdges,
  judgeClock,
  judgeReleases,
  judgeConfigDigest,
  judgeRoots,
  judgeRecompute,
  judgeIntegrity,
  judgeCanary,
  judgeHistory,
  judgeSplitView,
]

/**
 * What an observation amounts to. The worst check is the verdict; what was not observed is never PASS; a
 * lattice without nodes is UNKNOWN. Pure: the same observation always gets the same report.
 */
export function judge(observation: Observation): TriangleReport {
  const { judgement: identity, proven } = judgeIdentity(observation)
  const judgements = [identity, ...checks.map((check) => check(observation, proven))]
  const results = judgements.flatMap(({ check }) => check ?? [])
  return {
    verdict: worstOf(
      observation.lattice.nodes.length === 0 ? [] : results.map((result) => result.verdict),
    ),
    phase: observation.lattice.phase,
    checks: results,
    nodes: reportedNodes(observation, proven),
    unchecked: judgements.flatMap(({ unchecked }) => unchecked),
    took_ms: Math.round(observation.tookMs),
  }
}

function reportedNodes(observation: Observation, proven: Proven): ReportedNode[] {
  return observation.lattice.nodes.map(({ name, url, peerId }) => {
    const isProven = proven.has(name)
    const observed = isProven ? observedOf(observation, name) : undefined
    const shown = (valueOf(observed?.held) ?? valueOf(observed?.identity))?.attestation
    const clock = bestSample(valueOf(observed?.clock) ?? [])
    return {
      name,
      url,
      peer_id: peerId,
      instance: shown?.instance ?? null,
      incarnation: shown?.incarnation ?? null,
      release: shown?.release ?? null,
      merkle_root: shown?.root ?? null,
      state_root: shown?.stateRoot ?? null,
      frontier: shown === undefined ? null : frontierObject(shown.frontier),
      entries: shown === undefined ? null : totalOf(shown.frontier),
      mode: valueOf(observed?.health)?.sync.active ?? null,
      clock_offset_ms: clock === null ? null : ms(clock.offsetMs),
      reachable: isProven,
    }
  })
}
