import { describe, expect, it } from 'vitest'
import type { Change } from '../../ops/rollout/plan-changes.ts'
import type { Plan, PlannedNode, Step } from '../../ops/rollout/plan.ts'
import { plain } from './paint.ts'
import { formatPlan } from './plan.ts'
import { formatReleases } from './releases.ts'

describe('a plan', () => {
  const generation = { release: 'r0123456789ab', settings: 'ab'.repeat(32) }
  const planned = (name: string, act: PlannedNode['act']): PlannedNode => ({
    name,
    found: { current: null, state: 'stopped', held: [] },
    previous: { generation: null, configDigest: null, state: 'stopped' },
    next: generation,
    configDigest: 'cd'.repeat(32),
    act,
    isStaged: act === 'activate',
    keep: [],
  })
  const step = (action: Step['action'], node: string, detail: string): Step => ({
    id: `${action}:${node}`,
    node,
    action,
    detail,
  })
  const plan: Plan = {
    kind: 'deploy',
    digest: '0123456789abcdef',
    lattice: 'ef'.repeat(32),
    release: { id: generation.release, version: '0.1.0' },
    nodes: [planned('node2', 'activate'), planned('node1', 'start'), planned('node3', null)],
    steps: [
      step('stage', 'node2', 'places it'),
      step('activate', 'node2', 'first deployment'),
      step('gate', 'node2', 'waits'),
      step('start', 'node1', 'it is stopped'),
      step('gate', 'node1', 'waits'),
      step('prune', 'node2', 'removes what is no longer kept: r1'),
    ],
  }

  const release = plan.release
  const changes: Change[] = [
    {
      node: 'node2',
      kind: 'first',
      release,
      files: 3,
      bytes: 2_000_000,
      brings: ['user x', '.env'],
    },
    { node: 'node1', kind: 'process', from: 'stopped', to: 'running' },
  ]
  const shown = { plan, changes, isFull: false, fullCommand: 'plan --full' }

  it('is read in ten seconds', () => {
    expect(formatPlan(shown, plain)).toBe(
      `Deploy release r0123456789ab (0.1.0)
  →  node2  first deployment  stage, activate, gate
  →  node1  it is stopped     start, gate
  =  node3  stays as it is

node2
  brings    release r0123456789ab (0.1.0): 3 files, 1.9 MiB
            user x, .env

node1
  process   it is stopped → running

then node2 removes what is no longer kept: r1
Staged everywhere at once, then switched one node at a time, in this order.
Each is proven before the next; if one fails, all go back.
plan 0123456789abcdef`,
    )
  })

  it('that is cut short says how to see all of it', () => {
    const topic = { name: 'AETHEL_P2P_TOPIC', isMasked: false, from: null, items: null }
    const long: Change[] = [
      { node: 'node2', kind: 'variable', change: 'added', ...topic, to: 'x'.repeat(200) },
    ]
    const said = '… not all is shown: see "plan --full"'
    expect(formatPlan({ ...shown, changes: long }, plain)).toContain(said)
    expect(formatPlan({ ...shown, changes: long, isFull: true }, plain)).not.toContain(said)
  })

  it('of a rollback stages nothing', () => {
    const steps = plan.steps.filter((one) => one.action !== 'stage')
    const text = formatPlan({ ...shown, plan: { ...plan, kind: 'rollback', steps } }, plain)
    expect(text).toMatch(/^Roll back to release r0123456789ab/)
    expect(text).not.toContain('Staged')
  })

  it('without steps says what was seen, and calls nothing good', () => {
    expect(formatPlan({ ...shown, changes: [], plan: { ...plan, steps: [] } }, plain)).toBe(
      '= Nothing to change: 3 nodes hold release r0123456789ab (0.1.0) and the settings of nodes.yaml',
    )
  })

  it('tells what others changed on a node that stays as it is', () => {
    const files = ['/etc/systemd/system/aethel-lattice-node3.service.d/override.conf']
    const drift: Change = { node: 'node3', kind: 'drift', what: 'units', outcome: 'kept', files }
    expect(formatPlan({ ...shown, changes: [drift] }, plain)).toContain(
      '=  node3  stays as it is, drift',
    )
    expect(formatPlan({ ...shown, changes: [drift], plan: { ...plan, steps: [] } }, plain)).toBe(
      `= Nothing to change: 3 nodes hold release r0123456789ab (0.1.0) and the settings of nodes.yaml

node3
  drift     units changed by files that are not ours; they stay
            /etc/systemd/system/aethel-lattice-node3.service.d/override.conf`,
    )
  })

  it('of a rollback without steps counts the nodes that it is about', () => {
    const other = { ...planned('node3', null), next: { ...generation, release: 'rffffffffffff' } }
    const nodes = [planned('node1', null), other]
    const rollback: Plan = { ...plan, kind: 'rollback', nodes, steps: [] }
    expect(formatPlan({ ...shown, changes: [], plan: rollback }, plain)).toBe(
      '= Nothing to change: 1 node holds release r0123456789ab (0.1.0) and its settings',
    )
  })
})

describe('releases', () => {
  it('are the newest first, with what they are', () => {
    const row = { id: 'r0123456789ab', version: '0.1.0', isProven: true, isWithdrawn: false }
    const rows = [
      {
        ...row,
        settings: 'aaaaaaaa',
        provenAt: '2026-01-02T03:04:05.678Z',
        currentOn: ['node1', 'node2'],
      },
      {
        ...row,
        settings: 'bbbbbbbb',
        provenAt: '2026-01-01T03:04:05.678Z',
        isWithdrawn: true,
        currentOn: [],
      },
      { ...row, settings: null, provenAt: null, isProven: false, currentOn: ['node3'] },
    ]
    expect(formatReleases(rows, plain)).toBe(
      `  release        version  settings  proven                                   runs on
  r0123456789ab  0.1.0    aaaaaaaa  2026-01-02 03:04 UTC                     node1, node2
  r0123456789ab  0.1.0    bbbbbbbb  2026-01-01 03:04 UTC (rolled back from)
  r0123456789ab  0.1.0              never                                    node3`,
    )
  })

  it('may be none', () => {
    expect(formatReleases([], plain)).toBe('No release was deployed yet.')
  })
})
