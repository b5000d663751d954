import { describe, expect, it } from 'vitest'
import type { Contents, ObservedNode } from '../targets/target.ts'
import { bare, everywhere, lattice, proven, release, running, settings } from './fixtures/facts.ts'
import {
  latticeAfter,
  planRollback,
  rollbackCandidates,
  type RollbackInput,
} from './plan-rollback.ts'

const PEER_ID = '12D3KooWCo6M9dAwqJbEKsut7dtYPoHy8zCHVfb95yuAtzf64it4'

const on = (letter: string, with_ = 'x'): ObservedNode[] =>
  everywhere((name) => running(name, letter, with_))

const input = (register: string, observed: ObservedNode[], more = {}): RollbackInput => ({
  lattice,
  observed,
  proven: [...register.matchAll(/(\()?([a-z])\)?/g)].map(([, withdrawn, letter]) =>
    proven(letter ?? '', 'x', { isWithdrawn: withdrawn !== undefined }),
  ),
  ...more,
})

const candidates = (given: RollbackInput): string =>
  rollbackCandidates(given)
    .map((one) => one.release[1])
    .join('')

describe('a rollback goes', () => {
  it.each<[string, string, RollbackInput]>([
    ['to the one before', 'ba', input('abc', on('c'))],
    ['further back the second time', 'a', input('ab(c)', on('b'))],
    ['to what ran before a later deploy', 'ba', input('ab(c)d', on('d'))],
    ['to the newest when what runs was never proven', 'cba', input('abc', on('z'))],
    ['to the newest from other settings', 'cba', input('abc', on('c', 'y'))],
    [
      'to the newest from a mixed lattice',
      'cba',
      input('abc', [...on('c').slice(1), ...on('b').slice(0, 1)]),
    ],
    ['to the newest from nothing', 'a', input('a', everywhere(bare))],
    ['where it is told to', 'a', input('abc', on('c'), { to: release('a').id })],
    ['even to a withdrawn one when told', 'c', input('ab(c)', on('b'), { to: release('c').id })],
    ['back for one node of a mixed lattice', 'a', input('ab', on('b'), { only: ['space'] })],
  ])('%s', (_what, expected, given) => {
    expect(candidates(given)).toBe(expected)
  })

  it.each<[string, string, RollbackInput]>([
    ['nothing was proven', 'no-previous-release', input('', on('a'))],
    ['nothing was proven before', 'no-previous-release', input('a', on('a'))],
    ['all before is withdrawn', 'no-previous-release', input('(a)b', on('b'))],
    ['it was never proven', 'unknown-release', input('ab', on('b'), { to: release('z').id })],
    ['the node is not known', 'unknown-node', input('ab', on('b'), { only: ['node9'] })],
    [
      'it ran in another lattice',
      'other-lattice',
      { ...input('', on('b')), proven: [proven('a', 'x', { lattice: 'other' })] },
    ],
    [
      'a node was not part of it',
      'other-lattice',
      { ...input('', on('b')), proven: [proven('a', 'x', { nodes: {} })] },
    ],
  ])('nowhere when %s', (_what, code, given) => {
    expect(() => rollbackCandidates(given)).toThrow(expect.objectContaining({ code }))
  })
})

describe('its plan', () => {
  it('switches every node to the release with the settings that it was proven with', () => {
    const plan = planRollback(input('ab', on('b', 'y')), proven('a', 'x'))
    expect(plan.steps.map((step) => step.id)).toEqual([
      'activate:primary',
      'gate:primary',
      'activate:backup',
      'gate:backup',
      'activate:space',
      'gate:space',
    ])
    expect(plan.nodes.map((node) => node.next)).toEqual(
      plan.nodes.map(() => ({ release: release('a').id, settings: settings('x') })),
    )
    expect(latticeAfter(lattice, plan, new Map()).nodes.map((node) => node.configDigest)).toEqual([
      'x of space',
      'x of primary',
      'x of backup',
    ])
  })

  it('leaves the nodes where its settings say', () => {
    const plan = planRollback(input('ab', on('b', 'y')), proven('a', 'x'))
    const text = `AETHEL_MEMBERS=backup=${PEER_ID}@http://old:8100\n`
    const envOf = (shown: string | null): Contents => ({
      settings: [{ path: '.env', mode: 0o600, sha256: '', text: shown }],
      release: null,
    })
    const contents = new Map([
      ['backup', envOf(text)],
      ['space', envOf(null)],
    ])
    const { nodes } = latticeAfter(lattice, plan, contents)
    const urlsBefore = lattice.nodes.map((node) => node.url)
    expect(nodes.map((node) => node.url)).toEqual([...urlsBefore.slice(0, 2), 'http://old:8100'])
    expect(nodes[2]?.environment).toEqual({ AETHEL_MEMBERS: `backup=${PEER_ID}@http://old:8100` })
    expect(nodes[0]?.environment).toEqual(lattice.nodes[0]?.environment)
  })

  it('is empty when it runs already', () => {
    expect(planRollback(input('a', on('a')), proven('a', 'x')).steps).toEqual([])
  })

  it('leaves the other nodes alone, but knows them', () => {
    const plan = planRollback(input('ab', on('b'), { only: ['space'] }), proven('a', 'x'))
    expect(plan.steps.map((step) => step.id)).toEqual(['activate:space', 'gate:space'])
    expect(plan.nodes.map((node) => [node.name, node.act, node.next.release])).toEqual([
      ['primary', null, release('b').id],
      ['backup', null, release('b').id],
      ['space', 'activate', release('a').id],
    ])
  })

  it('has another digest than a deploy of the same', () => {
    const given = input('ab', on('b'))
    expect(planRollback(given, proven('a', 'x')).digest).not.toBe(
      planRollback(given, proven('a', 'y')).digest,
    )
  })
})
