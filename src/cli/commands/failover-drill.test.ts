import { expect, it } from 'vitest'
import type { DesiredLattice } from '../../ops/desired/lattice.ts'
import { chosenFaults, type DrillOptions } from './failover-drill.ts'

const desired = {
  nodes: ['node1', 'node2', 'node3'].map((name) => ({ name, kind: 'local' })),
} as unknown as DesiredLattice

it.each<[DrillOptions, string[]]>([
  [{}, ['p2p-stop node1', 'kill node3']],
  [{ fault: 'kill' }, ['kill node3']],
  [{ fault: 'p2p-stop' }, ['p2p-stop node1']],
  [{ node: 'node2' }, ['p2p-stop node2', 'kill node2']],
  [{ fault: 'kill', node: 'node2' }, ['kill node2']],
])('%j breaks %j', (options, faults) => {
  const chosen = chosenFaults({ desired }, options)
  expect(chosen.map(({ kind, node }) => `${kind} ${node}`)).toEqual(faults)
})

it('refuses a node that there is not', () => {
  expect(() => chosenFaults({ desired }, { node: 'node4' })).toThrow('node4 is not a node')
})
