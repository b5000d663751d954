import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { syncPolicies } from '../../wire/protocol.ts'
import { Exchange, type PullResult, type Via } from './exchange.ts'
import { RETRY_FIRST_MS, RETRY_MAX_MS } from './limits.ts'

const settings = { policy: 'auto' as const, httpPollMs: 10_000, heartbeatMs: 5000 }
const answered = (entryCount = 0): PullResult => ({ rttMs: 5, entryCount })
const failed: PullResult = { error: 'refused' }

let nowMs: number
let exchange: Exchange

beforeEach(() => start(['b']))

function start(peerIds: readonly string[], policy: 'auto' | 'p2p' | 'http' = 'auto'): void {
  nowMs = 1000
  exchange = new Exchange({ ...settings, peerIds, policy }, nowMs)
}

/** The exchanges that begin now. */
const due = (): { peerId: string; via: Via }[] =>
  exchange.due(nowMs).outputs.filter((output) => output.kind === 'pull')

function pass(ms: number): void {
  nowMs += ms
}
const live = (life: 'alive' | 'suspect' | 'dead', peerId = 'b'): void =>
  exchange.setP2p(peerId, life, nowMs, nowMs)
const ended = (via: Via, result: PullResult, peerId = 'b'): void =>
  exchange.pullEnded(peerId, via, result, nowMs)

/** P2P runs, the peer is alive and was greeted. */
function connect(peerId = 'b'): void {
  exchange.setLung('running', nowMs)
  live('alive', peerId)
  exchange.due(nowMs)
  ended('P2P', answered(), peerId)
}

describe('due and wakeAtMs', () => {
  type Step = (peerId: string) => void
  const peerIds = ['b', 'c']
  const life = fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const)
  const via = fc.constantFrom<Via>('P2P', 'HTTP')
  const result = fc.oneof(fc.constant(failed), fc.nat(2).map(answered))
  const step: fc.Arbitrary<Step> = fc.oneof(
    life.map(
      (one): Step =>
        (peerId) =>
          live(one, peerId),
    ),
    fc.constantFrom('off' as const, 'starting' as const, 'running' as const, 'failed' as const).map(
      (one): Step =>
        () =>
          exchange.setLung(one, nowMs),
    ),
    fc.tuple(fc.option(fc.nat(500)), fc.boolean()).map(
      ([ago, isNotice]): Step =>
        (peerId) =>
          exchange.setBehind(peerId, ago === null ? null : nowMs - ago, isNotice, nowMs),
    ),
    fc.boolean().map(
      (isOpen): Step =>
        (peerId) =>
          exchange.setNotified(peerId, isOpen, nowMs),
    ),
    fc.tuple(via, result).map(
      ([one, how]): Step =>
        (peerId) =>
          ended(one, how, peerId),
    ),
    fc.constantFrom(...syncPolicies).map(
      (one): Step =>
        () =>
          exchange.setPolicy(one, nowMs),
    ),
    fc.constant((): void => undefined),
  )
  const run = fc.array(
    fc.tuple(step, fc.constantFrom(...peerIds), fc.double({ min: 0, max: 1, noNaN: true })),
    { maxLength: 40 },
  )

  it('nothing is due twice, and nothing becomes due before it was said', () => {
    fc.assert(
      fc.property(run, (steps) => {
        start(peerIds)
        for (const [act, peerId, part] of steps) {
          act(peerId)
          exchange.due(nowMs)
          expect(exchange.due(nowMs)).toEqual({ outputs: [], modeChange: null })
          const wakeAtMs = exchange.wakeAtMs(nowMs)
          expect(wakeAtMs).toBeGreaterThan(nowMs)
          const waitMs = Number.isFinite(wakeAtMs) ? wakeAtMs - nowMs : 100_000
          const early = nowMs + waitMs * part * 0.999
          expect(exchange.due(early)).toEqual({ outputs: [], modeChange: null })
          nowMs = early
        }
      }),
      { numRuns: 500 },
    )
  })

  it('what is said to become due does', () => {
    fc.assert(
      fc.property(run, (steps) => {
        start(peerIds)
        for (const [act, peerId] of steps) {
          act(peerId)
          exchange.due(nowMs)
        }
        // Left alone it comes to rest: each wake does something, and exchanges that never end end it.
        for (let wakes = 0; wakes < 20; wakes += 1) {
          const wakeAtMs = exchange.wakeAtMs(nowMs)
          if (!Number.isFinite(wakeAtMs)) return
          expect(wakeAtMs).toBeGreaterThan(nowMs)
          nowMs = wakeAtMs
          exchange.due(nowMs)
        }
        expect.unreachable('it never came to rest')
      }),
      { numRuns: 500 },
    )
  })
})

describe('no hot loops', () => {
  /** Exchanges begun in a minute when each ends after 3 ms in the same way. */
  function pullsInAMinute(result: PullResult, meanwhile: () => void = () => undefined): number {
    let count = 0
    const endMs = nowMs + 60_000
    while (nowMs < endMs) {
      meanwhile()
      const pulls = due()
      count += pulls.length
      if (pulls.length === 0) nowMs = Math.min(exchange.wakeAtMs(nowMs), nowMs + 50, endMs)
      else {
        pass(3)
        for (const pull of pulls) ended(pull.via, result)
      }
      if (count > 5000) return count
    }
    return count
  }

  const ahead = (): void => exchange.setBehind('b', 0, false, nowMs)
  const noticed = (): void => exchange.setBehind('b', 0, true, nowMs)
  // Every 50 ms the stream of notices closes and opens again.
  const flapping = (): void => {
    noticed()
    exchange.setNotified('b', false, nowMs)
    exchange.setNotified('b', true, nowMs)
  }

  const table: [string, Via, PullResult, () => void][] = [
    ['P2P, ahead, gives nothing', 'P2P', answered(0), ahead],
    ['P2P, ahead, gives what we do not take', 'P2P', answered(256), ahead],
    ['P2P, ahead, fails', 'P2P', failed, ahead],
    ['P2P, level, fails to greet', 'P2P', failed, () => undefined],
    ['HTTP, ahead, gives nothing', 'HTTP', answered(0), ahead],
    ['HTTP, ahead, gives what we do not take', 'HTTP', answered(256), ahead],
    ['HTTP, ahead, fails', 'HTTP', failed, ahead],
    ['HTTP, level, fails', 'HTTP', failed, () => undefined],
    ['HTTP, notices, gives nothing', 'HTTP', answered(0), noticed],
    ['HTTP, notices, gives what we do not take', 'HTTP', answered(9), noticed],
    ['HTTP, notices flapping, fails', 'HTTP', failed, flapping],
    ['HTTP, notices flapping, gives nothing', 'HTTP', answered(0), flapping],
  ]
  it.each(table)('%s', (_name, via, result, meanwhile) => {
    if (via === 'P2P') {
      exchange.setLung('running', nowMs)
      live('alive')
    }
    const count = pullsInAMinute(result, meanwhile)
    const slowest = 60_000 / RETRY_MAX_MS
    // A live peer that P2P does not serve is asked over HTTP as well.
    expect(count).toBeLessThan(slowest * (via === 'P2P' ? 3 : 1.5))
    expect(count).toBeGreaterThan(slowest * 0.8)
  })

  it('HTTP, level and well: one exchange a poll', () => {
    expect(pullsInAMinute(answered(0))).toBeLessThanOrEqual(7)
  })

  it('the pause grows to its limit and is forgotten at the first success', () => {
    start(['b'], 'http')
    const pauses: number[] = []
    for (let failures = 0; failures < 8; failures += 1) {
      expect(due()).toMatchObject([{ peerId: 'b', via: 'HTTP' }])
      ended('HTTP', failed)
      pauses.push(exchange.wakeAtMs(nowMs) - nowMs)
      pass(pauses.at(-1) ?? 0)
    }
    expect(pauses[0]).toBe(RETRY_FIRST_MS)
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
    expect(pauses.at(-1)).toBe(RETRY_MAX_MS)
    expect(exchange.peer('b')?.http).toMatchObject({ failures: 8, error: 'refused' })
    due()
    ended('HTTP', answered())
    expect(exchange.peer('b')?.http).toMatchObject({ failures: 0, error: null, rttMs: 5 })
    expect(exchange.wakeAtMs(nowMs) - nowMs).toBeCloseTo(settings.httpPollMs)
    pass(settings.httpPollMs)
    due()
    ended('HTTP', failed)
    expect(exchange.wakeAtMs(nowMs) - nowMs).toBe(RETRY_FIRST_MS)
  })

  it('a failing P2P does not slow HTTP down', () => {
    connect()
    ahead()
    for (let failures = 0; failures < 10; failures += 1) {
      pass(RETRY_MAX_MS)
      exchange.due(nowMs)
      ended('P2P', failed)
    }
    live('dead')
    exchange.setBehind('b', 0, true, nowMs)
    ended('HTTP', answered())
    pass(RETRY_FIRST_MS)
    expect(due().map((pull) => pull.via)).toContain('HTTP')
  })
})
