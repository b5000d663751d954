import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { timing } from './lattice.fixture.ts'
import { lagOf, lifeStateOf, linkFaultOf, type LinkEvidence } from './life.ts'

const at = (heardAtMs: number, subscribed = true, meshedAtMs = heardAtMs): LinkEvidence => ({
  heardAtMs,
  meshedAtMs,
  subscribed,
})

describe('the life of a peer', () => {
  test.each([
    [null, 'dead'],
    [at(10_000), 'alive'],
    [at(9201), 'alive'],
    [at(9200), 'suspect'],
    [at(8001), 'suspect'],
    [at(8000), 'dead'],
    [at(10_000, false), 'suspect'],
    [at(8000, false), 'dead'],
  ] as const)('%j at 10,000 is %s', (link, state) => {
    expect(lifeStateOf(link, 10_000, timing)).toBe(state)
  })

  test('only gets worse while nothing is heard', () => {
    const badness = { alive: 0, suspect: 1, dead: 2 }
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(5000), fc.boolean(), (soonerMs, furtherMs, subscribed) => {
        const link = at(0, subscribed)
        const [sooner, later] = [soonerMs, soonerMs + furtherMs].map(
          (nowMs) => badness[lifeStateOf(link, nowMs, timing)],
        )
        expect(later).toBeGreaterThanOrEqual(sooner ?? 0)
      }),
    )
  })
})

describe('the fault of a link', () => {
  test.each([
    ['heard and meshed', at(10_000), null],
    ['suspect', at(8001), null],
    ['silent', at(8000), 'silent'],
    ['fresh and not meshed yet', at(10_000, false, 8501), null],
    ['heard, but without gossip', at(10_000, false, 8500), 'mute'],
    ['silent and mute', at(7000, false, 7000), 'silent'],
    ['meshed again', at(10_000, true, 7000), null],
  ] as const)('%s', (_what, link, fault) => {
    expect(linkFaultOf(link, 10_000, timing)).toBe(fault)
  })

  test('is none while the peer is alive, and there is one once it is dead', () => {
    fc.assert(
      fc.property(fc.nat(4000), fc.boolean(), (nowMs, subscribed) => {
        const link = at(0, subscribed)
        const state = lifeStateOf(link, nowMs, timing)
        const fault = linkFaultOf(link, nowMs, timing)
        const faults = { alive: [null], suspect: [null, 'mute'], dead: ['silent'] }
        expect(faults[state]).toContain(fault)
      }),
    )
  })
})

test('a check that comes late lags by what it is late, an early one by nothing', () => {
  expect([lagOf(150, 100), lagOf(100, 100), lagOf(99, 100)]).toEqual([50, 0, 0])
})
