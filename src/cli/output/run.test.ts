import { describe, expect, it } from 'vitest'
import { check, run, triangle } from './lattice-report.fixture.ts'
import { plain } from './paint.ts'
import { formatRun, type RunReport } from './run.ts'

const network = {
  state: 'resilient-hybrid',
  verdict: 'PASS',
  text: 'Network Status: 🟢 Resilient (Hybrid Mode)',
} as const
const passed = { report: triangle(), network }

const shown = (given: Partial<RunReport>): string =>
  formatRun({ kind: 'deploy', outcome: run(), verification: passed, ...given }, plain)

it('that went through is short, with each node’s URL', () => {
  expect(shown({})).toBe(
    `✔ Deployed release r0123456789ab (0.1.0): 2 nodes, each proven
✔ Verified: 2 checks passed in 812 ms
Network Status: 🟢 Resilient (Hybrid Mode)

  one    http://127.0.0.1:8103  new: r0123456789ab
  three  http://127.0.0.1:8105  r0123456789ab`,
  )
})

it('that went through says what nobody saw of a node', () => {
  expect(shown({ outcome: run({ unproven: ['one did not tell'] }) })).toMatch(
    /^\? Deployed release r0123456789ab \(0\.1\.0\): 2 nodes, not all proven\n\? one did not tell\n/,
  )
})

it('never hides what was not checked', () => {
  const unchecked = [{ id: 'history', reason: 'There was no run before.' }]
  const verification = { report: triangle({ unchecked }), network }
  expect(shown({ verification })).toContain(
    '✔ Verified: 2 checks passed in 812 ms; not checked: history\n',
  )
})

it('that had nothing to do says so', () => {
  expect(shown({ outcome: run({ result: 'unchanged' }) })).toMatch(
    /^= Unchanged: 2 nodes on release r0123456789ab \(0\.1\.0\) already\n/,
  )
})

it('that could not be verified shows every check', () => {
  const checks = [check(), check({ id: 'edges', verdict: 'UNKNOWN', summary: 'No probe.' })]
  const verification = { report: triangle({ verdict: 'UNKNOWN', checks }), network }
  expect(shown({ verification })).toContain(
    `? The verification says UNKNOWN:
  ✔ PASS     identity  All 2 nodes signed.
  ? UNKNOWN  edges     No probe.`,
  )
})

const failure = {
  step: 'gate:one',
  node: 'one',
  code: 'gate',
  reason: 'the process of one has ended',
  hint: 'see "aethel-lattice logs one"',
  logTail: ['{"level":50,"time":"2026-01-02T03:04:05.678Z","msg":"[STORE] corrupt"}', 'bye'],
}

describe('that failed', () => {
  const restored = run({
    result: 'restored',
    failure,
    nodes: [
      {
        name: 'one',
        url: 'http://127.0.0.1:8103',
        state: 'old',
        generation: { release: 'rffffffffffff', settings: 'ef'.repeat(32) },
      },
    ],
  })

  it('says what failed, what to do, and the end of the log', () => {
    expect(shown({ outcome: restored, verification: null })).toBe(
      `✘ Not done: every node is what it was before
  gate:one: the process of one has ended
  → see "aethel-lattice logs one"
  last lines of one’s log:
    03:04:05.678 [STORE] corrupt
                 bye

  one  http://127.0.0.1:8103  as before: rffffffffffff`,
    )
  })

  it('and could not be undone is SPLIT, with what is left wrong', () => {
    const split = run({
      result: 'split',
      failure,
      warnings: ['one could not be brought back: no space'],
      nodes: [{ name: 'one', url: 'http://a', state: 'unknown', generation: null }],
    })
    const text = shown({ outcome: split, verification: null })
    expect(text).toMatch(/^✘ SPLIT: .*r0123456789ab/)
    expect(text).toContain('! one could not be brought back: no space')
    expect(text).toContain('  one  http://a  unknown')
  })
})

it('of some nodes says that the lattice is not one', () => {
  const [one, three] = run().nodes
  const other = { release: 'rffffffffffff', settings: 'ef'.repeat(32) }
  const nodes = [one, three && { ...three, generation: other }].filter((node) => node !== undefined)
  const text = shown({ kind: 'rollback', outcome: run({ nodes }), verification: null })
  expect(text).toMatch(/^✔ Rolled back to release r0123456789ab \(0\.1\.0\): 1 node, each proven\n/)
  expect(text).toContain('! Not three: verify-triangle says FAIL until all run one release')
  const unchanged = run({ nodes, result: 'unchanged' })
  const idle = shown({ kind: 'rollback', outcome: unchanged, verification: null })
  expect(idle).toContain('? Nothing was asked of the nodes')
})
