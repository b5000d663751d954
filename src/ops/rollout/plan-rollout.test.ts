import { describe, expect, it } from 'vitest'
import type { ObservedNode } from '../targets/target.ts'
import {
  bare,
  everywhere,
  generation,
  held,
  lattice,
  names,
  proven,
  release,
  running,
  wanted,
} from './fixtures/facts.ts'
import type { Plan } from './plan.ts'
import { movedNodes } from './plan-digest.ts'
import type { ProvenRelease } from './plan-releases.ts'
import { planRollout } from './plan-rollout.ts'

const plan = (
  observed: readonly ObservedNode[],
  to = 'b',
  with_ = 'x',
  register: readonly ProvenRelease[] = [],
): Plan =>
  planRollout({
    lattice,
    release: release(to),
    settings: wanted(with_),
    observed,
    proven: register,
  })

/** Nodes as found, all on release b with settings x but for `given`. */
const found = (...given: ObservedNode[]): ObservedNode[] =>
  names.map((name) => given.find((node) => node.name === name) ?? running(name, 'b', 'x'))

const ids = ({ steps }: Plan): string[] => steps.map((step) => step.id)

describe('steps in rollout order, the Space last', () => {
  it.each<[string, ObservedNode[], string[]]>([
    ['nothing to do', found(), []],
    [
      'nothing to do, whatever else is held',
      found(running('backup', 'b', 'x', { held: [held('z', 'z')] })),
      [],
    ],
    [
      'nothing to do for a node that was restarted in between',
      found(running('backup', 'b', 'x', { process: { pid: 7, restarts: 4 } })),
      [],
    ],
    [
      'a first deployment',
      everywhere(bare),
      [
        'stage:primary',
        'stage:backup',
        'stage:space',
        'activate:primary',
        'gate:primary',
        'activate:backup',
        'gate:backup',
        'activate:space',
        'gate:space',
      ],
    ],
    [
      'another release on one node',
      found(running('backup', 'a', 'x')),
      ['stage:backup', 'activate:backup', 'gate:backup'],
    ],
    [
      'other settings on one node',
      found(running('space', 'b', 'w')),
      ['stage:space', 'activate:space', 'gate:space'],
    ],
    [
      'a stopped node',
      found(running('primary', 'b', 'x', { process: { state: 'stopped' } })),
      ['start:primary', 'gate:primary'],
    ],
    [
      'a failing node',
      found(running('primary', 'b', 'x', { process: { state: 'failing' } })),
      ['start:primary', 'gate:primary'],
    ],
    [
      'a stopped node that also needs a release',
      found(running('primary', 'a', 'x', { process: { state: 'stopped' } })),
      ['stage:primary', 'activate:primary', 'gate:primary'],
    ],
    [
      'edited release files',
      found(running('primary', 'b', 'x', { current: { isReleaseIntact: false } })),
      ['stage:primary', 'activate:primary', 'gate:primary'],
    ],
    [
      'edited settings, even edited to what is wanted now',
      found(running('primary', 'b', 'x', { current: { areSettingsIntact: false } })),
      ['stage:primary', 'activate:primary', 'gate:primary'],
    ],
    [
      'a change that leaves something over',
      found(running('backup', 'a', 'x', { held: [held('z', 'z'), held('c', 'x')] })),
      ['stage:backup', 'activate:backup', 'gate:backup', 'prune:backup'],
    ],
  ])('%s', (_what, observed, steps) => {
    expect(ids(plan(observed))).toEqual(steps)
  })
})

describe('a step says what and why', () => {
  const detail = (node: ObservedNode, action: string): string | undefined =>
    plan(found(node)).steps.find((step) => step.action === action)?.detail

  it.each<[ObservedNode, string, string | RegExp]>([
    [bare('backup'), 'activate', 'first deployment'],
    [running('backup', 'a', 'x'), 'activate', 'release raaaaaaaaaaaa → rbbbbbbbbbbbb'],
    [running('backup', 'b', 'w'), 'activate', /^settings [0-9a-f]{12} → [0-9a-f]{12}$/],
    [
      running('backup', 'b', 'x', { current: { areSettingsIntact: false } }),
      'activate',
      'drift: settings were edited on the node',
    ],
    [
      running('backup', 'b', 'x', { current: { isReleaseIntact: false } }),
      'activate',
      'drift: release files were edited on the node',
    ],
    [running('backup', 'b', 'x', { process: { state: 'failing' } }), 'start', 'it keeps failing'],
    [
      running('backup', 'b', 'x', { process: { state: 'failing', isSupervised: false } }),
      'start',
      /^it runs without its supervisor$/,
    ],
    [
      running('backup', 'a', 'x', { process: { state: 'failing', isSupervised: false } }),
      'activate',
      'release raaaaaaaaaaaa → rbbbbbbbbbbbb; it runs without its supervisor',
    ],
    [running('backup', 'b', 'x', { process: { state: 'stopped' } }), 'start', 'it is stopped'],
    [
      running('backup', 'a', 'x', { process: { state: 'stopped' } }),
      'activate',
      'release raaaaaaaaaaaa → rbbbbbbbbbbbb; it is stopped',
    ],
    [
      running('backup', 'a', 'x', { held: [held('z', 'z'), held('z', 'y')] }),
      'prune',
      'removes what is no longer kept: rzzzzzzzzzzzz',
    ],
  ])('%#', (node, action, text) => {
    expect(detail(node, action)).toMatch(text)
  })
})

it('knows what each node was and will be', () => {
  const { nodes } = plan(found(running('backup', 'a', 'w', { process: { state: 'failing' } })))
  expect(nodes.map((node) => [node.name, node.act])).toEqual([
    ['primary', null],
    ['backup', 'activate'],
    ['space', null],
  ])
  expect(nodes[1]).toMatchObject({
    previous: {
      generation: generation('a', 'w'),
      configDigest: 'w configured',
      state: 'failing',
    },
    next: { release: release('b').id },
    configDigest: 'configured backup',
  })
})

it('keeps what is proven, what runs and what comes, and removes the rest', () => {
  const other = [held('a', 'w'), held('c', 'w'), held('c', 'v'), held('d', 'w')]
  const observed = found(running('backup', 'a', 'x', { held: other }))
  const { nodes, steps } = plan(observed, 'b', 'x', [proven('c', 'w'), proven('a', 'w')])
  const { keep } = nodes.find((node) => node.name === 'backup') ?? { keep: [] }
  expect(keep).toEqual([
    generation('c', 'w'),
    generation('a', 'w'),
    generation('b', 'x'),
    generation('a', 'x'),
  ])
  expect(steps.at(-1)).toMatchObject({
    id: 'prune:backup',
    detail: `removes what is no longer kept: ${release('c').id}, ${release('d').id}`,
  })
})

describe('a plan’s digest', () => {
  const before = found(running('backup', 'a', 'x'))
  const { digest } = plan(before)

  it('is the same for the same facts in another order, and whatever changes by itself', () => {
    expect(digest).toMatch(/^[0-9a-f]{16}$/)
    expect(plan(before.toReversed()).digest).toBe(digest)
    const other = found(
      running('backup', 'a', 'x', { process: { pid: 9, startedAt: null, restarts: 2 } }),
    )
    expect(plan(other).digest).toBe(digest)
    expect(movedNodes(plan(before), other)).toEqual([])
  })

  it('does not depend on what is only shown', () => {
    const node = running('backup', 'a', 'x')
    const shown = { settings: [], activated: null, release: null, releaseEdits: [] }
    const other = found({ ...node, contents: shown, lacks: ['Node.js 26.10.0'] })
    expect(plan(other).digest).toBe(plan(found(node)).digest)
  })

  it.each<[string, Plan]>([
    ['another release', plan(before, 'c')],
    ['other settings', plan(before, 'b', 'y')],
    ['another current one', plan(found(running('backup', 'c', 'x')))],
    ['a stopped node', plan(found(running('backup', 'a', 'x', { process: { state: 'stopped' } })))],
    ['something more held', plan(found(running('backup', 'a', 'x', { held: [held('z', 'z')] })))],
    ['drift', plan(found(running('backup', 'a', 'x', { current: { isReleaseIntact: false } })))],
  ])('changes with %s', (_what, other) => {
    expect(other.digest).not.toBe(digest)
  })

  it('names the nodes that moved', () => {
    expect(movedNodes(plan(before), found())).toEqual(['backup'])
    expect(movedNodes(plan(before), [])).toEqual(['primary', 'backup', 'space'])
  })
})

it('refuses to plan around a node that was not observed', () => {
  expect(() => plan(found().slice(1))).toThrow(/nothing is known of space/)
})
