import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '../../wire/bytes.ts'
import { OperatorError } from '../errors.ts'
import { formatCheckpoints, nextCheckpoints, parseCheckpoints } from './checkpoints.ts'
import { faults } from './fixtures/faults.ts'
import { observeHealthyLattice } from './fixtures/healthy.ts'
import { judge } from './judge.ts'
import type { Observation, SavedCheckpoints } from './observation.ts'

let healthy: Observation
beforeAll(async () => {
  healthy = await observeHealthyLattice()
})

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: digits / 2, maxLength: digits / 2 }).map(toHex)

const anySaved: fc.Arbitrary<SavedCheckpoints> = fc.record({
  lattice: hex(64),
  nodes: fc.array(
    fc.record({
      name: fc.string(),
      peerId: fc.string(),
      incarnation: hex(16),
      frontier: fc
        .array(fc.tuple(hex(80), fc.integer({ min: 1 })), { maxLength: 4 })
        .map((pairs) => new Map(pairs)),
      root: hex(64),
    }),
    { maxLength: 4 },
  ),
})

describe('saved checkpoints', () => {
  it('parse back from their text', () => {
    fc.assert(
      fc.property(anySaved, (saved) => {
        expect(parseCheckpoints(formatCheckpoints(saved))).toEqual(saved)
      }),
    )
  })

  it('are refused in any other text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => parseCheckpoints(text)).toThrow(OperatorError)
      }),
    )
    const future = '{"format":2,"lattice":"","nodes":[]}'
    expect(() => parseCheckpoints(future)).toThrow('cannot be read')
  })

  it('are what the report shows', () => {
    const next = nextCheckpoints(healthy.lattice, judge(healthy), null)
    expect(next.nodes.map(({ name }) => name)).toEqual(['node1', 'node2', 'node3'])
    expect(next.nodes[0]?.frontier.size).toBe(3)
  })

  it('stay as they were for a node that did not show itself', () => {
    const { saved } = healthy
    const down = faults['down']?.[0]('node2', 'node1')(healthy) ?? healthy
    const next = nextCheckpoints(healthy.lattice, judge(down), saved)
    const nodeOf = (from: SavedCheckpoints | null) =>
      from?.nodes.find(({ name }) => name === 'node2')
    expect(nodeOf(next)).toEqual(nodeOf(saved))
    expect(next.nodes).toHaveLength(3)
    expect(next.nodes.find(({ name }) => name === 'node1')).not.toEqual(
      saved?.nodes.find(({ name }) => name === 'node1'),
    )
  })

  it('stay as they were for a node that lacks some of it, also when that is no FAIL', () => {
    const more: SavedCheckpoints = {
      lattice: healthy.lattice.id,
      nodes: (healthy.saved?.nodes ?? []).map((one) => ({
        ...one,
        frontier: new Map([...one.frontier].map(([author, size]) => [author, size + 9])),
      })),
    }
    const report = { ...judge(healthy), checks: [] }
    expect(nextCheckpoints(healthy.lattice, report, more)).toEqual(more)
    const ended = { ...report, unchecked: [{ id: 'history.node1', reason: 'its log was ended' }] }
    const next = nextCheckpoints(healthy.lattice, ended, more).nodes
    expect(next.filter((one) => more.nodes.includes(one)).map(({ name }) => name)).toEqual([
      'node2',
      'node3',
    ])
  })

  it('of another lattice are dropped', () => {
    const saved = { lattice: '9'.repeat(64), nodes: healthy.saved?.nodes ?? [] }
    const down = faults['down']?.[0]('node2', 'node1')(healthy) ?? healthy
    const next = nextCheckpoints(healthy.lattice, judge(down), saved)
    expect(next.nodes.map(({ name }) => name)).toEqual(['node1', 'node3'])
  })
})
