import { beforeEach, describe, expect, it } from 'vitest'
import { Exchange, type ExchangeOutput, type PullResult, type Via } from './exchange.ts'
import {
  BEHIND_GRACE_MS,
  FRUITLESS_MAX,
  P2P_START_GRACE_MS,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
} from './limits.ts'

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

/** What is due now, as `watch b`, `unwatch b`, `HTTP b`, `P2P b`. */
const due = (): string[] => exchange.due(nowMs).outputs.map(nameOf)

const nameOf = (output: ExchangeOutput): string =>
  output.kind === 'pull'
    ? `${output.via} ${output.peerId}`
    : `${output.isWanted ? 'watch' : 'unwatch'} ${output.peerId}`

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

describe('the start', () => {
  it('waits a moment for P2P, then takes HTTP', () => {
    exchange.setLung('starting', nowMs)
    expect(due()).toEqual([])
    expect(exchange.wakeAtMs(nowMs)).toBe(nowMs + P2P_START_GRACE_MS)
    pass(P2P_START_GRACE_MS - 1)
    expect(due()).toEqual([])
    pass(1)
    expect(due()).toEqual(['watch b', 'HTTP b'])
  })

  it('takes HTTP at once when P2P is off or did not start', () => {
    expect(due()).toEqual(['watch b', 'HTTP b'])
    start(['b'])
    exchange.setLung('starting', nowMs)
    pass(10)
    exchange.setLung('failed', nowMs)
    expect(due()).toEqual(['watch b', 'HTTP b'])
  })

  it('does not wait again when the lung goes from starting to running', () => {
    exchange.setLung('starting', nowMs)
    pass(900)
    exchange.setLung('running', nowMs)
    expect(exchange.wakeAtMs(nowMs)).toBe(nowMs + 100)
  })

  it('uses no HTTP by policy p2p, and no P2P by policy http', () => {
    start(['b'], 'p2p')
    expect(due()).toEqual([])
    start(['b'], 'http')
    exchange.setLung('running', nowMs)
    live('alive')
    expect(due()).toEqual(['watch b', 'HTTP b'])
  })
})

describe('a peer alive over P2P', () => {
  it('is greeted with one exchange, known to be ahead or not', () => {
    exchange.setLung('running', nowMs)
    live('alive')
    expect(due()).toEqual(['P2P b'])
    expect(due()).toEqual([])
    ended('P2P', answered())
    expect(due()).toEqual([])
    expect(exchange.wakeAtMs(nowMs)).toBe(nowMs + P2P_START_GRACE_MS)
    pass(P2P_START_GRACE_MS)
    expect(due()).toEqual([])
    expect(exchange.wakeAtMs(nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is greeted again when that failed', () => {
    exchange.setLung('running', nowMs)
    live('alive')
    due()
    ended('P2P', failed)
    expect(due()).toEqual([])
    pass(RETRY_FIRST_MS)
    expect(due()).toEqual(['P2P b'])
  })

  it('is greeted again after it was dead, not after it was suspect', () => {
    connect()
    pass(P2P_START_GRACE_MS)
    live('suspect')
    due()
    live('alive')
    expect(due()).toEqual(['unwatch b'])
    live('dead')
    due()
    live('alive')
    expect(due()).toEqual(['unwatch b', 'P2P b'])
  })

  it('is asked when it stays ahead for longer than gossip takes', () => {
    connect()
    exchange.setBehind('b', nowMs, false, nowMs)
    expect(due()).toEqual([])
    expect(exchange.wakeAtMs(nowMs)).toBe(nowMs + BEHIND_GRACE_MS)
    pass(BEHIND_GRACE_MS)
    expect(due()).toEqual(['P2P b'])
    exchange.setBehind('b', null, false, nowMs)
    ended('P2P', answered(5))
    expect(due()).toEqual([])
  })

  it('is not asked when gossip brought everything in time', () => {
    connect()
    exchange.setBehind('b', nowMs, false, nowMs)
    pass(BEHIND_GRACE_MS - 1)
    exchange.setBehind('b', null, false, nowMs)
    pass(BEHIND_GRACE_MS)
    expect(due()).toEqual([])
  })

  it('under load gets its grace again for what it wrote meanwhile', () => {
    connect()
    exchange.setBehind('b', nowMs, false, nowMs)
    pass(BEHIND_GRACE_MS)
    expect(due()).toEqual(['P2P b'])
    exchange.setBehind('b', nowMs, false, nowMs)
    ended('P2P', answered(5))
    expect(due()).toEqual([])
    expect(exchange.wakeAtMs(nowMs)).toBe(nowMs + BEHIND_GRACE_MS)
  })

  it('is helped over HTTP when P2P does not bring what it signed, and left to P2P again after', () => {
    connect()
    exchange.setBehind('b', nowMs, false, nowMs)
    for (let failures = 0; failures < FRUITLESS_MAX; failures += 1) {
      pass(RETRY_MAX_MS)
      expect(due()).toEqual(['P2P b'])
      ended('P2P', failed)
    }
    expect(due()).toEqual(['watch b', 'HTTP b'])
    expect(exchange.mode.active).toBe('P2P')
    exchange.setBehind('b', null, false, nowMs)
    ended('HTTP', answered(5))
    expect(due()).toEqual(['unwatch b'])
  })
})

describe('a peer that was helped over HTTP', () => {
  it('is left to P2P the next time, when P2P had answered', () => {
    connect()
    exchange.setBehind('b', nowMs, false, nowMs)
    for (let answers = 0; answers < FRUITLESS_MAX; answers += 1) {
      pass(RETRY_MAX_MS)
      due()
      ended('P2P', answered(7))
    }
    expect(due()).toEqual(['watch b', 'HTTP b'])
    exchange.setBehind('b', null, false, nowMs)
    ended('HTTP', answered(7))
    expect(due()).toEqual(['unwatch b'])
    pass(RETRY_MAX_MS)
    exchange.setBehind('b', nowMs, false, nowMs)
    expect(due()).toEqual([])
  })

  it('is helped at once the next time, when P2P had failed and still does', () => {
    connect()
    exchange.setBehind('b', nowMs, false, nowMs)
    for (let failures = 0; failures < FRUITLESS_MAX; failures += 1) {
      pass(RETRY_MAX_MS)
      due()
      ended('P2P', failed)
    }
    due()
    exchange.setBehind('b', null, false, nowMs)
    ended('HTTP', answered(7))
    due()
    exchange.setBehind('b', nowMs, false, nowMs)
    expect(due()).toEqual(['watch b', 'HTTP b'])
  })
})

describe('failover', () => {
  it('takes HTTP at the first doubt, leaves P2P at the last death, and comes back at once', () => {
    connect()
    expect(exchange.mode.active).toBe('P2P')
    pass(10_000)
    exchange.setP2p('b', 'suspect', nowMs - 800, nowMs)
    expect(due()).toEqual(['watch b', 'HTTP b'])
    expect(exchange.transportOf('b', nowMs)).toBe('P2P')
    pass(20)
    ended('HTTP', answered())
    expect(exchange.transportOf('b', nowMs)).toBe('HTTP')
    expect(exchange.lastFailoverMs).toBe(820)
    expect(exchange.due(nowMs).modeChange).toBeNull()
    pass(1200)
    live('dead')
    expect(exchange.due(nowMs).modeChange).toEqual({
      from: 'P2P',
      to: 'HTTP',
      reason: 'no P2P peer, 1 of 1 peers over HTTP',
    })
    pass(5000)
    live('alive')
    const { outputs, modeChange } = exchange.due(nowMs)
    expect(outputs.map(nameOf)).toEqual(['unwatch b', 'P2P b'])
    expect(modeChange).toMatchObject({ from: 'HTTP', to: 'P2P' })
    expect(Object.fromEntries(exchange.transitions)).toEqual({
      'NONE→P2P': 1,
      'P2P→HTTP': 1,
      'HTTP→P2P': 1,
    })
  })

  it('is per peer: one that only HTTP reaches is served, the mode stays P2P', () => {
    start(['b', 'c'])
    connect('b')
    pass(P2P_START_GRACE_MS)
    expect(due()).toEqual(['watch c', 'HTTP c'])
    ended('HTTP', answered(), 'c')
    expect(exchange.transportOf('b', nowMs)).toBe('P2P')
    expect(exchange.transportOf('c', nowMs)).toBe('HTTP')
    due()
    expect(exchange.mode).toMatchObject({ active: 'P2P', reason: '1 of 2 peers over P2P' })
  })

  it('a connection that does not carry gossip yet is not a live peer', () => {
    exchange.setLung('running', nowMs)
    live('suspect')
    expect(exchange.peer('b')?.p2p).toBe('dead')
    expect(due()).toEqual([])
    live('alive')
    expect(due()).toEqual(['P2P b'])
  })

  it('HTTP goes on serving while P2P starts again: no gap, no flapping', () => {
    due()
    ended('HTTP', answered())
    due()
    expect(exchange.mode.active).toBe('HTTP')
    for (let attempt = 0; attempt < 5; attempt += 1) {
      pass(500)
      exchange.setLung('starting', nowMs)
      expect(due().filter((one) => one.includes('watch'))).toEqual([])
      expect(exchange.mode.active).toBe('HTTP')
      exchange.setLung('failed', nowMs)
      expect(due().filter((one) => one.includes('watch'))).toEqual([])
    }
    exchange.setLung('starting', nowMs)
    exchange.setLung('running', nowMs)
    live('alive')
    expect(due()).toEqual(['unwatch b', 'P2P b'])
    expect([...exchange.transitions.keys()]).toEqual(['NONE→HTTP', 'HTTP→P2P'])
  })

  it('what was heard before the lung stopped does not count when it is told after', () => {
    connect()
    exchange.setLung('off', nowMs)
    live('alive')
    expect(exchange.peer('b')?.p2p).toBe('off')
    expect(due()).toEqual(['watch b', 'HTTP b'])
    ended('HTTP', answered())
    due()
    expect(exchange.mode.active).toBe('HTTP')
  })

  it('a policy takes effect at once, both ways', () => {
    connect()
    exchange.setPolicy('http', nowMs)
    expect(due()).toEqual(['watch b', 'HTTP b'])
    ended('HTTP', answered())
    due()
    expect(exchange.mode.active).toBe('HTTP')
    exchange.setPolicy('p2p', nowMs)
    expect(due()).toEqual(['unwatch b'])
    expect(exchange.mode.active).toBe('P2P')
  })
})

describe('change notices', () => {
  beforeEach(() => {
    due()
    ended('HTTP', answered())
    exchange.setNotified('b', true, nowMs)
    due()
    ended('HTTP', answered())
  })

  it('wake an exchange at once', () => {
    pass(100)
    expect(due()).toEqual([])
    exchange.setBehind('b', nowMs, true, nowMs)
    expect(due()).toEqual(['HTTP b'])
  })

  it('that come during an exchange are followed by another', () => {
    exchange.setBehind('b', nowMs, true, nowMs)
    due()
    pass(5)
    exchange.setBehind('b', nowMs, true, nowMs)
    expect(due()).toEqual([])
    ended('HTTP', answered(1))
    expect(due()).toEqual(['HTTP b'])
  })

  it('keep HTTP alive between polls; without them it is not alive for long', () => {
    for (let beats = 0; beats < 10; beats += 1) {
      pass(settings.heartbeatMs)
      exchange.setNotified('b', true, nowMs)
      due()
    }
    expect(exchange.transportOf('b', nowMs)).toBe('HTTP')
    pass(2.5 * settings.heartbeatMs)
    expect(exchange.transportOf('b', nowMs)).toBe('NONE')
  })

  it('of a stream that was closed because P2P came back do not count later', () => {
    exchange.setLung('running', nowMs)
    live('alive')
    expect(due()).toEqual(['unwatch b', 'P2P b'])
    // It opened just before it was closed; that it closed is never told.
    exchange.setNotified('b', true, nowMs)
    pass(60_000)
    live('dead')
    due()
    expect(exchange.peer('b')?.http.isNotified).toBe(false)
    expect(exchange.transportOf('b', nowMs)).toBe('NONE')
  })
})

describe('peers that are none', () => {
  it('change nothing', () => {
    exchange.setP2p('x', 'alive', 0, nowMs)
    exchange.setBehind('x', 0, true, nowMs)
    exchange.setNotified('x', true, nowMs)
    exchange.pullEnded('x', 'P2P', failed, nowMs)
    expect(exchange.peer('x')).toBeUndefined()
    expect(exchange.transportOf('x', nowMs)).toBe('NONE')
    start([])
    expect(exchange.due(nowMs).outputs).toEqual([])
    expect(exchange.mode.active).toBe('NONE')
    expect(exchange.wakeAtMs(nowMs)).toBe(Number.POSITIVE_INFINITY)
  })
})
