import { covers, equalFrontiers, missingRanges, totalOf } from '../../../wire/frontier.ts'
import { clip } from '../../../wire/seal.ts'
import {
  conclude,
  fail,
  leaveUnchecked,
  observedOf,
  pass,
  plural,
  unknown,
  unproven,
  valueOf,
  missing,
  type Check,
  type Finding,
  type Proven,
} from '../judge-findings.ts'
import type { NodeObservation, Observation, SavedCheckpoint, Unchecked } from '../observation.ts'

/**
 * What each node signed at the last run it still holds, unchanged: fewer entries in one data directory is
 * a rollback, another root over the old ones is a rewrite.
 */
export const judgeHistory: Check = (observation, proven) => {
  const { lattice, saved } = observation
  if (saved === null)
    return leaveUnchecked('history', 'This is the first run: there is nothing to compare with yet.')
  if (saved.lattice !== lattice.id) {
    return leaveUnchecked(
      'history',
      'The last run saw another lattice; from this run on there is something to compare with.',
    )
  }
  const unchecked: Unchecked[] = []
  const compared = lattice.nodes.flatMap((node) => {
    const checkpoint = saved.nodes.find(
      (one) => one.name === node.name && one.peerId === node.peerId,
    )
    const leave = (reason: string): [] => {
      unchecked.push({ id: `history.${node.name}`, reason })
      return []
    }
    if (checkpoint === undefined || checkpoint.frontier.size === 0)
      return leave(`Nothing of ${node.name} was saved by the last run.`)
    return isEnded(observation, proven, checkpoint)
      ? leave(`A log that ${node.name} held at the last run ends earlier now, which was proven.`)
      : [checkpoint]
  })
  if (compared.length === 0) return { check: null, unchecked }

  const findings = compared.map((checkpoint) => findingOf(observation, proven, checkpoint))
  const evidence = compared.map((checkpoint, index) => {
    const held = valueOf(observedOf(observation, checkpoint.name)?.held)?.attestation
    return {
      node: checkpoint.name,
      verdict: findings[index]?.verdict ?? 'UNKNOWN',
      entries_then: totalOf(checkpoint.frontier),
      entries_now: held === undefined ? null : totalOf(held.frontier),
      root_then: checkpoint.root,
      root_there_now:
        valueOf(observedOf(observation, checkpoint.name)?.atSaved)?.attestation.cut?.root ?? null,
      extension_proven: isProven(observedOf(observation, checkpoint.name)?.extension),
      same_data_directory: held === undefined ? null : held.incarnation === checkpoint.incarnation,
    }
  })
  const whenPass = `All that ${plural(compared.length, 'node')} signed at the last run is still there, unchanged.`
  return conclude('history', findings, whenPass, evidence, unchecked)
}

/**
 * Whether what was saved went beyond the proven end of a log, and all before it is still there. The root
 * saved then is of entries that count no more.
 */
function isEnded(observation: Observation, proven: Proven, saved: SavedCheckpoint): boolean {
  const node = observedOf(observation, saved.name)
  const held = valueOf(node?.held)?.attestation
  const ends = valueOf(node?.log)?.ends
  if (held === undefined || ends === undefined || !proven.has(saved.name)) return false
  const left = clip(saved.frontier, ends)
  return !covers(left, saved.frontier) && covers(held.frontier, left)
}

function findingOf(observation: Observation, proven: Proven, saved: SavedCheckpoint): Finding {
  const { name, frontier } = saved
  const node = observedOf(observation, name)
  if (node === undefined || !proven.has(name)) return unproven(name)
  if (!node.held.ok) return missing(node.held)
  const held = node.held.value.attestation
  if (!covers(held.frontier, frontier)) {
    const lost = missingRanges(held.frontier, frontier).reduce(
      (sum, { from, to }) => sum + to - from,
      0,
    )
    if (held.incarnation === saved.incarnation) {
      return fail(
        `${name} has lost ${plural(lost, 'entry')} since the last run: its data was rolled back`,
      )
    }
    const isHeldElsewhere = observation.lattice.nodes.some((other) => {
      const there = valueOf(observedOf(observation, other.name)?.held)?.attestation
      return there !== undefined && proven.has(other.name) && covers(there.frontier, frontier)
    })
    const isEveryNodeSeen = observation.lattice.nodes.every((other) => proven.has(other.name))
    return isEveryNodeSeen && !isHeldElsewhere
      ? fail(
          `${name} held ${plural(lost, 'entry')} at the last run that no node holds any more: bring them back from a backup`,
        )
      : unknown(
          `${name} started over with a new data directory and still lacks ${plural(lost, 'entry')} that it held at the last run`,
        )
  }
  if (node.atSaved === null)
    return unknown(`${name} was not asked about what it held at the last run`)
  if (!node.atSaved.ok) return missing(node.atSaved)
  const { cut } = node.atSaved.value.attestation
  if (cut === null || !equalFrontiers(cut.frontier, frontier)) {
    return unknown(`${name} was not asked about what it held at the last run`)
  }
  // What it signs now is its word; what its entries come to is seen here, where they were pulled.
  const recomputed = valueOf(node.log)?.rootAtSaved ?? saved.root
  if (cut.root !== saved.root || recomputed !== saved.root) {
    return fail(
      `${name} has other entries where it had signed some at the last run: its history was rewritten`,
    )
  }
  if (node.extension === null) return unknown(`${name} was not asked to prove what it signs`)
  if (!node.extension.ok) return missing(node.extension)
  const { problem } = node.extension.value
  return problem === null
    ? pass
    : fail(`${name} cannot prove that it still holds what it signed at the last run: ${problem}`)
}

const isProven = (answer: NodeObservation['extension'] | undefined): boolean | null => {
  const extension = valueOf(answer)
  return extension === null ? null : extension.problem === null
}
