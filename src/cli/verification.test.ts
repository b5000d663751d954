import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Inventory } from '../ops/inventory/inventory.ts'
import { JournalFile } from '../ops/rollout/journal.ts'
import type { App } from './command.ts'
import type { Lattice } from './lattice.ts'
import { phaseFiles } from './phase-files.ts'
import { recordedRelease } from './verification.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'aethel-verification-'))
})
afterEach(() => rm(directory, { recursive: true }))

type Result = 'deployed' | 'restored' | 'split' | null

/** What is recorded after these runs; a result of null: the run was cut short. */
async function recordedAfter(runs: readonly [release: string, result: Result][]) {
  const inventory = { path: join(directory, 'nodes.yaml') } as Inventory
  const journal = new JournalFile(phaseFiles(inventory, 'local').journal)
  const at = '2026-01-02T03:04:05.678Z'
  for (const [index, [release, result]] of runs.entries()) {
    const run = `run ${index}`
    await journal.append({
      type: 'begin',
      run,
      at,
      fence: index,
      kind: 'deploy',
      plan: '0123456789abcdef',
      release: { id: release, version: '0.1.0' },
      nodes: [],
      active: [],
    })
    if (result !== null) await journal.append({ type: 'end', run, at, result })
  }
  const app = { options: { phase: 'local' } } as App
  return recordedRelease(app, { inventory } as Lattice)
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
])('after %s, the release that should run', async (_name, runs, release) => {
  expect(await recordedAfter(runs)).toBe(release)
})
