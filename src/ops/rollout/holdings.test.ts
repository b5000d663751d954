import { describe, expect, it } from 'vitest'
import { heldIn, holdingsBefore, unprovenIn, type Holdings } from './holdings.ts'
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

describe('what nodes held', () => {
  const begun = (node: string, run = '1'): JournalRecord => {
    const held = heldIn(holdings, node)
    return stepOf(`activate:${node}`, { run, state: 'begun', ...(held !== undefined && { held }) })
  }

  it('comes back from the journal: what it told, that it did not, or nothing where it was down', () => {
    const records = [begun('one'), begun('two'), begun('three'), begun('four', '0')]
    const { held, silent } = holdingsBefore(records, { run: '1' } as BeginRecord)
    expect(held).toEqual(holdings.held)
    expect([...silent.keys()]).toEqual(['two'])
  })
})

describe('what no gate has seen', () => {
  const gate = (id: string, unproven?: string): JournalRecord =>
    stepOf(id, unproven === undefined ? {} : { unproven })

  it.each([
    ['stays until a gate sees it', [gate('gate:one', 'not seen')], ['not seen']],
    ['is over once one does', [gate('gate:one', 'not seen'), gate('gate:one')], []],
    ['is the last word of each', [gate('gate:one', 'a'), gate('regate:one', 'b')], ['b']],
    ['is not seen by the gate of another', [gate('gate:one', 'a'), gate('gate:two')], ['a']],
    [
      'is not seen by a gate that fails',
      [gate('gate:one', 'a'), stepOf('gate:one', { state: 'failed', reason: 'no' })],
      ['a'],
    ],
  ])('%s', (_how, records, unproven) => {
    expect([...unprovenIn(records).values()]).toEqual(unproven)
  })
})
