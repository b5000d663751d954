import { describe, expect, it } from 'vitest'
import type { BeginRecord, JournalRecord, StepRecord } from './journal-record.ts'
import { planRecovery } from './plan-recovery.ts'

const begin = (run: string): BeginRecord => ({
  type: 'begin',
  run,
  at: '',
  fence: 1,
  kind: 'deploy',
  plan: '',
  release: { id: 'rbbbbbbbbbbbb', version: 'b' },
  nodes: ['primary', 'backup', 'space'].map((name) => ({
    name,
    previous: { generation: null, configDigest: null, state: 'stopped' },
    next: { release: 'rbbbbbbbbbbbb', settings: 's' },
  })),
  active: [],
})

/** `activate:backup begun` and the like; `end` ends. */
const journal = (...lines: string[]): JournalRecord[] => {
  let run = ''
  return lines.map((line): JournalRecord => {
    const [id = '', state = ''] = line.split(' ')
    const [action = '', node = ''] = id.split(':')
    if (action === 'begin') {
      run = node
      return begin(run)
    }
    if (action === 'end') return { type: 'end', run, at: '', result: 'deployed' }
    return { type: 'step', run, at: '', id, node, action, state } as StepRecord
  })
}

const all = (action: string, state: string): string[] =>
  ['primary', 'backup', 'space'].map((node) => `${action}:${node} ${state}`)

describe('after a crash', () => {
  it.each<[string, JournalRecord[], string | null]>([
    ['of nothing', [], null],
    ['of a run that had ended', journal('begin:1', ...all('gate', 'done'), 'end'), null],
    ['of a run before the last', journal('begin:1', 'begin:2', 'end'), null],
    ['right at the start', journal('begin:1'), 'revert'],
    ['while staging', journal('begin:1', 'stage:primary begun', 'stage:space done'), 'revert'],
    [
      'while the first was switched',
      journal('begin:1', 'activate:primary begun'),
      'revert primary',
    ],
    [
      'before the second was touched',
      journal('begin:1', 'activate:primary begun', 'activate:primary done', 'gate:primary done'),
      'revert primary',
    ],
    [
      'while the second was proven',
      journal('begin:1', 'activate:primary begun', 'start:backup begun', 'gate:backup begun'),
      'revert primary backup',
    ],
    [
      'with all proven',
      journal('begin:1', ...all('activate', 'begun'), ...all('gate', 'done')),
      'finish',
    ],
    [
      'while pruning',
      journal('begin:1', ...all('activate', 'begun'), ...all('gate', 'done'), 'prune:space begun'),
      'finish',
    ],
    [
      'while going back',
      journal('begin:1', ...all('activate', 'begun'), 'gate:space failed', 'restore:space begun'),
      'revert primary backup space',
    ],
    [
      'while going back further, without what is back and proven',
      journal(
        'begin:1',
        ...all('activate', 'begun'),
        'restore:space done',
        'regate:space done',
        'restore:backup done',
        'regate:backup failed',
      ),
      'revert primary backup',
    ],
    [
      'in the second of two runs',
      journal('begin:1', ...all('activate', 'begun'), 'end', 'begin:2'),
      'revert',
    ],
  ])('%s', (_when, records, expected) => {
    const recovery = planRecovery(records)
    const touched = recovery?.kind === 'revert' ? recovery.touched.map((node) => node.name) : []
    expect(recovery === null ? null : [recovery.kind, ...touched].join(' ')).toBe(expected)
  })
})
