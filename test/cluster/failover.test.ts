import { afterEach, expect, test } from 'vitest'
import { Cluster, until, type ClusterNode } from './cluster.ts'
import { firstArrival, missingFrom, Writer } from './load.ts'

/** First entry applied over HTTP after P2P failed; P2P back after it returned. */
const ACTIVATION_MS_MAX = 3000
const RECOVERY_MS_MAX = 2000

let cluster: Cluster | undefined
let writers: Writer[] = []
afterEach(async () => {
  await Promise.all(writers.map((writer) => writer.stop()))
  writers = []
  await cluster?.stop()
})

async function loaded(): Promise<{ cluster: Cluster; target: ClusterNode; other: ClusterNode }> {
  cluster = await Cluster.start()
  await cluster.meshed('P2P', 10_000)
  writers = cluster.nodes.map((node) => new Writer(node, 30))
  await until('load on every node', 5000, () =>
    writers.every((writer) => writer.acknowledged.length > 5),
  )
  return { cluster, target: cluster.node(0), other: cluster.node(1) }
}

function writerOf(index: number): Writer {
  const writer = writers[index]
  if (writer === undefined) throw new Error(`no writer ${index}`)
  return writer
}

/** All that was acknowledged anywhere is on every node, unchanged. */
async function expectNothingLost(all: Cluster): Promise<void> {
  const acknowledged = (await Promise.all(writers.map((writer) => writer.stop()))).flat()
  await all.converged(5000)
  expect(acknowledged.length).toBeGreaterThan(50)
  for (const node of all.nodes) expect(await missingFrom(node, acknowledged)).toEqual([])
}

test('P2P stopped on one node under load: HTTP takes over, P2P takes back, nothing is lost', async () => {
  const { cluster: all, target, other } = await loaded()
  await target.post('/api/lattice/fault', { kind: 'p2p-stop', for_ms: 4000 })
  const brokenMs = performance.now()

  expect(await firstArrival(other, writerOf(0), brokenMs, 'HTTP', 10_000)).toBeLessThan(
    ACTIVATION_MS_MAX,
  )
  expect(await firstArrival(target, writerOf(1), brokenMs, 'HTTP', 10_000)).toBeLessThan(
    ACTIVATION_MS_MAX,
  )
  await until(
    'the node says HTTP',
    3000,
    async () => (await target.health()).sync.active === 'HTTP',
  )

  await until('the fault undid itself', 6000, async () => (await target.health()).fault === null)
  expect(await all.meshed('P2P', 10_000)).toBeLessThan(RECOVERY_MS_MAX)
  await expectNothingLost(all)
})

test('P2P packets silently dropped under load: HTTP takes over, P2P takes back, nothing is lost', async () => {
  const { cluster: all, target, other } = await loaded()
  const others = all.nodes.filter((node) => node !== target)
  for (const node of others) all.link(target, node, 'p2p', 'silent')
  const brokenMs = performance.now()

  expect(await firstArrival(other, writerOf(0), brokenMs, 'HTTP', 10_000)).toBeLessThan(
    ACTIVATION_MS_MAX,
  )
  expect(await firstArrival(target, writerOf(1), brokenMs, 'HTTP', 10_000)).toBeLessThan(
    ACTIVATION_MS_MAX,
  )
  await until(
    'the node says HTTP',
    5000,
    async () => (await target.health()).sync.active === 'HTTP',
  )

  for (const node of others) all.link(target, node, 'p2p', 'open')
  expect(await all.meshed('P2P', 10_000)).toBeLessThan(RECOVERY_MS_MAX)
  await expectNothingLost(all)
})

test('kill -9 and restart under load: P2P is back, nothing acknowledged is lost', async () => {
  const { cluster: all, target } = await loaded()
  await target.end('SIGKILL')
  await until('the others notice', 3000, async () => {
    const health = await all.node(1).health()
    return health.peers.find((peer) => peer.name === target.name)?.transport === 'NONE'
  })
  await target.start()
  expect(await all.meshed('P2P', 10_000)).toBeLessThan(RECOVERY_MS_MAX)
  await expectNothingLost(all)
})

test('a manual switch to HTTP reverts by itself', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P', 10_000)
  const node = cluster.node(0)
  const answer = await node.post('/api/lattice/sync/switch?mode=http&revert_after_ms=1500')
  expect(answer).toMatchObject({ success: true, policy: 'http' })
  await until('HTTP is active', 3000, async () => (await node.health()).sync.active === 'HTTP')
  await until('P2P is back', 5000, async () => (await node.health()).sync.active === 'P2P')
  expect((await node.health()).sync.policy).toBe('auto')
})
