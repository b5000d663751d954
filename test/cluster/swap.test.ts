import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Cluster } from './cluster.ts'
import { HandedSocket, type Swap } from './handed-socket.ts'
import { LongWay } from './long-way.ts'
import { OpenLoop } from './open-loop.ts'

const SWAPS = 5
/** Of reads and writes, over kept and over new connections: each of the two. */
const REQUESTS_PER_SECOND = 200
/** One way. What is on it when a connection is closed is lost; on plain loopback hardly anything is. */
const DELAY_MS = 20
const BETWEEN_SWAPS_MS = 1000
/** What an idle machine does in under a second; the figures are shown, and the bound is for a busy one. */
const STALL_MS_MAX = 30_000

let cluster: Cluster | undefined
let held: HandedSocket | undefined
let way: LongWay | undefined
afterEach(async () => {
  await way?.close()
  await held?.stop()
  await cluster?.stop()
  held = way = undefined
})

test('no request is refused, reset or lost while a node is swapped', async ({ annotate }) => {
  cluster = await Cluster.create({ nodeCount: 2 })
  const [node, other] = [cluster.node(0), cluster.node(1)]
  await other.start()
  held = await HandedSocket.start(node)
  await cluster.meshed('P2P')
  const before = (await node.health()).ledger.entries

  way = await LongWay.to(node.httpPort, DELAY_MS)
  const load = new OpenLoop(`http://127.0.0.1:${way.port}`, REQUESTS_PER_SECOND)
  const swaps: Swap[] = []
  for (let swap = 0; swap < SWAPS; swap++) {
    await sleep(BETWEEN_SWAPS_MS)
    swaps.push(await held.swap())
  }
  await sleep(BETWEEN_SWAPS_MS)
  const { failures, skipped, answered, acknowledged, longestMs, p50Ms } = await load.stop()

  const ms = (values: number[]): string => values.map((value) => Math.round(value)).join(', ')
  await annotate(
    `${answered} answered, ${skipped} not asked; longest ${ms([longestMs])} ms, p50 ${ms([p50Ms])} ms; SIGTERM to exit ${ms(
      swaps.map((swap) => swap.stopMs),
    )} ms; start to ready ${ms(swaps.map((swap) => swap.startMs))} ms`,
  )
  expect(failures).toEqual({})
  expect(swaps.map((swap) => swap.exitCode)).toEqual(swaps.map(() => 0))
  expect(answered).toBeGreaterThan((SWAPS * BETWEEN_SWAPS_MS) / 10)
  expect(longestMs).toBeLessThan(STALL_MS_MAX)
  expect((await node.health()).ledger.entries - before).toBe(acknowledged)
  await cluster.converged()
})
