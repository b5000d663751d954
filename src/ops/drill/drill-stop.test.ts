import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../errors.ts'
import { runDrill } from './drill.ts'
import { at, drill, fakeDrill, only, unreachable } from './fakes/drill-input.ts'
import type { FakeLattice } from './fakes/fake-lattice.ts'

const expectUndone = (lattice: FakeLattice): void => {
  for (const node of lattice.nodes) {
    expect(node.fault, `${node.name} still has the fault`).toBeNull()
    expect(node.hasProcess, `${node.name} does not run`).toBe(true)
  }
}

describe('a drill that must stop', () => {
  const stops: [what: string, act: (lattice: FakeLattice) => void, reason: RegExp][] = [
    [
      'another node does not answer any more',
      (lattice) => {
        lattice.interfere = (node) => {
          if (node.name === 'node2') throw unreachable('node2')
        }
      },
      /node2 has not answered for 20\d\d ms/,
    ],
    [
      'another node was restarted',
      (lattice) => {
        lattice.node('node2').lives += 1
      },
      /node2 was restarted/,
    ],
    [
      'a node says that the lattice has diverged',
      (lattice) => {
        lattice.node('node3').isDiverged = true
      },
      /node3 says that the lattice has diverged/,
    ],
    [
      'writes to other nodes fail for seconds',
      (lattice) => {
        let count = 0
        lattice.interfere = (node, question) => {
          if (question === 'submit' && node.name === 'node2' && count++ % 5 === 0) {
            throw unreachable(node.name)
          }
        }
      },
      /under 99 % of the writes .* 5 seconds in a row/,
    ],
  ]

  it.each(stops)('undoes at once when %s', async (_what, act, reason) => {
    let brokenMs = 0
    let undoneMs = 0
    let entriesWhenUndone = 0
    const entriesOf = (lattice: FakeLattice): number =>
      lattice.nodes.reduce((sum, node) => sum + (node.log.get(node.author)?.length ?? 0), 0)
    const { report, lattice } = await drill((fake) => ({
      ...only('p2p-stop', 'node1'),
      options: { baselineMs: 1000, holdMs: 60_000 },
      onProgress: ({ phase }) => {
        if (phase === 'undo') undoneMs = fake.clock.monotonicMs()
        if (phase === 'converge') entriesWhenUndone = entriesOf(fake.lattice)
        if (phase !== 'hold') return
        fake.clock.after(1000, () => {
          brokenMs = fake.clock.monotonicMs()
          act(fake.lattice)
        })
      },
    }))
    expect(report.verdict).toBe('FAIL')
    expect(report.reasons.join('\n')).toMatch(reason)
    expect(undoneMs - brokenMs).toBeLessThan(7000)
    expect(entriesOf(lattice), 'the load went on').toBe(entriesWhenUndone)
    expectUndone(lattice)
  })

  it('fails what it stopped for after the fault was undone', async () => {
    const { report, lattice } = await drill((fake) => ({
      ...only('p2p-stop', 'node1'),
      options: { baselineMs: 1000 },
      onProgress: ({ phase }) => {
        if (phase === 'converge') fake.lattice.node('node3').isDiverged = true
      },
    }))
    expect(report.faults[0]?.reasons.join()).toMatch(/node3 says that the lattice has diverged/)
    expect(report.verdict).toBe('FAIL')
    expectUndone(lattice)
  })

  it.each([
    ['p2p-stop', 'hold'],
    ['p2p-stop', 'inject'],
    ['p2p-stop', 'converge'],
    ['kill', 'hold'],
    ['kill', 'inject'],
  ] as const)('undoes %s when it is interrupted at %s', async (kind, phase) => {
    const interrupt = new AbortController()
    let undoneMs = 0
    let interruptedMs = 0
    const { report, lattice } = await drill((fake) => ({
      ...only(kind, 'node1'),
      signal: interrupt.signal,
      onProgress: (progress) => {
        if (progress.phase === 'undo') undoneMs = fake.clock.monotonicMs()
        at(fake, phase, 300, () => {
          interruptedMs = fake.clock.monotonicMs()
          interrupt.abort(new Error('SIGINT'))
        })(progress)
      },
    }))
    expect(report.verdict).not.toBe('PASS')
    expect(report.reasons).toContain(`${kind} on node1: interrupted by the operator`)
    expect(report.verified.after).toBeNull()
    // At `converge` it is undone already.
    expect(undoneMs).toBeLessThanOrEqual(interruptedMs)
    expect(undoneMs).toBeGreaterThan(phase === 'converge' ? 0 : interruptedMs - 1)
    for (const node of lattice.nodes) expect(node.fault).toBeNull()
    expect(lattice.node('node1').isSupervised).toBe(true)
  })

  it('undoes when the lock is lost', async () => {
    const lock = new AbortController()
    const { report, lattice } = await drill((fake) => ({
      ...only('p2p-stop', 'node1'),
      lock: { signal: lock.signal },
      onProgress: at(fake, 'hold', 500, () =>
        lock.abort(new OperatorError('lock-lost', 'another command took the lock over')),
      ),
    }))
    expect(report.verdict).toBe('UNKNOWN')
    expect(report.reasons).toContain(
      'p2p-stop on node1: stopped: another command took the lock over',
    )
    expectUndone(lattice)
  })
})

describe('whatever happens, at any moment', () => {
  const optional = (ms: fc.Arbitrary<number>): fc.Arbitrary<number | null> =>
    fc.option(ms, { nil: null, freq: 4 })
  const worlds = fc.record({
    kind: fc.constantFrom('p2p-stop' as const, 'kill' as const),
    interruptMs: optional(fc.integer({ min: 100, max: 9000 })),
    httpTakesMs: optional(fc.integer({ min: 1, max: 4000 })),
    p2pTakesMs: optional(fc.integer({ min: 1, max: 3000 })),
    restartMs: optional(fc.integer({ min: 1, max: 4000 })),
    undoesItself: fc.boolean(),
    silence: optional(fc.integer({ min: 0, max: 4500 })),
    drops: fc.option(fc.integer({ min: 2000, max: 4500 }), { nil: null }),
  })

  it('the fault is undone, and only a lattice that stood it passes', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async ({ kind, interruptMs, silence, drops, ...knobs }) => {
        const { lattice, clock, input } = fakeDrill()
        Object.assign(lattice, knobs)
        const interrupt = new AbortController()
        if (interruptMs !== null) clock.after(interruptMs, () => interrupt.abort())
        if (drops !== null) clock.after(drops, () => (lattice.dropsWrites = 1))
        if (silence !== null) {
          clock.after(silence, () => {
            lattice.interfere = ({ name }) => {
              if (name === 'node3') throw unreachable(name)
            }
          })
        }
        const report = await clock
          .run(runDrill({ ...input, ...only(kind, 'node1'), signal: interrupt.signal }))
          .catch(() => null)
        for (const node of lattice.nodes) expect(node.fault).toBeNull()
        expect(lattice.node('node1').isSupervised).toBe(true)
        const isBad =
          silence !== null ||
          drops !== null ||
          knobs.p2pTakesMs === null ||
          (kind === 'kill' ? knobs.restartMs === null : knobs.httpTakesMs === null)
        const isGood = report?.verdict === 'PASS'
        expect(isGood && (isBad || interrupt.signal.aborted)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })
})
