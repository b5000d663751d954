import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { anyFault, anyRemoval } from './fixtures/evidence.ts'
import { faults } from './fixtures/faults.ts'
import { nodeNames, observeHealthyLattice, type Change } from './fixtures/healthy.ts'
import { judge } from './judge.ts'
import type { CheckId, Observation } from './observation.ts'

let healthy: Observation
beforeAll(async () => {
  healthy = deepFrozen(await observeHealthyLattice())
})

const deepFrozen = <T>(value: T): T => {
  if (
    typeof value === 'object' &&
    value !== null &&
    !ArrayBuffer.isView(value) &&
    !Object.isFrozen(value)
  ) {
    Object.freeze(value)
    for (const part of Object.values(value)) deepFrozen(part)
  }
  return value
}

const applyAll = (changes: readonly { change: Change }[]): Observation =>
  changes.reduce((all, { change }) => change(all), healthy)

const verdictOf = (observation: Observation, id: CheckId): string =>
  judge(observation).checks.find((check) => check.id === id)?.verdict ?? 'no verdict'

describe('the judge', () => {
  it('passes a wholly healthy observation', () => {
    const report = judge(healthy)
    expect(report.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([])
    expect(report).toMatchObject({ verdict: 'PASS', unchecked: [] })
  })

  it.each(Object.keys(faults))('sees: %s', (kind) => {
    const [make, id] = faults[kind] as (typeof faults)[string]
    for (const name of nodeNames) {
      for (const other of nodeNames.filter((one) => one !== name)) {
        const changed = make(name, other)(healthy)
        expect(judge(changed).verdict).not.toBe('PASS')
        expect(['FAIL', 'UNKNOWN']).toContain(verdictOf(changed, id))
      }
    }
  })

  it('never passes with any faults together, and each check says its own', () => {
    fc.assert(
      fc.property(fc.array(anyFault, { minLength: 1, maxLength: 4 }), (chosen) => {
        const changed = applyAll(chosen)
        expect(judge(changed).verdict).not.toBe('PASS')
        const passing = chosen.filter(({ id }) => verdictOf(changed, id) === 'PASS')
        // Two faults may undo each other only where one replaces the very value of the other.
        expect(passing.map(({ kind }) => kind)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('never passes without any piece of evidence', () => {
    fc.assert(
      fc.property(fc.array(anyRemoval, { minLength: 1, maxLength: 5 }), (removals) => {
        expect(judge(applyAll(removals)).verdict).not.toBe('PASS')
      }),
      { numRuns: 500 },
    )
  })

  it('never passes once more when evidence of a fault is taken away', () => {
    fc.assert(
      fc.property(anyFault, fc.array(anyRemoval, { maxLength: 5 }), (fault, removals) => {
        expect(judge(applyAll([fault, ...removals])).verdict).not.toBe('PASS')
      }),
      { numRuns: 300 },
    )
  })

  it('gives one sentence a check, JSON, and the same report every time', () => {
    fc.assert(
      fc.property(
        fc.array(anyFault, { maxLength: 3 }),
        fc.array(anyRemoval, { maxLength: 3 }),
        (some, gone) => {
          const observation = deepFrozen(applyAll([...some, ...gone]))
          const report = judge(observation)
          expect(JSON.parse(JSON.stringify(report))).toEqual(report)
          expect(judge(observation)).toEqual(report)
          expect(report.checks.filter(({ summary }) => !/^\S[^\n]*\.$/.test(summary))).toEqual([])
          expect(report.nodes.map(({ name }) => name)).toEqual(nodeNames)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('says nothing of a node that did not prove itself', () => {
    const [, , third] = judge(faults['wrongKey']?.[0]('node3', 'node1')(healthy) ?? healthy).nodes
    expect(third).toMatchObject({
      name: 'node3',
      reachable: false,
      merkle_root: null,
      entries: null,
      mode: null,
      clock_offset_ms: null,
    })
  })

  it('leaves a lattice without nodes unknown', () => {
    const none = { ...healthy, lattice: { ...healthy.lattice, nodes: [], members: [] }, nodes: [] }
    expect(judge(none).verdict).toBe('UNKNOWN')
    expect(judge({ ...none, probes: [], canaries: [], saved: null }).verdict).toBe('UNKNOWN')
  })
})
