import { describe, expect, it } from 'vitest'
import { heldIn, holdingsBefore, NOTHING_HELD, unprovenIn, type Holdings } from './holdings.ts'
import { journalRecord, type BeginRecord, type JournalRecord } from './journal-record.ts'

const author = 'a'.repeat(64)
const holdings: Holdings = {
  held: new Map([['one', new Map([[author, 3]])]]),
  silent: new Map([['two', 'cut off']]),
}

const stepOf = (id: string, more: object): JournalRecord => {
  const [action, node] = id.split(':')
  const record = { type: 'step', run: '1', at: '', id, node, action, state: 'done', ...more }
  return journalRecord.parse(JSON.parse(JSON.stringify(record)))
}

const run = {
  type: 'begin',
  run: '1',
  nodes: ['one', 'two', 'three', 'four'].map((name) => ({
    name,
    previous: { state: name === 'three' ? 'stopped' : 'running' },
  })),
} as BeginRecord

describe('what nodes held', () => {
  const begun = (node: string, of = '1', more: object = {}): JournalRecord => {
    const held = heldIn(holdings, node)
    const record = { run: of, state: 'begun', ...(held !== undefined && { held }), ...more }
    return stepOf(`activate:${node}`, record)
  }
  const records = [begun('one'), begun('two'), begun('three'), begun('four')]

  it('comes back from the journal: what it told, that it did not, or nothing where it was down', () => {
    const { held, silent } = holdingsBefore(records, run, NOTHING_HELD)
    expect(held).toEqual(holdings.held)
    expect([...silent]).toEqual([
      ['two', 'it did not tell before that run, either'],
      ['four', 'the journal does not say'],
    ])
  })

  it('is no less than what it tells by now, and nothing of it is from another run', () => {
    const other = 'b'.repeat(64)
    const now = new Map([['one', new Map([[other, 1]])]])
    const { held } = holdingsBefore(records, run, { held: now, silent: new Map() })
    expect(held.get('one')).toEqual(new Map([...(holdings.held.get('one') ?? []), [other, 1]]))
    const none = holdingsBefore([begun('one', '0')], run, NOTHING_HELD)
    expect([none.held.size, none.silent.size]).toEqual([0, 0])
  })
})

describe('what no gate has seen', () => {
  const gate = (id: string, more: object = {}): JournalRecord => stepOf(id, more)
  const unseen = (id: string, unproven: string): JournalRecord => gate(id, { unproven })
  const told = (node: string): JournalRecord =>
    stepOf(`activate:${node}`, { state: 'begun', held: {} })
  const begin = (unproven?: Record<string, string>): JournalRecord =>
    ({ type: 'begin', run: '1', ...(unproven && { unproven }) }) as JournalRecord

  it.each([
    ['stays until a gate sees it', [unseen('gate:one', 'a'), begin()], ['a']],
    ['is over once one does', [unseen('gate:one', 'a'), told('one'), gate('gate:one')], []],
    ['is not seen where nothing was told', [unseen('gate:one', 'a'), gate('gate:one')], ['a']],
    [
      'is not seen where something was told to another run',
      [told('one'), unseen('gate:one', 'a'), begin(), gate('gate:one')],
      ['a'],
    ],
    ['is the last word of each', [unseen('gate:one', 'a'), unseen('regate:one', 'b')], ['b']],
    [
      'is not seen by the gate of another',
      [unseen('gate:one', 'a'), told('two'), gate('gate:two')],
      ['a'],
    ],
    [
      'is not seen by a gate that fails',
      [unseen('gate:one', 'a'), told('one'), gate('gate:one', { state: 'failed', reason: 'no' })],
      ['a'],
    ],
    [
      'is what was brought back and not proven',
      [told('one'), gate('regate:one', { state: 'failed', reason: 'it lacks 3 entries' })],
      ['one was brought back and not proven: it lacks 3 entries'],
    ],
    ['is what a run says that it was when it began', [begin({ one: 'a', two: 'b' })], ['a', 'b']],
    ['is nothing when a run says so', [unseen('gate:one', 'a'), begin({})], []],
  ])('%s', (_how, records, unproven) => {
    expect([...unprovenIn(records).values()]).toEqual(unproven)
  })
})
