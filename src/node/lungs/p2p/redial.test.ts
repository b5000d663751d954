import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { timing } from './lattice.fixture.ts'
import { Links } from './links.ts'
import { keepDialling, type Target } from './redial.ts'

const addresses = ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'].map((text) => multiaddr(text))

const connectionTo = (peerId: string): Connection =>
  ({ remotePeer: { toString: () => peerId }, abort: () => undefined }) as unknown as Connection

/** A loop whose sleeps the test ends by hand. */
function loop(role: Target['role']) {
  const links = new Links(() => 0)
  const ending = new AbortController()
  const sleeps: { ms: number; end: () => void }[] = []
  const dials: string[] = []
  const warnings: object[] = []
  let answer: () => Promise<unknown> = () => Promise.reject(new Error('refused'))
  const done = keepDialling(
    { name: 'b', peerId: 'b', role, addresses },
    {
      links,
      timing,
      random: () => 0.5,
      log: { info: () => undefined, warn: (fields) => warnings.push(fields) },
      sleep: (ms, signal) =>
        new Promise<void>((resolve, reject) => {
          sleeps.push({ ms, end: resolve })
          signal.addEventListener('abort', () => reject(new Error('stopped')))
        }),
      dial: (address) => {
        dials.push(address.toString())
        return answer()
      },
    },
    ending.signal,
  )
  const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  return {
    links,
    dials,
    warnings,
    settle,
    answer: (by: () => Promise<unknown>) => (answer = by),
    /** Ends the sleep the loop is in, and tells how long it wanted to sleep. */
    wakes: async (): Promise<number | undefined> => {
      await settle()
      const sleep = sleeps.shift()
      sleep?.end()
      await settle()
      return sleep?.ms
    },
    stop: async () => {
      ending.abort()
      await done
    },
  }
}

test('tries every address, backs off, and complains once', async () => {
  const { wakes, dials, warnings, stop } = loop('dialler')
  const waits: (number | undefined)[] = []
  for (let round = 0; round < 6; round += 1) waits.push(await wakes())
  expect(waits.map((ms) => Math.round(ms ?? -1))).toEqual([50, 100, 150, 225, 338, 500])
  expect(dials).toEqual(Array.from({ length: 6 }, () => addresses.map(String)).flat())
  expect(warnings).toEqual([{ peer: 'b', reason: '/ip4/127.0.0.1/tcp/2: refused' }])
  await stop()
})

test('rests while connected, and starts over with short waits only after a connection that was of use', async () => {
  const { wakes, links, dials, answer, settle, stop } = loop('dialler')
  await wakes()
  await wakes()
  const useless = connectionTo('b')
  answer(async () => links.opened(useless))
  await wakes()
  expect(dials).toHaveLength(5)
  expect(await wakes()).toBeUndefined()
  links.closed(useless)
  answer(() => Promise.reject(new Error('refused')))
  expect(await wakes()).toBeCloseTo(225)
  const useful = connectionTo('b')
  answer(async () => {
    links.opened(useful).wasOfUse = true
  })
  await wakes()
  links.closed(useful)
  await settle()
  expect(await wakes()).toBe(50)
  await stop()
})

test('a standby waits its grace, and does not dial when the other came meanwhile', async () => {
  const { wakes, links, dials, settle, stop } = loop('standby')
  await settle()
  const inbound = connectionTo('b')
  links.opened(inbound)
  expect(await wakes()).toBe(5000)
  expect(dials).toEqual([])
  links.closed(inbound)
  expect(await wakes()).toBe(5000)
  expect(dials).toEqual(addresses.map(String))
  await stop()
})

test('a listener never dials', async () => {
  const { wakes, dials, stop } = loop('listener')
  expect(await wakes()).toBeUndefined()
  expect(dials).toEqual([])
  await stop()
})
