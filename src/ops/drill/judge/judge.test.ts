import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verdicts } from '../../../wire/verdict.ts'
import { objectives } from '../limits.ts'
import {
  drillReport,
  judgeBaseline,
  judgeFault,
  type BaselineObservations,
  type DrillParts,
  type FaultObservations,
} from './judge.ts'
import { msOf, type Measure } from './measure.ts'
import type { Write } from './writes.ts'

const observed = (ms: number): Measure => ({ state: 'observed', ms })

const write = (node: string, isAcknowledged = true): Write => ({
  node,
  sentMs: 0,
  endedMs: 5,
  outcome: isAcknowledged
    ? { kind: 'acknowledged', author: node, seq: 0, id: '' }
    : { kind: 'indeterminate', why: '' },
})
const writes = (node: string, count: number, failures = 0): Write[] =>
  Array.from({ length: count }, (_, index) => write(node, index >= failures))

const sound: FaultObservations = {
  plan: { kind: 'kill', node: 'node1' },
  isInjected: true,
  measures: {
    detection: observed(10),
    activation: observed(20),
    activationVia: 'P2P',
    answering: observed(400),
    recovery: observed(700),
    equalFrontier: observed(300),
    stalenessMaxMs: 1200,
  },
  outageMs: 1000,
  writes: [...writes('node1', 50, 20), ...writes('node2', 50)],
  operations: [{ startedMs: 0, endedMs: 4, tries: 1, isSucceeded: true }],
  lost: 0,
  findings: [],
}
const measures = sound.measures

describe('the verdict on a fault', () => {
  const absent: Measure = { state: 'absent', watchedMs: 6000 }
  const early: Measure = { state: 'absent', watchedMs: 100 }
  const unobserved: Measure = { state: 'unobserved', why: 'nobody looked' }
  const none: Measure = { state: 'not-applicable', why: 'one node is left' }

  it.each<[string, Partial<FaultObservations>, string]>([
    ['sound', {}, 'PASS'],
    [
      'at the limits',
      {
        measures: {
          ...measures,
          activation: observed(objectives.activationMs),
          recovery: observed(objectives.recoveryMs),
        },
      },
      'PASS',
    ],
    ['activated late', { measures: { ...measures, activation: observed(3000.1) } }, 'FAIL'],
    ['recovered late', { measures: { ...measures, recovery: observed(2000.1) } }, 'FAIL'],
    ['equal late', { measures: { ...measures, equalFrontier: observed(5001) } }, 'FAIL'],
    ['never activated', { measures: { ...measures, activation: absent } }, 'FAIL'],
    ['never recovered', { measures: { ...measures, recovery: absent } }, 'FAIL'],
    ['never equal', { measures: { ...measures, equalFrontier: absent } }, 'FAIL'],
    ['watched too shortly', { measures: { ...measures, activation: early } }, 'UNKNOWN'],
    ['activation unobserved', { measures: { ...measures, activation: unobserved } }, 'UNKNOWN'],
    ['recovery unobserved', { measures: { ...measures, recovery: unobserved } }, 'UNKNOWN'],
    ['equality unobserved', { measures: { ...measures, equalFrontier: unobserved } }, 'UNKNOWN'],
    ['activation does not apply', { measures: { ...measures, activation: none } }, 'PASS'],
    ['detection unobserved', { measures: { ...measures, detection: absent } }, 'PASS'],
    ['one entry lost', { lost: 1 }, 'FAIL'],
    ['losses unknown', { lost: null }, 'UNKNOWN'],
    ['99 % of the others’ writes', { writes: writes('node2', 100, 1) }, 'PASS'],
    ['98 % of the others’ writes', { writes: writes('node2', 100, 2) }, 'FAIL'],
    [
      'all writes to the target failed',
      { writes: [...writes('node1', 9, 9), ...writes('node2', 9)] },
      'PASS',
    ],
    ['no writes to the others', { writes: writes('node1', 9) }, 'UNKNOWN'],
    ['not injected', { isInjected: false }, 'UNKNOWN'],
    [
      'not injected, and not undone',
      { isInjected: false, findings: [{ verdict: 'FAIL', reason: 'x' }] },
      'FAIL',
    ],
    ['interrupted', { findings: [{ verdict: 'UNKNOWN', reason: 'interrupted' }] }, 'UNKNOWN'],
    [
      'a failure beats what is unknown',
      { lost: null, findings: [{ verdict: 'FAIL', reason: 'x' }] },
      'FAIL',
    ],
  ])('%s', (_what, change, verdict) => {
    const report = judgeFault({ ...sound, ...change })
    expect(report.verdict).toBe(verdict)
    expect(report.reasons.length === 0).toBe(verdict === 'PASS')
  })

  it('is PASS exactly when all it is judged by was observed and within its limit', () => {
    const measure = fc.oneof(
      fc.record({ state: fc.constant('observed' as const), ms: fc.nat(6000) }),
      fc.record({ state: fc.constant('absent' as const), watchedMs: fc.nat(6000) }),
      fc.record({ state: fc.constant('unobserved' as const), why: fc.string() }),
    )
    fc.assert(
      fc.property(
        fc.record({ activation: measure, recovery: measure, equalFrontier: measure }),
        fc.option(fc.nat(2), { nil: null }),
        fc.nat(3),
        fc.boolean(),
        (given, lost, count, isInjected) => {
          const report = judgeFault({
            ...sound,
            measures: { ...measures, ...given },
            lost,
            writes: writes('node2', count),
            isInjected,
          })
          const isKnown =
            isInjected &&
            lost !== null &&
            count > 0 &&
            Object.values(given).every(({ state }) => state === 'observed')
          const isGood =
            isKnown &&
            (msOf(given.activation) ?? 9e9) <= objectives.activationMs &&
            (msOf(given.recovery) ?? 9e9) <= objectives.recoveryMs &&
            (msOf(given.equalFrontier) ?? 9e9) <= objectives.equalFrontierMs &&
            lost === 0
          expect(report.verdict === 'PASS').toBe(isGood)
        },
      ),
    )
  })

  it('reports what was not observed as null', () => {
    const nothing = {
      detection: absent,
      activation: unobserved,
      answering: absent,
      recovery: absent,
      equalFrontier: unobserved,
    }
    expect(
      judgeFault({
        ...sound,
        measures: { ...nothing, activationVia: null, stalenessMaxMs: null },
        outageMs: null,
        lost: null,
      }),
    ).toMatchObject({
      detection_ms: null,
      activation_ms: null,
      activation_via: null,
      outage_ms: null,
      recovery_ms: null,
      equal_frontier_ms: null,
      staleness_max_ms: null,
      writes: { attempted: 100, succeeded: 80, indeterminate: 20, failed: 0, lost: null },
      notes: ['no other node noticed before the node was back'],
    })
  })
})

describe('the verdict on the baseline', () => {
  const well: BaselineObservations = {
    tookMs: 5000,
    stalenessMaxMs: 30,
    writes: writes('node1', 10),
    operations: [],
    lost: 0,
    findings: [],
  }
  it.each<[string, Partial<BaselineObservations>, string]>([
    ['well', {}, 'PASS'],
    ['entries lost without a fault', { lost: 2 }, 'FAIL'],
    ['not read back', { lost: null }, 'UNKNOWN'],
    ['failing writes', { writes: writes('node1', 10, 1) }, 'FAIL'],
    ['no writes', { writes: [] }, 'UNKNOWN'],
  ])('%s', (_what, change, verdict) => {
    expect(judgeBaseline({ ...well, ...change }).verdict).toBe(verdict)
  })
})

describe('the verdict on the whole', () => {
  const fault = judgeFault(sound)
  const baseline = judgeBaseline({
    tookMs: 1,
    stalenessMaxMs: 0,
    writes: writes('node1', 1),
    operations: [],
    lost: 0,
    findings: [],
  })
  const parts: DrillParts = {
    phase: 'local',
    transport: 'P2P',
    faults: [fault],
    notDrilled: [],
    baseline,
    verifiedAfter: { verdict: 'PASS' },
    writes_per_second: 10,
    took_ms: 1,
  }

  it('is PASS only when every part is', () => {
    expect(drillReport(parts)).toMatchObject({ verdict: 'PASS', reasons: [] })
    const verdict = fc.constantFrom(...verdicts)
    fc.assert(
      fc.property(
        fc.array(verdict, { maxLength: 3 }),
        verdict,
        fc.option(verdict, { nil: null }),
        (faults, ofBaseline, after) => {
          const report = drillReport({
            ...parts,
            faults: faults.map((one) => ({ ...fault, verdict: one })),
            baseline: { ...baseline, verdict: ofBaseline },
            verifiedAfter: after === null ? null : { verdict: after },
          })
          const all = [...faults, ofBaseline, after]
          const isGood = faults.length > 0 && all.every((one) => one === 'PASS')
          expect(report.verdict === 'PASS').toBe(isGood)
          expect(report.verdict === 'FAIL').toBe(all.includes('FAIL'))
        },
      ),
    )
  })

  it('names the part with each reason', () => {
    const report = drillReport({
      ...parts,
      faults: [judgeFault({ ...sound, lost: 2 })],
      verifiedAfter: {
        verdict: 'FAIL',
        checks: [
          { verdict: 'PASS', summary: 'all well' },
          { verdict: 'FAIL', summary: 'node2 is gone' },
        ],
      },
    })
    expect(report.reasons).toEqual([
      'kill on node1: 2 acknowledged entries are lost',
      'verification afterwards: FAIL; node2 is gone',
    ])
    expect(drillReport({ ...parts, verifiedAfter: null }).reasons).toEqual([
      'not verified afterwards',
    ])
  })
})
