import type { NodeOutcome, Outcome } from '../../ops/rollout/progress.ts'
import type { CheckResult, ReportedNode, TriangleReport } from '../../ops/verify/observation.ts'

/** Reports as ops gives them, for tests of how they are shown. */
const root = 'ab'.repeat(32)

export const reported = (name: string, given: Partial<ReportedNode> = {}): ReportedNode => ({
  name,
  url: `http://127.0.0.1:${8100 + name.length}`,
  peer_id: `12D3KooW${name}`,
  instance: '0123456789abcdef',
  incarnation: '0123456789abcdef',
  release: 'r0123456789ab',
  merkle_root: root,
  state_root: root,
  frontier: {},
  entries: 9,
  mode: 'P2P',
  clock_offset_ms: 0.1,
  reachable: true,
  ...given,
})

export const check = (given: Partial<CheckResult> = {}): CheckResult => ({
  id: 'identity',
  verdict: 'PASS',
  summary: 'All 2 nodes signed.',
  evidence: null,
  ...given,
})

export const triangle = (given: Partial<TriangleReport> = {}): TriangleReport => ({
  verdict: 'PASS',
  phase: 'local',
  checks: [check(), check({ id: 'roots', summary: 'All 2 nodes sign one root.' })],
  nodes: [reported('one'), reported('three')],
  unchecked: [],
  took_ms: 812,
  ...given,
})

type ShownOutcome = Omit<Outcome, 'nodes'> & { nodes: (NodeOutcome & { url: string })[] }

export const run = (given: Partial<ShownOutcome> = {}): ShownOutcome => ({
  result: 'deployed',
  run: 'a',
  release: { id: 'r0123456789ab', version: '0.1.0' },
  nodes: [
    {
      name: 'one',
      url: 'http://127.0.0.1:8103',
      state: 'new',
      generation: { release: 'r0123456789ab', settings: 'ef'.repeat(32) },
    },
    {
      name: 'three',
      url: 'http://127.0.0.1:8105',
      state: 'unchanged',
      generation: { release: 'r0123456789ab', settings: 'ef'.repeat(32) },
    },
  ],
  steps: [],
  failure: null,
  warnings: [],
  unproven: [],
  ...given,
})
