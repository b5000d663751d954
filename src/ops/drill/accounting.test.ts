import { describe, expect, it } from 'vitest'
import { at, drill, only, unreachable } from './fakes/drill-input.ts'

describe('what a drill may say', () => {
  it('counts what was acknowledged but not kept, one by one', async () => {
    const { report } = await drill((fake) => ({
      ...only('p2p-stop', 'node1'),
      onProgress: at(fake, 'hold', 1000, () => {
        fake.lattice.dropsWrites = 3
      }),
    }))
    expect(report.faults[0]).toMatchObject({ verdict: 'FAIL', writes: { lost: 3 } })
    expect(report.reasons).toEqual(['p2p-stop on node1: 3 acknowledged entries are lost'])
  })

  it('waits for a node that is behind before it calls an entry lost', async () => {
    const { report } = await drill((fake) => ({
      ...only('kill', 'node3'),
      // The load has ended, but three entries have yet to come to node2.
      onProgress: ({ phase }) => {
        if (phase !== 'verify') return
        fake.lattice.isStalled = true
        fake.lattice.node('node2').log.get(fake.lattice.node('node1').author)?.splice(-3)
        fake.clock.after(1500, () => {
          fake.lattice.isStalled = false
          fake.lattice.exchange()
        })
      },
    }))
    expect(report).toMatchObject({ verdict: 'PASS', faults: [{ writes: { lost: 0 } }] })
  })

  it('counts what a crash lost, though the same numbers were given out again', async () => {
    const { report } = await drill(({ lattice, clock, input }) => {
      const node = lattice.node('node3')
      const target = input.targets.get('node3')
      if (target === undefined) throw new Error('no target')
      // Cut off, it acknowledges for a second; its disk forgets the newest eight of these.
      const kill = async (signal: AbortSignal): Promise<void> => {
        lattice.httpTakesMs = null
        lattice.losesOnKill = 8
        node.hasP2p = false
        await clock.sleep(1000, signal)
        await target.kill(signal)
      }
      return { ...only('kill', 'node3'), targets: new Map([['node3', { ...target, kill }]]) }
    })
    expect(report.faults[0]).toMatchObject({ verdict: 'FAIL', writes: { lost: 8 } })
  })

  it('does not take a killed process for its successor', async () => {
    const { report } = await drill(({ input, clock }) => {
      const target = input.targets.get('node3')
      if (target === undefined) throw new Error('no target')
      let last = { atMs: -1, pid: 1 }
      // What the place shows is half a second old.
      const observe = async (signal: AbortSignal): ReturnType<typeof target.observe> => {
        const seen = await target.observe(signal)
        if (clock.monotonicMs() - last.atMs > 500) {
          last = { atMs: clock.monotonicMs(), pid: seen.process.pid ?? last.pid }
        }
        return { ...seen, process: { ...seen.process, state: 'running', pid: last.pid } }
      }
      return { ...only('kill', 'node3'), targets: new Map([['node3', { ...target, observe }]]) }
    })
    expect(report.faults[0]?.outage_ms).toBeGreaterThanOrEqual(900)
  })

  it('is not disturbed by the traffic of others', async () => {
    const { report } = await drill(({ lattice, clock }) => {
      const writeSoon = (): void => {
        for (const node of lattice.nodes) if (node.isUp) node.write()
        clock.after(1, writeSoon)
      }
      writeSoon()
      return only('p2p-stop', 'node1')
    })
    expect(report).toMatchObject({ verdict: 'PASS', faults: [{ writes: { lost: 0 } }] })
    expect(report.took_ms).toBeLessThan(10_000)
  })

  it('does not count what went wrong before the fault', async () => {
    const { report } = await drill((fake) => {
      let failures = 0
      fake.lattice.interfere = (node, question) => {
        if (question === 'submit' && failures > 0 && node.name === 'node1') {
          failures -= 1
          throw unreachable('node1')
        }
      }
      return {
        ...only('p2p-stop', 'node1'),
        onProgress: at(fake, 'warm-up', 0, () => {
          failures = 1
        }),
      }
    })
    expect(report.faults[0]).toMatchObject({
      verdict: 'PASS',
      availability: { target: { share: 1 } },
    })
  })

  it('does not drill on when it has not healed', async () => {
    const { report } = await drill(({ lattice }) => {
      lattice.p2pTakesMs = null
    })
    expect(report.faults.map((fault) => fault.kind)).toEqual(['p2p-stop'])
    expect(report.not_drilled).toEqual([
      { kind: 'kill', node: 'node3', reason: 'the lattice had not healed from p2p-stop on node1' },
    ])
  })

  it('breaks nothing when the baseline is not well', async () => {
    const { report, lattice } = await drill(({ lattice: fake }) => {
      let count = 0
      fake.interfere = (node, question) => {
        if (question === 'submit' && count++ % 10 === 0) throw unreachable(node.name)
      }
    })
    expect(report.verdict).toBe('FAIL')
    expect(report.faults).toEqual([])
    expect(report.not_drilled.map(({ reason }) => reason)).toEqual([
      'the lattice was not well without a fault',
      'the lattice was not well without a fault',
    ])
    expect(lattice.nodes.map((node) => node.lives)).toEqual([1, 1, 1])
  })

  it('does not know whether something is lost when a node cannot be read', async () => {
    const { report } = await drill(({ lattice }) => {
      lattice.interfere = (node, question) => {
        if (question === 'pull' && node.name === 'node2' && lattice.node('node3').lives > 1) {
          throw unreachable('node2')
        }
      }
      return only('kill', 'node3')
    })
    expect(report.verdict).toBe('UNKNOWN')
    expect(report.faults[0]?.writes.lost).toBeNull()
  })

  it('does not know what it could not see', async () => {
    const { report } = await drill(({ lattice }) => {
      lattice.interfere = (node, question) => {
        if (question === 'receipt') throw unreachable(node.name)
      }
      return only('p2p-stop', 'node1')
    })
    expect(report.verdict).toBe('UNKNOWN')
    expect(report.faults[0]?.activation_ms).toBeNull()
    expect(report.reasons).toContain(
      'p2p-stop on node1: activation not observed: nodes did not say what brought the entries',
    )
  })

  it('says so when the undo cannot be confirmed', async () => {
    const { report } = await drill((fake) => {
      fake.lattice.undoesItself = false
      fake.lattice.undoesWhenTold = false
      return only('p2p-stop', 'node1')
    })
    expect(report.verdict).toBe('FAIL')
    expect(report.reasons.join('\n')).toMatch(/the undo is not confirmed: .* look at node1 now/)
  })
})
