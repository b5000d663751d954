import { expect, it } from 'vitest'
import type { JournalRecord } from '../ops/rollout/journal-record.ts'
import { recordedRelease } from './verification.ts'

type Result = 'deployed' | 'restored' | 'split' | null

/** What is recorded after these runs; a result of null: the run was cut short. */
function recordedAfter(runs: readonly [release: string, result: Result][]): string | null {
  const at = '2026-01-02T03:04:05.678Z'
  const records = runs.flatMap(([release, result], index): JournalRecord[] => {
    const run = `run ${index}`
    const begin: JournalRecord = {
      type: 'begin',
      run,
      at,
      fence: index,
      kind: 'deploy',
      plan: '0123456789abcdef',
      release: { id: release, version: '0.1.0' },
      nodes: [],
      active: [],
    }
    return result === null ? [begin] : [begin, { type: 'end', run, at, result }]
  })
  return recordedRelease(records)
}

it.each<[string, [string, Result][], string | null]>([
  ['nothing', [], null],
  ['a deploy', [['r1', 'deployed']], 'r1'],
  [
    'two deploys',
    [
      ['r1', 'deployed'],
      ['r2', 'deployed'],
    ],
    'r2',
  ],
  [
    'a deploy that went back',
    [
      ['r1', 'deployed'],
      ['r2', 'restored'],
    ],
    'r1',
  ],
  [
    'a deploy that was cut short',
    [
      ['r1', 'deployed'],
      ['r2', null],
    ],
    'r1',
  ],
  ['a split', [['r1', 'split']], null],
])('after %s, the release that should run', (_name, runs, release) => {
  expect(recordedAfter(runs)).toBe(release)
})
