import { expect, it } from 'vitest'
import { run, triangle } from './output/lattice-report.fixture.ts'
import type { RunReport } from './output/run.ts'
import { exitOf } from './run-conclusion.ts'

const network = { state: 'resilient-hybrid', verdict: 'PASS', text: '' } as const
const said = (verdict: 'PASS' | 'FAIL' | 'UNKNOWN'): RunReport['verification'] => ({
  report: triangle({ verdict }),
  network,
})

it.each([
  ['was verified', 'deployed', [], said('PASS'), 'done'],
  ['was verified and is not so', 'deployed', [], said('FAIL'), 'failed'],
  ['could not be verified', 'unchanged', [], said('UNKNOWN'), 'unknown'],
  ['left something unproven', 'deployed', ['one did not tell'], said('PASS'), 'unknown'],
  ['switched some nodes, which their gates proved', 'deployed', [], null, 'done'],
  ['switched none of some nodes, and asked nobody', 'unchanged', [], null, 'unknown'],
  ['was taken back', 'restored', [], null, 'failed'],
  ['ended split', 'split', [], null, 'split'],
] as const)('a run that %s', (_what, result, unproven, verification, exit) => {
  expect(exitOf({ outcome: run({ result, unproven }), verification })).toBe(exit)
})
