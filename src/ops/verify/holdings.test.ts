import { once } from 'node:events'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Holdings } from '../rollout/holdings.ts'
import { paths } from '../../wire/protocol.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import { startFakeLattice } from '../client/fakes/fake-lattice.ts'
import { sendJson, type FakeNode } from '../client/fakes/fake-node.ts'
import { clientsOf, closeClients, type NodeClient } from '../client/node-client.ts'
import { observeHoldings } from './holdings.ts'
import { HOLDINGS_MS_MAX, HOLDINGS_POLL_MS } from './limits.ts'

let lattice: Awaited<ReturnType<typeof startFakeLattice>>
let clients: NodeClient[]
let victim: FakeNode

beforeEach(async () => {
  lattice = await startFakeLattice(3)
  clients = clientsOf(lattice.desired, null)
  const [first] = lattice.nodes
  if (first === undefined) throw new RangeError('no node')
  victim = first
  victim.write()
})

afterEach(async () => {
  await closeClients(clients)
  await lattice.stop()
})

const { signal } = new AbortController()
const never = new Promise<never>(() => {})
const names = ['node1', 'node2', 'node3']
const told = ({ held }: Holdings): string[] => [...held.keys()].toSorted()

/** Pauses take no time, and the limit is over only when a test says so. */
const clockUntil = (isOver: Promise<unknown>): Clock => ({
  ...systemClock,
  sleep: async (ms, until) => {
    if (ms === HOLDINGS_POLL_MS) return
    expect(ms).toBe(HOLDINGS_MS_MAX)
    await Promise.race([isOver, once(until, 'abort')])
  },
})

const refuse = (times = Number.POSITIVE_INFINITY, after = (): void => {}): void => {
  let left = times
  victim.instead.set(paths.attest, (_request, response, body) => {
    if (--left < 0) return victim.attest(response, body)
    sendJson(response, 503, { success: false, code: 'busy', message: 'not now' })
    after()
  })
}

it('is what each node signs, and waits for nothing once all have told', async () => {
  const holdings = await observeHoldings({ clients, quiet: never, signal })
  expect(told(holdings)).toEqual(names)
  expect(holdings.held.get('node1')).toEqual(victim.replica.frontier())
})

it('is asked for again while hosts are busy, however often it was not told', async () => {
  refuse(5)
  const clock = clockUntil(never)
  const holdings = await observeHoldings({ clients, quiet: never, clock, signal })
  expect(told(holdings)).toEqual(names)
})

it('is asked for again once hosts are quiet', async () => {
  const quiet = Promise.withResolvers<void>()
  refuse(3, quiet.resolve)
  const clock = clockUntil(never)
  const holdings = await observeHoldings({ clients, quiet: quiet.promise, clock, signal })
  expect(told(holdings)).toEqual(names)
})

it('is not known of a node that does not tell in time', async () => {
  const over = Promise.withResolvers<void>()
  refuse(undefined, over.resolve)
  const clock = clockUntil(over.promise)
  const asked = { clients: clients.slice(0, 1), quiet: Promise.resolve(), clock, signal }
  const holdings = await observeHoldings(asked)
  expect(holdings.silent.get('node1')).toMatch(/^node1 /)
})

it('is waited for no longer when nothing will be switched, or nobody wants to know', async () => {
  refuse()
  const failed = Promise.reject(new Error('it was not staged'))
  const holdings = await observeHoldings({ clients, quiet: failed, signal })
  expect(holdings.silent.get('node1')).toMatch(/^node1 /)
  const interrupt = new AbortController()
  refuse(undefined, () => interrupt.abort(new Error('enough')))
  const asked = observeHoldings({ clients, quiet: never, signal: interrupt.signal })
  await expect(asked).rejects.toThrow('enough')
})
