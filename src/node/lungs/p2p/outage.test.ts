import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import type { P2pHandlers } from './contract.ts'
import {
  atOnceMs,
  idOf,
  listenHttp,
  makeLung,
  meshed,
  peer,
  portIn,
  Relay,
  stopAll,
  tcpAddress,
  type TestLung,
} from './lattice.fixture.ts'

afterEach(stopAll)

/** a listens; b reaches it only through the relay. Both answer syncs with `onSync`. */
async function pairThroughRelay(
  transport: 'tcp' | 'ws',
  onSync?: P2pHandlers['onSync'],
): Promise<[TestLung, TestLung, Relay]> {
  const { server, port } = await listenHttp()
  const serving = onSync === undefined ? {} : { onSync }
  const a = makeLung('a', { httpServer: server, peers: [peer('b')], ...serving })
  await a.start()
  const relay = new Relay(transport === 'tcp' ? portIn(tcpAddress(a)) : port)
  const relayPort = await relay.listen()
  const suffix = transport === 'tcp' ? '' : '/ws'
  const address = `/ip4/127.0.0.1/tcp/${relayPort}${suffix}`
  const b = makeLung('b', { listen: [], peers: [peer('a', [address])], ...serving })
  await b.start()
  await meshed(a, b)
  return [a, b, relay]
}

/** Adds up the time for which this process did not run: the lung does not count it, nor may the test. */
function lagMeter() {
  let lagMs = 0
  let dueMs = performance.now() + 20
  const timer = setInterval(() => {
    lagMs += Math.max(0, performance.now() - dueMs)
    dueMs = performance.now() + 20
  }, 20)
  return {
    stop: (): number => {
      clearInterval(timer)
      return lagMs
    },
  }
}

/** Milliseconds from silence to suspect and to dead, at each end, and from healing to alive. */
async function outage(transport: 'tcp' | 'ws') {
  const [a, b, relay] = await pairThroughRelay(transport)
  const silentMs = performance.now()
  const lag = lagMeter()
  relay.silence()
  await vi.waitFor(
    () => {
      expect(a.saw('b', 'dead', silentMs)).toBeDefined()
      expect(b.saw('a', 'dead', silentMs)).toBeDefined()
    },
    { timeout: 4000, interval: 10 },
  )
  const since = (state: 'suspect' | 'dead'): number[] =>
    [a.saw('b', state, silentMs), b.saw('a', state, silentMs)].map(
      (ms) => (ms ?? Infinity) - silentMs,
    )
  expect(await a.publish(Buffer.from('lost'))).toBe(0)
  await sleep(700)
  const healedMs = performance.now()
  relay.heal()
  await meshed(a, b)
  const aliveMs = performance.now() - healedMs
  expect(await a.publish(Buffer.from('back'))).toBe(1)
  await vi.waitFor(() => expect(b.gossip.map(({ text }) => text)).toContain('back'))
  return { suspectMs: since('suspect'), deadMs: since('dead'), aliveMs, lagMs: lag.stop() }
}

test('a link that goes silent is suspect within 1 s, dead within 2.3 s, alive 1.5 s after healing', async () => {
  const outages = await Promise.all([outage('tcp'), outage('ws')])
  for (const { suspectMs, deadMs, aliveMs, lagMs } of outages) {
    expect(Math.min(...suspectMs)).toBeGreaterThan(300)
    expect(Math.max(...suspectMs)).toBeLessThan(1000 + lagMs)
    expect(Math.min(...deadMs)).toBeGreaterThan(1500)
    expect(Math.max(...deadMs)).toBeLessThan(2300 + lagMs)
    expect(aliveMs).toBeLessThan(1500 + lagMs)
  }
})

test('a slow link that a sync answer fills for seconds is not taken for dead', async () => {
  const [, b, relay] = await pairThroughRelay('tcp', async function* () {
    for (let sent = 0; sent < 300_000; sent += 50_000) yield Buffer.alloc(50_000)
  })
  relay.throttle(80)
  const sinceMs = performance.now()
  let length = 0
  for await (const chunk of b.sync(idOf('a'), Buffer.from('x'), new AbortController().signal)) {
    length += chunk.length
  }
  expect(length).toBe(300_000)
  expect(performance.now() - sinceMs).toBeGreaterThan(2500)
  expect(b.lives.filter(({ life, atMs }) => atMs > sinceMs && life.state === 'dead')).toEqual([])
})

test('a short silence makes a peer suspect and alive again over the same connection', async () => {
  const [a, , relay] = await pairThroughRelay('tcp')
  const before = a.lifeOf('b').remoteAddress
  const silentMs = performance.now()
  relay.silence()
  await vi.waitFor(() => expect(a.lifeOf('b').state).toBe('suspect'), {
    timeout: 2000,
    interval: 5,
  })
  relay.heal()
  await vi.waitFor(() => expect(a.lifeOf('b').state).toBe('alive'), { timeout: 500, interval: 5 })
  expect(a.lifeOf('b').remoteAddress).toBe(before)
  expect(a.saw('b', 'dead', silentMs)).toBeUndefined()
})

test('a link that takes nothing more does not hold up a stop', async () => {
  const [a, b, relay] = await pairThroughRelay('tcp', async function* () {
    for (;;) yield Buffer.alloc(50_000)
  })
  const answers = Promise.allSettled(
    Array.from({ length: 8 }, async () => {
      const answer = a.sync(idOf('b'), Buffer.from('x'), new AbortController().signal)
      for await (const chunk of answer) if (chunk.length === 0) break
    }),
  )
  await sleep(200)
  relay.silence()
  await sleep(200)
  const stoppingMs = performance.now()
  await Promise.all([a.stop(), b.stop()])
  expect(performance.now() - stoppingMs).toBeLessThan(atOnceMs)
  expect((await answers).every(({ status }) => status === 'rejected')).toBe(true)
})

test('a process that was blocked itself does not take its peers for dead', async () => {
  const [a, b] = await pairThroughRelay('tcp')
  const sinceMs = performance.now()
  while (performance.now() - sinceMs < 2100);
  await sleep(400)
  expect(a.lives.filter(({ atMs }) => atMs >= sinceMs)).toEqual([])
  expect(b.lives.filter(({ atMs }) => atMs >= sinceMs)).toEqual([])
})
