import { describe, expect, it } from 'vitest'
import type { DrillInput } from './drill.ts'
import { at, drill, only, type FakeDrill } from './fakes/drill-input.ts'
import type { FakeLattice } from './fakes/fake-lattice.ts'

const expectUndone = (lattice: FakeLattice): void => {
  for (const node of lattice.nodes) {
    expect(node.fault, `${node.name} still has the fault`).toBeNull()
    expect(node.hasProcess, `${node.name} does not run`).toBe(true)
  }
}

describe('a drill of a sound lattice', () => {
  it('passes, and measures what the lattice takes', async () => {
    const { report, lattice } = await drill()
    expect(report).toMatchObject({
      verdict: 'PASS',
      phase: 'local',
      transport: 'P2P',
      reasons: [],
      not_drilled: [],
      verified: { before: 'PASS', after: 'PASS' },
    })
    const [stopped, killed] = report.faults
    expect(stopped).toMatchObject({
      kind: 'p2p-stop',
      node: 'node1',
      verdict: 'PASS',
      activation_via: 'HTTP',
      writes: { indeterminate: 0, failed: 0, lost: 0 },
    })
    // 20 ms to notice and 600 ms until HTTP serves; then a look every 25 ms and a write every 100 ms.
    expect(stopped?.detection_ms).toBeGreaterThanOrEqual(20)
    expect(stopped?.detection_ms).toBeLessThan(60)
    expect(stopped?.activation_ms).toBeGreaterThanOrEqual(600)
    expect(stopped?.activation_ms).toBeLessThan(720)
    expect(stopped?.recovery_ms).toBeGreaterThanOrEqual(400)
    expect(stopped?.recovery_ms).toBeLessThan(440)
    expect(stopped?.staleness_max_ms).toBeGreaterThan(500)
    expect(stopped?.availability.target.share).toBe(1)

    expect(killed).toMatchObject({
      kind: 'kill',
      node: 'node3',
      verdict: 'PASS',
      activation_via: 'P2P',
    })
    // A second until it is restarted, then 300 ms to boot and 400 ms until its P2P peers are alive.
    expect(killed?.outage_ms).toBeGreaterThanOrEqual(900)
    expect(killed?.outage_ms).toBeLessThan(1110)
    expect(killed?.notes).toEqual([expect.stringMatching(/^it answered [34]\d\d ms after/)])
    expect(killed?.recovery_ms).toBeGreaterThanOrEqual(690)
    expect(killed?.recovery_ms).toBeLessThan(850)
    expect(killed?.writes.indeterminate).toBeGreaterThan(10)
    expect(killed?.writes.lost).toBe(0)
    expect(killed?.availability.others.share).toBe(1)
    expect(killed?.availability.target.share).toBeLessThan(1)
    expect(killed?.availability.retrying_client.share).toBe(1)
    expectUndone(lattice)
  })

  it('without P2P lists p2p-stop as not drilled and drills the kill over HTTP', async () => {
    const { report } = await drill(undefined, { isP2pEnabled: false })
    expect(report.verdict).toBe('PASS')
    expect(report.transport).toBe('HTTP')
    expect(report.not_drilled).toEqual([
      {
        kind: 'p2p-stop',
        node: 'node1',
        reason: 'P2P does not run here: it is disabled in nodes.yaml',
      },
    ])
    expect(report.faults).toMatchObject([{ kind: 'kill', activation_via: 'HTTP', verdict: 'PASS' }])
  })

  it('is UNKNOWN when nothing could be drilled', async () => {
    const { report } = await drill(() => only('p2p-stop', 'node1'), { isP2pEnabled: false })
    expect(report).toMatchObject({
      verdict: 'UNKNOWN',
      faults: [],
      reasons: ['nothing was drilled'],
    })
  })

  it('of two nodes says that nothing crosses when one is killed', async () => {
    const { report } = await drill(() => only('kill', 'node2'), { count: 2 })
    expect(report.verdict).toBe('PASS')
    expect(report.faults[0]).toMatchObject({ activation_ms: null, activation_via: null })
    expect(report.faults[0]?.notes).toContain(
      'activation does not apply: one node is left, so nothing crosses',
    )
  })

  it('tells its phases in order', async () => {
    const phases: string[] = []
    await drill(() => ({
      ...only('kill', 'node2'),
      onProgress: ({ phase, fault }) =>
        phases.push(fault === null ? phase : `${phase} ${fault.node}`),
    }))
    expect(phases).toEqual([
      'preflight',
      'baseline',
      ...['warm-up', 'inject', 'hold', 'undo', 'converge', 'verify'].map(
        (phase) => `${phase} node2`,
      ),
      'verify',
    ])
  })
})

describe('a lattice that fails', () => {
  const cases: [
    what: string,
    prepare: (fake: FakeDrill) => Partial<DrillInput> | void,
    verdict: 'FAIL' | 'UNKNOWN',
    reason: RegExp,
  ][] = [
    [
      'no HTTP after P2P is lost',
      ({ lattice }) => {
        lattice.httpTakesMs = null
      },
      'FAIL',
      /^p2p-stop on node1: .*(no activation within|have lost each other|not answered)/,
    ],
    [
      'HTTP that comes too late',
      ({ lattice }) => {
        lattice.httpTakesMs = 3200
      },
      'FAIL',
      /activation took 3\d\d\d ms, over 3000 ms/,
    ],
    [
      'P2P that comes back too late',
      ({ lattice }) => {
        lattice.p2pTakesMs = 2300
        return { options: { baselineMs: 1000, holdMs: 4000 } }
      },
      'FAIL',
      /recovery took 23\d\d ms, over 2000 ms/,
    ],
    [
      'P2P that never comes back',
      ({ lattice }) => {
        lattice.p2pTakesMs = null
      },
      'FAIL',
      /p2p-stop on node1: no recovery within 15\d\d\d ms/,
    ],
    [
      'one content under two roots',
      ({ lattice }) => {
        lattice.node('node2').rootSalt = 'x'
        return { faults: [{ kind: 'kill', node: 'node3' }] }
      },
      'FAIL',
      /baseline: the nodes hold the same entries under different roots/,
    ],
    [
      'a node that ignores its own deadline',
      ({ lattice }) => {
        lattice.undoesItself = false
      },
      'FAIL',
      /node1 did not come back by itself within 6 s/,
    ],
    [
      'a supervisor that is gone',
      ({ lattice }) => {
        lattice.restartMs = null
        return only('kill', 'node3')
      },
      'FAIL',
      /node3 did not come back by itself within 45 s/,
    ],
    [
      'a deadline that is not armed',
      ({ lattice }) => {
        lattice.arms = () => null
        return only('p2p-stop', 'node1')
      },
      'UNKNOWN',
      /the fault was not injected/,
    ],
    [
      'a deadline that is armed for longer than asked',
      ({ lattice }) => {
        lattice.arms = (forMs) => forMs * 2
        return only('p2p-stop', 'node1')
      },
      'UNKNOWN',
      /node1 did not arm the deadline that undoes the fault: 79\d\d ms are left/,
    ],
    [
      'a node that is restarted under the fault',
      (fake) => ({
        ...only('p2p-stop', 'node1'),
        onProgress: at(fake, 'hold', 1000, () => fake.lattice.node('node1').kill()),
      }),
      'FAIL',
      /node1 was restarted meanwhile/,
    ],
    [
      'a node that dies under the fault, and that nobody restarts',
      (fake) => {
        fake.lattice.restartMs = null
        return {
          ...only('p2p-stop', 'node1'),
          onProgress: at(fake, 'hold', 1000, () => fake.lattice.node('node1').kill()),
        }
      },
      'FAIL',
      /node1 did not come back by itself/,
    ],
    [
      'a fault that someone else undoes',
      (fake) => ({
        ...only('p2p-stop', 'node1'),
        onProgress: at(fake, 'hold', 3000, () => fake.lattice.node('node1').clearFault()),
      }),
      'UNKNOWN',
      /the fault ended early/,
    ],
    [
      'a verification that fails afterwards',
      () => {
        const verdicts = ['PASS', 'FAIL'] as const
        let runs = 0
        return { verify: async () => ({ verdict: verdicts[runs++] ?? 'UNKNOWN' }) }
      },
      'FAIL',
      /verification afterwards: FAIL/,
    ],
  ]

  it.each(cases)('%s', async (_what, prepare, verdict, reason) => {
    const { report, lattice } = await drill(prepare)
    expect(report.verdict).toBe(verdict)
    expect(report.reasons.join('\n')).toMatch(new RegExp(reason.source, 'm'))
    expectUndone(lattice)
  })
})
