import { equalFrontiers, totalOf, type Frontier } from '../../../wire/frontier.ts'
import { clip } from '../../../wire/seal.ts'
import {
  conclude,
  errorOf,
  fail,
  findingOn,
  observedOf,
  pass,
  plural,
  unknown,
  valueOf,
  type Check,
  type Finding,
} from '../judge-findings.ts'
import { PULL_ENTRIES_MAX } from '../limits.ts'
import type { NodeObservation, Unchecked } from '../observation.ts'
import type { AuditedLog } from '../recompute/log-audit.ts'
import { cutOf } from './roots.ts'

/**
 * What each node gives away is what it has signed: every entry pulled from it is sound and chained, and
 * trees and a replay of our own come to its signed roots and states. A store edited behind the node's back
 * fails, and so does a node that computes otherwise than the rules say.
 */
export const judgeRecompute: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const cut = cutOf(observation.nodes)
  const left: Unchecked[] = []
  const findings = nodes.flatMap(({ name }) => {
    const node = observedOf(observation, name)
    if (node !== undefined && proven.has(name) && isLeftOut(node)) {
      const reason = `${name} holds more than ${PULL_ENTRIES_MAX} entries, which were pulled from one node only; --full pulls them from all.`
      left.push({ id: `recompute.${name}`, reason })
      return []
    }
    const refused = node === undefined || !proven.has(name) ? null : unacceptable(node.log)
    if (refused !== null) return [refused]
    return [
      findingOn(
        observation,
        proven,
        name,
        (one) => one.log,
        (log) =>
          node === undefined ? unknown(`${name} was not asked`) : findingOf(node, cut, log),
      ),
    ]
  })
  const evidence = nodes.map(({ name }) => {
    const answer = observedOf(observation, name)?.log
    const log = valueOf(answer)
    return {
      node: name,
      entries: log?.entries ?? null,
      bytes: log?.bytes ?? null,
      signatures_verified: log?.signaturesVerified ?? null,
      root: log?.rootAtHeld ?? null,
      root_at_cut: log?.rootAtCut ?? null,
      state_root: log?.stateRootAtHeld ?? null,
      rejected: log?.rejectedAtHeld ?? null,
      ends: log === null ? null : Object.fromEntries(log.ends),
      checkpoint_root: log?.checkpoint?.recomputedRoot ?? null,
      problems: log?.problems ?? [],
      error: errorOf(answer),
    }
  })
  const logs = nodes.flatMap(({ name }) => valueOf(observedOf(observation, name)?.log) ?? [])
  const byChain = logs.reduce((sum, log) => sum + log.entries - log.signaturesVerified, 0)
  if (byChain > 0) {
    const reason = `The signatures of ${plural(byChain, 'older entry')} were not verified one by one: newer signatures bind them by hash; --full verifies all.`
    left.push({ id: 'recompute.signatures', reason })
  }
  const total = logs.reduce((sum, log) => sum + log.entries, 0)
  const whenPass = `${plural(total, 'entry')} pulled from ${plural(logs.length, 'node')} are sound, and come to the roots and states that the nodes signed.`
  return conclude('recompute', findings, whenPass, evidence, left)
}

/** Entries came, and were such that they could not even be read. */
function unacceptable(log: NodeObservation['log']): Finding | null {
  if (log.ok) return null
  return ['not-a-node', 'bad-signature', 'wrong-identity', 'wrong-lattice', 'too-large'].includes(
    log.code,
  )
    ? fail(log.message)
    : null
}

/** Left out for its size; what the node signed must bear that out. */
function isLeftOut(node: NodeObservation): boolean {
  const held = valueOf(node.held)
  return (
    !node.log.ok &&
    node.log.code === 'over-limit' &&
    held !== null &&
    totalOf(held.attestation.frontier) > PULL_ENTRIES_MAX
  )
}

function findingOf(node: NodeObservation, cut: Frontier | null, log: AuditedLog): Finding {
  const { name } = node
  const held = valueOf(node.held)?.attestation
  const atCut = valueOf(node.atCut)?.attestation.cut
  if (held === undefined || atCut === undefined || atCut === null || cut === null) {
    return unknown(`${name} signed no roots to hold its entries to`)
  }
  if (!equalFrontiers(cut, atCut.frontier)) return unknown(`${name} was asked about another cut`)
  if (log.problemCount > 0) {
    return fail(
      `${name} gives away ${plural(log.problemCount, 'problem')} among its entries: ${log.problems[0] ?? ''}`,
    )
  }
  if (!equalFrontiers(held.frontier, clip(held.frontier, log.ends))) {
    return unknown(`a log that ${name} held was ended while it was looked at`)
  }
  if (log.rootAtHeld === null || log.rootAtCut === null) {
    return fail(`${name} does not give away all the entries that it signed it holds`)
  }
  if (log.rootAtHeld !== held.root || log.rootAtCut !== atCut.root) {
    return fail(`${name} signed a root that its entries do not come to`)
  }
  if (log.stateRootAtHeld !== held.stateRoot) {
    return fail(`${name} signed a state that its entries do not come to`)
  }
  if (log.checkpoint === null) return unknown(`${name} gave its entries away without a checkpoint`)
  const { root, stateRoot, recomputedRoot, recomputedStateRoot } = log.checkpoint
  if (recomputedRoot !== root || recomputedStateRoot !== stateRoot) {
    return fail(`${name} signed a checkpoint that its entries do not come to`)
  }
  if (held.frontier.size === 0) return unknown(`${name} holds no entry to recompute`)
  return pass
}
