import { beforeAll, describe, expect, it } from 'vitest'
import { observeHealthyLattice, withNode, withValue } from '../fixtures/healthy.ts'
import { judge } from '../judge.ts'
import type { CheckId, CheckResult, Observation, Unchecked } from '../observation.ts'

let healthy: Observation
beforeAll(async () => {
  healthy = await observeHealthyLattice()
})

const checkOf = (observation: Observation, id: CheckId): CheckResult | undefined =>
  judge(observation).checks.find((check) => check.id === id)
const uncheckedOf = (observation: Observation): Unchecked[] => judge(observation).unchecked

describe('history', () => {
  const startedOver = (observation: Observation, name: string): Observation => ({
    ...observation,
    saved: observation.saved && {
      ...observation.saved,
      nodes: observation.saved.nodes.map((node) =>
        node.name === name ? { ...node, incarnation: '9'.repeat(16) } : node,
      ),
    },
  })
  const lacking = (observation: Observation, name: string): Observation => ({
    ...observation,
    saved: observation.saved && {
      ...observation.saved,
      nodes: observation.saved.nodes.map((node) =>
        node.name === name
          ? {
              ...node,
              frontier: new Map([...node.frontier].map(([author, size]) => [author, size + 50])),
            }
          : node,
      ),
    },
  })

  it('passes a node that started over and has everything back', () => {
    expect(checkOf(startedOver(healthy, 'node1'), 'history')?.verdict).toBe('PASS')
  })

  it('does not know what a node that started over still lacks, while another holds it', () => {
    const one = lacking(startedOver(healthy, 'node1'), 'node1')
    const wanted = one.saved?.nodes.find(({ name }) => name === 'node1')?.frontier ?? new Map()
    const nodes = one.nodes.map((node) =>
      node.name !== 'node2' || !node.held.ok
        ? node
        : {
            ...node,
            held: {
              ...node.held,
              value: {
                ...node.held.value,
                attestation: { ...node.held.value.attestation, frontier: wanted },
              },
            },
          },
    )
    const check = checkOf({ ...one, nodes }, 'history')
    expect(check).toMatchObject({
      verdict: 'UNKNOWN',
      summary: expect.stringContaining('147 entries'),
    })
  })

  it('fails what a node that started over lacks, when no node holds it any more', () => {
    const check = checkOf(lacking(startedOver(healthy, 'node1'), 'node1'), 'history')
    expect(check).toMatchObject({
      verdict: 'FAIL',
      summary: expect.stringContaining('no node holds any more'),
    })
  })

  it('fails a node that has less in the same data directory', () => {
    expect(checkOf(lacking(healthy, 'node1'), 'history')?.verdict).toBe('FAIL')
  })

  it('is unchecked for another lattice, and for nodes that were not there', () => {
    const other = {
      ...healthy,
      saved: { lattice: '9'.repeat(64), nodes: healthy.saved?.nodes ?? [] },
    }
    expect(checkOf(other, 'history')).toBeUndefined()
    expect(uncheckedOf(other).map(({ id }) => id)).toEqual(['history'])

    const fewer = {
      ...healthy,
      saved: healthy.saved && { ...healthy.saved, nodes: healthy.saved.nodes.slice(1) },
    }
    expect(checkOf(fewer, 'history')?.verdict).toBe('PASS')
    expect(uncheckedOf(fewer).map(({ id }) => id)).toEqual(['history.node1'])
  })

  const ended = (size: number, held: (size: number) => number): Observation =>
    withNode(healthy, 'node1', (node) => {
      const [author = ''] = healthy.saved?.nodes[0]?.frontier.keys() ?? []
      return {
        held: withValue(node.held, ({ attestation }) => ({
          attestation: {
            ...attestation,
            frontier: new Map(
              [...attestation.frontier].map(([name, all]) => [
                name,
                name === author ? held(all) : all,
              ]),
            ),
          },
        })),
        log: withValue(node.log, () => ({ ends: new Map([[author, size]]) })),
      }
    })

  it('leaves unchecked what lies behind the proven end of a log', () => {
    const cut = ended(0, () => 0)
    expect(checkOf(cut, 'history')?.verdict).toBe('PASS')
    expect(uncheckedOf(cut).map(({ id }) => id)).toContain('history.node1')
  })

  it('fails when less is left than a proven end leaves', () => {
    expect(
      checkOf(
        ended(1, () => 0),
        'history',
      )?.verdict,
    ).toBe('FAIL')
  })

  it('heeds no end behind what was saved', () => {
    const later = ended(1_000_000, (all) => all)
    expect(uncheckedOf(later).map(({ id }) => id)).not.toContain('history.node1')
    expect(checkOf(later, 'history')?.verdict).toBe('PASS')
  })
})
