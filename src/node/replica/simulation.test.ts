import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryDisk } from '../../../test/simulation/disk.ts'
import { plan, type Plan } from '../../../test/simulation/plan.ts'
import { simulate, type MakeDisk, type Report } from '../../../test/simulation/world.ts'
import type { Ready, Restored } from './contract.ts'

/** More of them by hand: SIMULATED_RUNS=10000 npx vitest run src/node/replica/simulation.test.ts */
const RUNS = Number(process.env['SIMULATED_RUNS'] ?? 300)
const RUN_MS_MAX = 500
/** A smaller plan that fails too is looked for among no more than these. */
const SHRINKS_MAX = 400

const quiet: Plan = { seed: 1, faults: [], submissions: [] }

/** Runs made-up plans until one is violated, and finds a small one that still is. */
async function explore(
  runs: number,
  makeDisk?: MakeDisk,
): Promise<{ seen: Partial<Report['seen']>; violation: string | null }> {
  const seen: Partial<Report['seen']> = {}
  const violations: string[] = []
  const property = fc.asyncProperty(fc.limitShrink(plan, SHRINKS_MAX), async (one) => {
    const report = await simulate(one, makeDisk)
    for (const [what, count] of Object.entries(report.seen) as [keyof Report['seen'], number][])
      seen[what] = (seen[what] ?? 0) + count
    if (report.violations.length === 0) return true
    violations.splice(0, violations.length, ...report.violations)
    return false
  })
  const { failed, counterexample, seed, errorInstance } = await fc.check(property, {
    numRuns: runs,
    // What is planted needs to be found, always, and not to be understood.
    ...(makeDisk === undefined ? {} : { seed: 1, endOnFailure: true }),
  })
  if (!failed) return { seen, violation: null }
  const [smallest] = counterexample ?? []
  if (errorInstance instanceof Error) violations.push(errorInstance.message)
  const what = violations.join('\n')
  return { seen, violation: `${what}\nseed ${seed}, simulate(${JSON.stringify(smallest)})` }
}

describe('a simulated lattice of three', () => {
  it(
    'keeps its promises under any faults, and comes together when they end',
    async () => {
      const { seen, violation } = await explore(RUNS)
      expect(violation).toBeNull()
      // A campaign in which something never happened has shown nothing about it.
      expect(Object.entries(seen).filter(([, count]) => count === 0)).toEqual([])
    },
    RUNS * RUN_MS_MAX,
  )

  it('is the same for the same plan, to the last step', async () => {
    for (const one of fc.sample(plan, { numRuns: 5, seed: 7 })) {
      const [first, second] = [await simulate(one), await simulate(one)]
      expect(second).toEqual(first)
      const other = await simulate({ ...one, seed: one.seed + 1 })
      expect(other.trace).not.toBe(first.trace)
    }
  })

  it('does little when nothing happens', async () => {
    const { seen, violations } = await simulate(quiet)
    expect(violations).toEqual([])
    expect(seen.httpPulls).toBe(0)
    // One greeting each way for each of three pairs.
    expect(seen.p2pPulls).toBe(6)
    expect(seen.steps).toBeLessThan(500)
  })
})

describe('the simulation notices', () => {
  class WithoutReserve extends MemoryDisk {
    override commit(ready: Ready): void {
      super.commit({ ...ready, reservedClock: null })
    }
  }
  class WithoutTail extends MemoryDisk {
    override restored(): Restored {
      const restored = super.restored()
      return { ...restored, entries: [...restored.entries].slice(0, -1) }
    }
  }
  class WithoutMost extends MemoryDisk {
    override commit(ready: Ready): void {
      super.commit({ ...ready, entries: ready.entries.filter(({ entry }) => entry.seq < 2) })
    }
  }

  const planted: [string, MakeDisk, RegExp][] = [
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
      /claims \d copies|differs|lacks/,
    ],
  ]
  it.each(planted)(
    '%s',
    async (_name, makeDisk, expected) => {
      const { violation } = await explore(600, makeDisk)
      expect(violation).toMatch(expected)
    },
    60_000,
  )
})
