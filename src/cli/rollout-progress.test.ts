import { expect, it } from 'vitest'
import type { Step } from '../ops/rollout/plan.ts'
import type { Progress } from '../ops/rollout/progress.ts'
import { plain } from './output/paint.ts'
import { createScreen } from './output/screen.ts'
import { showProgress } from './rollout-progress.ts'
import { Writable } from 'node:stream'

const step = (action: Step['action'], node: string): Step => ({
  id: `${action}:${node}`,
  node,
  action,
  detail: 'as planned',
})
const planned = [
  step('stage', 'a'),
  step('activate', 'a'),
  step('gate', 'a'),
  step('activate', 'b'),
]
const done = (of: Step): Progress => ({ kind: 'step-done', step: of, tookMs: 40 })
const failed = (of: Step): Progress => ({
  kind: 'step-failed',
  step: of,
  tookMs: 40,
  reason: 'it died',
  hint: undefined,
})

async function shown(events: readonly Progress[]): Promise<string[]> {
  let text = ''
  const stderr = new Writable({
    write(chunk: Buffer, _encoding, next) {
      text += chunk.toString()
      next()
    },
  })
  const screen = createScreen({
    stdout: stderr,
    stderr,
    paint: { stdout: plain, stderr: plain },
    isLive: false,
    canAsk: false,
    nowMs: () => 0,
  })
  const progress = showProgress(screen, planned)
  for (const event of events) progress.tell(event)
  await progress.close()
  return text.trimEnd().split('\n')
}

const begun: Progress = { kind: 'run-begun', run: '1', what: 'deploy', release: 'r1' }

it('shows each planned step when it is over, in the order in which they end', async () => {
  const events = [begun, ...planned.map(done), { kind: 'run-ended', run: '1', result: 'deployed' }]
  expect(await shown(events as Progress[])).toEqual([
    '✔ stage a: as planned (40 ms)',
    '✔ activate a: as planned (40 ms)',
    '✔ gate a: as planned (40 ms)',
    '✔ activate b: as planned (40 ms)',
  ])
})

it('marks no gate as good that did not see everything', async () => {
  const gate = { ...done(step('gate', 'a')), unproven: 'it did not tell' } as Progress
  const regate = { ...done(step('regate', 'a')), unproven: 'it did not tell' } as Progress
  expect(await shown([begun, gate, regate])).toEqual([
    '? gate a: it did not tell',
    '? regate a: it did not tell',
    '- stage a: not reached',
    '- activate a: not reached',
    '- activate b: not reached',
  ])
})

it('shows what failed, what was not reached, and what was undone', async () => {
  const events: Progress[] = [
    begun,
    done(step('stage', 'a')),
    done(step('activate', 'a')),
    failed(step('gate', 'a')),
    { kind: 'revert-begun', nodes: ['a'], reason: 'it died' },
    done(step('restore', 'a')),
    done(step('regate', 'a')),
    { kind: 'run-ended', run: '1', result: 'restored' },
  ]
  expect(await shown(events)).toEqual([
    '✔ stage a: as planned (40 ms)',
    '✔ activate a: as planned (40 ms)',
    '✘ gate a: it died',
    '- activate b: not reached',
    'it died; bringing back what was there before',
    '✔ restore a (40 ms)',
    '✔ prove a again (40 ms)',
  ])
})

it('shows a second try, and steps of a recovery, which nobody announced', async () => {
  expect(
    await shown([
      { kind: 'run-begun', run: '1', what: 'recovery', release: 'r1' },
      done(step('restore', 'b')),
      failed(step('regate', 'b')),
      done(step('regate', 'b')),
    ]),
  ).toEqual([
    'an earlier command was cut short; bringing that to an end first',
    '✔ restore b: as planned (40 ms)',
    '✘ regate b: it died',
    '✔ regate b: as planned (40 ms)',
  ])
})
