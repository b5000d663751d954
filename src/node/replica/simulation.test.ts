import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeFailure, runSeed } from '../../../test/simulation/campaign.ts'
import { Drive } from '../../../test/simulation/drive.ts'
import { quiet, type Plan } from '../../../test/simulation/plan.ts'
import { calm, storm } from '../../../test/simulation/plans.ts'
import { newTally } from '../../../test/simulation/tally.ts'
import { simulate, type MakeDrive } from '../../../test/simulation/world.ts'
import type { Batch } from '../store/store.ts'
import type { Restored } from './contract.ts'
import type { Snapshot } from './snapshot.ts'

/** More of them by hand: npm run simulate -- --seeds 10000 */
const SEEDS = 200

const fork = { kind: 'fork', forMs: 0, back: 0, count: 1, isShown: false } as const

describe('a simulated lattice', () => {
  it('keeps its promises under any faults, and comes together when they end', async () => {
    const tally = newTally()
    for (let seed = 0; seed < SEEDS; seed++) {
      const failure = await runSeed(storm(), seed, tally)
      expect(failure === null ? null : describeFailure(failure)).toBeNull()
    }
    // A campaign in which something never happened has shown nothing about it.
    expect(tally.sightings.missing()).toEqual([])
  }, 240_000)

  it('keeps them for hours in which little goes wrong', async () => {
    const failure = await runSeed(calm(0.5, 3), 1, newTally())
    expect(failure === null ? null : describeFailure(failure)).toBeNull()
  })

  it('ends two histories of one length, which nobody shows to the other side', async () => {
    const plan: Plan = {
      ...quiet,
      seed: 1_572_604_640,
      faults: [
        { ...fork, atMs: 1600, node: 2, side: [0] },
        { kind: 'disk', atMs: 1509, node: 0, forMs: 2300, failure: 'io' },
      ],
      submissions: [{ atMs: 3100, node: 2, intents: [{ kind: 'noop', note: '' }], wait: null }],
    }
    const { counts, violations } = await simulate(plan)
    expect(counts['divergence told']).toBeGreaterThan(0)
    expect(violations).toEqual([])
  })

  it('is the same for the same plan, to the last step', async () => {
    for (const one of fc.sample(storm(), { numRuns: 5, seed: 7 })) {
      const [first, second] = [await simulate(one), await simulate(one)]
      expect(second).toEqual(first)
      const other = await simulate({ ...one, seed: one.seed + 1 })
      expect(other.trace).not.toBe(first.trace)
    }
  })

  it('does little when nothing happens', async () => {
    const { counts, violations } = await simulate(quiet)
    expect(violations).toEqual([])
    expect(counts['exchange over HTTP']).toBe(0)
    // One greeting each way for each of three pairs.
    expect(counts['exchange over P2P']).toBe(6)
    expect(counts['step']).toBeLessThan(500)
  })
})

describe('the simulation notices', () => {
  class WithoutReserve extends Drive {
    override commit(batch: Batch): void {
      super.commit({ ...batch, reservedClock: null })
    }
  }
  class WithoutTail extends Drive {
    override restored(snapshot: Snapshot | null): Restored {
      const restored = super.restored(snapshot)
      return { ...restored, entries: [...restored.entries].slice(0, -1) }
    }
  }
  class WithoutMost extends Drive {
    override commit(batch: Batch): void {
      super.commit({ ...batch, entries: batch.entries.filter(({ entry }) => entry.seq < 2) })
    }
  }
  class WithoutSync extends Drive {
    override sync(): void {}
    override crash(): 'dropped' {
      return 'dropped'
    }
  }
  class WithoutMark extends Drive {
    protected override recover(left: Batch): void {
      super.recover(left, true)
    }
  }
  class WithoutAudit extends Drive {
    protected override auditLog(): void {}
  }

  const planted: [string, MakeDrive, RegExp][] = [
    [
      'a promise that is not on the disk',
      (incarnation) => new WithoutReserve(incarnation),
      /its clock floor went back|below its promised floor/,
    ],
    [
      'a disk that comes back without its last entry',
      (incarnation) => new WithoutTail(incarnation),
      /two entries at|entry \d+ of \w+ after \d+/,
    ],
    [
      'a disk that does not keep what it said it kept',
      (incarnation) => new WithoutMost(incarnation),
      /claims \d copies|differs|lacks|its root is not/,
    ],
    [
      'a write that is told before it is synced',
      (incarnation) => new WithoutSync(incarnation),
      /its root is not|lacks|claims/,
    ],
    [
      'half a transaction that is taken for a whole one',
      (incarnation) => new WithoutMark(incarnation),
      /entry \d+ of \w+ after \d+/,
    ],
    [
      'a disk that is not audited when it is read',
      (incarnation) => new WithoutAudit(incarnation),
      /its root is not|differs|two entries/,
    ],
  ]
  it.each(planted)(
    '%s',
    async (_name, makeDrive, expected) => {
      for (let seed = 0; ; seed++) {
        const failure = await runSeed(storm(3), seed, newTally(), { makeDrive })
        if (failure === null && seed < 1000) continue
        expect(failure?.violations.join('\n')).toMatch(expected)
        break
      }
    },
    120_000,
  )
})
