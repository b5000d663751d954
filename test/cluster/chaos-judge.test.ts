/** What a campaign of kills must find, planted into made-up histories. */
import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Receipt } from '../../src/wire/api.ts'
import { History, judgeSet, type Attempt, type Held } from '../chaos/history.ts'
import { isWiping, killsOf, planOf, strikeKinds } from '../chaos/plan.ts'
import { reportOf, type Observed } from '../chaos/report.ts'

const receipt = (seq: number, change: Partial<Receipt> = {}): Receipt => ({
  author: 'a',
  seq,
  id: `id${seq}`,
  level: 'local',
  replicas: 1,
  outcome: 'applied',
  provisional: true,
  reason: null,
  via: 'local',
  age_ms: 0,
  ...change,
})
const attempt = (seq: number, change: Partial<Attempt> = {}): Attempt => ({
  node: 0,
  note: `n${seq}`,
  sentMs: 100,
  endedMs: 110,
  outcome: 'acknowledged',
  receipt: receipt(seq),
  ...change,
})
const held = (...seqs: number[]): Held[] =>
  seqs.map((seq) => ({ author: 'a', seq, id: `id${seq}`, note: `n${seq}` }))

let history: History
beforeEach(() => {
  history = new History()
})

describe('of what was acknowledged', () => {
  it('all of it on all nodes is well', () => {
    history.add(attempt(0))
    history.add(attempt(1, { note: null }))
    const all = held(0, 1).map((one) => (one.seq === 1 ? { ...one, note: null } : one))
    expect(judgeSet(history, [all, all])).toMatchObject({
      acknowledged: 2,
      lost: [],
      duplicated: [],
      phantom: [],
    })
  })

  it('an entry that one node lacks is lost', () => {
    history.add(attempt(0))
    expect(judgeSet(history, [held(0), []]).lost).toEqual([
      expect.stringContaining('node 1 lacks a:0'),
    ])
  })

  it('an entry with another in its place is lost', () => {
    history.add(attempt(0))
    const [entry] = held(0)
    expect(judgeSet(history, [[{ ...entry, id: 'other' } as Held]]).lost).toHaveLength(1)
  })

  const wipe = { node: 0, atMs: 200, safeMs: 50 }
  const cases: [string, Partial<Attempt>, Partial<typeof wipe>, boolean][] = [
    ['one node alone held it, whose disk was lost', {}, {}, true],
    ['it was sent after that loss', { sentMs: 201, endedMs: 202 }, {}, false],
    ['another node lost its disk', {}, { node: 1 }, false],
    ['it lay on every disk before', {}, { safeMs: 120 }, false],
    ['two nodes held it', { receipt: receipt(0, { replicas: 2 }) }, {}, false],
  ]
  it.each(cases)('lost is forgiven or not: %s', (_name, sent, lost, isForgiven) => {
    history.add(attempt(0, sent))
    history.wipes.push({ ...wipe, ...lost })
    const { lost: found, lostWithDisk } = judgeSet(history, [[], []])
    expect({ found: found.length, lostWithDisk }).toEqual(
      isForgiven ? { found: 0, lostWithDisk: 1 } : { found: 2, lostWithDisk: 0 },
    )
  })

  it('what a reader saw on two nodes is not forgiven either', () => {
    history.add(attempt(0))
    history.see(1, receipt(0, { replicas: 2 }))
    history.wipes.push(wipe)
    expect(judgeSet(history, [[]]).lost).toHaveLength(1)
  })
})

it('an acknowledgement counts at each level that it reached', () => {
  history.add(attempt(0))
  history.add(attempt(1, { receipt: receipt(1, { level: 'replicated', replicas: 2 }) }))
  // Who waits for three copies is mostly told this.
  history.add(attempt(2, { receipt: receipt(2, { level: 'final', replicas: 3 }) }))
  const levels = { local: 1, 'replicated:2': 2, 'replicated:3': 1, final: 1 }
  expect(judgeSet(history, []).acknowledgedAs).toEqual(levels)
  expect(history.levelsAcknowledged).toEqual(new Set(Object.keys(levels)))
})

it('twice is found, and so is what was refused', () => {
  history.add(attempt(0))
  history.add(attempt(1, { outcome: 'refused', receipt: null }))
  const twice: Held = { author: 'a', seq: 5, id: 'id5', note: 'n0' }
  expect(judgeSet(history, [[...held(0, 1), twice]])).toMatchObject({
    duplicated: ['node 0 holds n0 2 times'],
    phantom: ['node 0 holds n1, which was refused'],
  })
})

it('what is unknown may be there or not', () => {
  for (const seq of [0, 1]) history.add(attempt(seq, { outcome: 'unknown', receipt: null }))
  expect(judgeSet(history, [held(0)])).toMatchObject({
    unknown: 2,
    unknownFound: 1,
    lost: [],
    phantom: [],
  })
})

it('a final outcome that changes is found, and two entries in one place', () => {
  const final = { level: 'final', provisional: false } as const
  history.see(0, receipt(0, final))
  history.see(1, receipt(0))
  history.see(1, receipt(0, final))
  expect(history.violations).toEqual([])
  history.see(2, receipt(0, { ...final, outcome: 'rejected' }))
  history.see(2, receipt(0, { id: 'other' }))
  expect(history.violations).toEqual([
    'a:0 was applied for good, then rejected',
    'two entries at a:0: id0 and other',
  ])
})

describe('a plan', () => {
  it('has as many kills as were asked for, is the seed’s own, and loses no disk too fast', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 300 }), (seed, kills) => {
        const plan = planOf(seed, kills, 3)
        expect(plan.reduce((sum, strike) => sum + killsOf(strike), 0)).toBe(kills)
        expect(planOf(seed, kills, 3)).toEqual(plan)
        for (const { kind, victims } of plan) {
          expect(new Set(victims.map(({ node }) => node)).size).toBe(victims.length)
          const [first] = victims
          expect(first?.downMs).toBeGreaterThanOrEqual(isWiping(kind) ? 1000 : 0)
        }
        const kinds = new Set(plan.map(({ kind }) => kind))
        expect(kinds.size).toBeGreaterThanOrEqual(kills < 19 ? 1 : strikeKinds.length)
      }),
      { numRuns: 50 },
    )
  })
})

describe('the verdict', () => {
  const well: Observed = {
    seed: 1,
    killsAsked: 1,
    kills: 1,
    killsBehind: 0,
    struck: { one: 1 },
    wipes: 0,
    loadMs: 1,
    startsMs: [30, 10, 20],
    equalMs: 1,
    finalMs: 1,
    reads: 1,
    demotions: 0,
    entries: [1, 1, 1],
    set: {
      attempts: 4,
      acknowledged: 4,
      acknowledgedAs: { local: 1, 'replicated:2': 1, 'replicated:3': 1, final: 1 },
      refused: 0,
      unknown: 0,
      unknownFound: 0,
      lostWithDisk: 0,
      lost: [],
      duplicated: [],
      phantom: [],
    },
    violations: [],
    directory: '/',
  }
  const cases: [string, Partial<Observed>, string][] = [
    ['all is seen and well', {}, 'PASS'],
    ['something was violated', { violations: ['x'] }, 'FAIL'],
    ['an entry is lost', { set: { ...well.set, lost: ['x'] } as Observed['set'] }, 'FAIL'],
    ['the sets could not be read', { set: null }, 'UNKNOWN'],
    ['it was ended early', { killsAsked: 2 }, 'UNKNOWN'],
    ['no reader was answered', { reads: 0 }, 'UNKNOWN'],
    [
      'a level was never acknowledged',
      { set: { ...well.set, acknowledgedAs: { local: 4 } } as unknown as Observed['set'] },
      'UNKNOWN',
    ],
  ]
  it.each(cases)('when %s', (_name, change, verdict) => {
    expect(reportOf({ ...well, ...change }).verdict).toBe(verdict)
  })

  it('comes with the times of the starts', () => {
    expect(reportOf(well).start).toEqual({ n: 3, p50: 20, p99: 30, max: 30 })
  })
})
