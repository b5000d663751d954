import { covers, equalFrontiers, totalOf, type Frontier } from '../../../wire/frontier.ts'
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
import type { NodeObservation, Observation, Unchecked } from '../observation.ts'
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
  const findings = nodes.flatMap(({ name }) => {
    const node = observedOf(observation, name)
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
      older_entries: log?.older ?? null,
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
  const total = logs.reduce((sum, log) => sum + log.entries, 0)
  const isWhole = logs.every(({ begins }) => begins.size === 0)
  const whenPass = `${plural(total, 'entry')} pulled from ${plural(logs.length, 'node')} are sound, and come to the ${isWhole ? 'roots and states' : 'roots'} that the nodes signed.`
  return conclude('recompute', findings, whenPass, evidence, partly(observation))
}

/** Of large nodes only the newest entries are pulled. */
const partly = ({ nodes }: Observation): Unchecked[] =>
  nodes.flatMap(({ name, log }) => {
    if (!log.ok || log.value.begins.size === 0) return []
    const { begins, older } = log.value
    const reason = `Of ${plural(totalOf(begins), 'older entry')} of ${name}, ${older} were shown to stand in their places; neither the others nor the state were recomputed. --full recomputes all.`
    return [{ id: `recompute.${name}`, reason }]
  })

/** Entries came, and were such that they could not even be read. */
function unacceptable(log: NodeObservation['log']): Finding | null {
  if (log.ok) return null
  return ['not-a-node', 'bad-signature', 'wrong-identity', 'wrong-lattice', 'too-large'].includes(
    log.code,
  )
    ? fail(log.message)
    : null
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
  const isCutSeen = covers(cut, log.begins)
  if (log.rootAtHeld === null || (isCutSeen && log.rootAtCut === null)) {
    return fail(`${name} does not give away all the entries that it signed it holds`)
  }
  if (log.rootAtHeld !== held.root || (isCutSeen && log.rootAtCut !== atCut.root)) {
    return fail(`${name} signed a root that its entries do not come to`)
  }
  if (log.begins.size > 0 && log.older === 0) {
    return unknown(`${name} showed none of its older entries`)
  }
  if (log.begins.size === 0 && log.stateRootAtHeld !== held.stateRoot) {
    return fail(`${name} signed a state that its entries do not come to`)
  }
  if (log.checkpoint === null) return unknown(`${name} gave its entries away without a checkpoint`)
  const { root, stateRoot, recomputedRoot, recomputedStateRoot } = log.checkpoint
  const isState = log.begins.size > 0 || recomputedStateRoot === stateRoot
  if (recomputedRoot !== root || !isState) {
    return fail(`${name} signed a checkpoint that its entries do not come to`)
  }
  if (held.frontier.size === 0) return unknown(`${name} holds no entry to recompute`)
  return pass
}
