import type { Attestation } from '../../../wire/attestation.ts'
import {
  commonCut,
  covers,
  equalFrontiers,
  frontierObject,
  totalOf,
  type Frontier,
} from '../../../wire/frontier.ts'
import type { StateAnswer } from '../../client/node-client.ts'
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
import type { NodeObservation, Observation, Unchecked } from '../observation.ts'

/** The largest frontier that all nodes which showed one cover; null when none did. */
export function cutOf(nodes: readonly Pick<NodeObservation, 'held'>[]): Frontier | null {
  const frontiers = nodes.flatMap((node) => {
    const held = valueOf(node.held)
    return held === null ? [] : [held.attestation.frontier]
  })
  return frontiers.length === 0 ? null : commonCut(frontiers)
}

/**
 * At the common cut of what they hold, all nodes sign one root; and wherever two statements show one
 * frontier they show one root and one state. Entries on their way are beyond the cut, so they never look
 * like divergence. No cut, an empty one, and a missing root are never equal.
 */
export const judgeRoots: Check = (observation, proven) => {
  const { nodes } = observation.lattice
  const cut = cutOf(observation.nodes)
  const statements = statementsOf(observation, proven)
  const roots = new Set(
    nodes.flatMap(({ name }) => (proven.has(name) ? (cutRootOf(observation, name) ?? []) : [])),
  )
  const findings = nodes.map(({ name }) =>
    findingOn(
      observation,
      proven,
      name,
      ({ held, state, atCut }) => together(held, state, atCut),
      ([held, state, atCut]) => findingOf(name, cut, held.attestation, state, atCut.attestation),
    ),
  )
  const divergence =
    roots.size > 1
      ? [
          fail(
            `the nodes sign ${roots.size} different roots over the same ${totalOf(cut ?? new Map())} entries`,
          ),
        ]
      : []
  const contradictions = contradictionsOf(statements)
  const evidence = {
    cut: cut === null ? null : frontierObject(cut),
    cut_entries: cut === null ? null : totalOf(cut),
    nodes: nodes.map(({ name }) => {
      const node = observedOf(observation, name)
      const held = valueOf(node?.held)?.attestation
      return {
        node: name,
        root_at_cut: cutRootOf(observation, name),
        merkle_root: held?.root ?? null,
        state_root: held?.stateRoot ?? null,
        entries: held === undefined ? null : totalOf(held.frontier),
        beyond_cut:
          held === undefined || cut === null ? null : totalOf(held.frontier) - totalOf(cut),
        error: errorOf(node?.held) ?? errorOf(node?.atCut),
      }
    }),
  }
  const whenPass = `All ${plural(nodes.length, 'node')} sign one root over the ${plural(totalOf(cut ?? new Map()), 'entry')} that they have in common.`
  return conclude(
    'roots',
    [...divergence, ...contradictions, ...findings],
    whenPass,
    evidence,
    stateUnchecked(statements, nodes.length),
  )
}

const cutRootOf = (observation: Observation, name: string): string | null =>
  valueOf(observedOf(observation, name)?.atCut)?.attestation.cut?.root ?? null

function findingOf(
  name: string,
  cut: Frontier | null,
  held: Attestation,
  state: StateAnswer,
  atCut: Attestation,
): Finding {
  if (cut === null || atCut.cut === null) return unknown(`${name} showed no root at the common cut`)
  if (!equalFrontiers(cut, atCut.cut.frontier))
    return unknown(`${name} was asked about another cut`)
  if (!covers(atCut.frontier, held.frontier))
    return fail(`${name} lost entries while it was looked at`)
  if (cut.size === 0) return unknown('the nodes have no entry in common to compare')
  if (!state.success || state.merkle_root === null)
    return unknown(`${name} shows clients no Merkle root`)
  return equalFrontiers(held.frontier, atCut.frontier) && state.merkle_root !== held.root
    ? fail(`${name} shows clients another Merkle root than it signs`)
    : pass
}

interface Statement {
  name: string
  attestation: Attestation
}

const statementsOf = ({ nodes }: Observation, proven: ReadonlySet<string>): Statement[] =>
  nodes
    .filter(({ name }) => proven.has(name))
    .flatMap(({ name, identity, held, atCut, atSaved }) =>
      [identity, held, atCut, atSaved].flatMap((answer) => {
        const value = valueOf(answer)
        return value === null ? [] : [{ name, attestation: value.attestation }]
      }),
    )

const byFrontier = (statements: readonly Statement[]): Statement[][] => [
  ...Map.groupBy(statements, ({ attestation }) =>
    JSON.stringify(frontierObject(attestation.frontier)),
  ).values(),
]

/** Statements that show the same entries and something else made of them. */
function contradictionsOf(statements: readonly Statement[]): Finding[] {
  return byFrontier(statements).flatMap((same) => {
    const names = [...new Set(same.map(({ name }) => name))].join(' and ')
    const values = (field: 'root' | 'stateRoot'): number =>
      new Set(same.map(({ attestation }) => attestation[field])).size
    return [
      ...(values('root') > 1 ? [fail(`${names} sign different roots at one frontier`)] : []),
      ...(values('stateRoot') > 1
        ? [fail(`${names} make different states of the same entries: replay is not deterministic`)]
        : []),
    ]
  })
}

/** States can be compared only between nodes that hold the same; under writes they seldom do. */
function stateUnchecked(statements: readonly Statement[], nodeCount: number): Unchecked[] {
  const widest = Math.max(
    0,
    ...byFrontier(statements).map((same) => new Set(same.map(({ name }) => name)).size),
  )
  return widest >= nodeCount
    ? []
    : [
        {
          id: 'roots.state',
          reason:
            'The nodes never held exactly the same entries at the moments they were asked, so not all state roots were compared.',
        },
      ]
}
