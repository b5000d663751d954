import { describe, expect, it } from 'vitest'
import { OperatorError } from '../errors.ts'
import { runDrill, type DrillInput } from './drill.ts'
import { fakeDrill, only, type FakeDrill } from './fakes/drill-input.ts'
import { fakeClient } from './fakes/fake-client.ts'
import type { DrillProgress } from './rig.ts'

describe('the preflight', () => {
  const refusals: [what: string, change: (fake: FakeDrill) => Partial<DrillInput>, code: string][] =
    [
      ['no fault', () => ({ faults: [] }), 'no-fault'],
      ['a node that there is not', () => only('kill', 'node9'), 'unknown-node'],
      ['a node without a place', () => ({ targets: new Map() }), 'unknown-node'],
      [
        'no token',
        ({ lattice }) => ({
          clients: lattice.nodes.map((node) => fakeClient(lattice, node, false)),
        }),
        'no-token',
      ],
      [
        'a failed verification',
        () => ({ verify: async () => ({ verdict: 'FAIL' }) }),
        'not-verified',
      ],
      [
        'an unknown verification',
        () => ({ verify: async () => ({ verdict: 'UNKNOWN' }) }),
        'not-verified',
      ],
      [
        'a fault that is armed already',
        ({ lattice }) => {
          lattice.node('node2').stopP2p(60_000)
          return {}
        },
        'fault-armed',
      ],
      ['a hold over the limit', () => ({ options: { holdMs: 121_000 } }), 'bad-option'],
      [
        'a limit over the compiled one',
        () => ({ options: { limits: { faultMsMax: 300_001 } } }),
        'bad-option',
      ],
      ['no writes', () => ({ options: { writesPerSecond: 0 } }), 'bad-option'],
      ['no number', () => ({ options: { holdMs: Number.NaN } }), 'bad-option'],
    ]

  it.each(refusals)('refuses %s and breaks nothing', async (_what, change, code) => {
    const fake = fakeDrill()
    const told: string[] = []
    const input = {
      ...fake.input,
      onProgress: ({ phase }: DrillProgress) => told.push(phase),
      ...change(fake),
    }
    await expect(fake.clock.run(runDrill(input))).rejects.toMatchObject({
      name: 'DrillRefusedError',
      code,
    })
    expect(told).not.toContain('inject')
    expect(fake.lattice.nodes.map((node) => node.lives)).toEqual([1, 1, 1])
  })

  it('refuses under a lock that is lost', async () => {
    const fake = fakeDrill()
    const lost = new OperatorError('lock-lost', 'another command took the lock over')
    const input = { ...fake.input, lock: { signal: AbortSignal.abort(lost) } }
    await expect(fake.clock.run(runDrill(input))).rejects.toBe(lost)
  })

  it('names what the verification found', async () => {
    const fake = fakeDrill()
    const checks = [
      { verdict: 'PASS' as const, summary: 'all well' },
      { verdict: 'FAIL' as const, summary: 'node2 does not answer' },
    ]
    const input: DrillInput = { ...fake.input, verify: async () => ({ verdict: 'FAIL', checks }) }
    await expect(fake.clock.run(runDrill(input))).rejects.toMatchObject({
      message: 'the lattice is not well (FAIL); node2 does not answer',
      exit: 'failed',
    })
  })
})
