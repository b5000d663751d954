import { afterEach, expect, test } from 'vitest'
import { eventsAnswer } from '../../src/wire/api.ts'
import { Cluster, NOTICE_MS_MAX, until, type ClusterNode } from './cluster.ts'
import { arrival, missingFrom, Writer, type Acknowledged } from './load.ts'
import { Metronome } from './metronome.ts'

/** Promised: from the last proof of life over P2P to the first answer over HTTP. */
const FAILOVER_MS_MAX = 3000

/** Long enough for HTTP to be seen at work while P2P is stopped. */
const FAULT_MS = 8000
/** Entries that every writer has before anything is broken. */
const LOAD_MIN = 20

let cluster: Cluster | undefined
let writers: Writer[] = []
afterEach(async () => {
  await Promise.all(writers.map((writer) => writer.stop()))
  writers = []
  await cluster?.stop()
})

async function loaded(): Promise<{ cluster: Cluster; target: ClusterNode; other: ClusterNode }> {
  cluster = await Cluster.start()
  await cluster.meshed('P2P')
  writers = cluster.nodes.map((node) => new Writer(node, 30))
  await until('load on every node', NOTICE_MS_MAX, () =>
    writers.every((writer) => writer.acknowledged.length > LOAD_MIN),
  )
  return { cluster, target: cluster.node(0), other: cluster.node(1) }
}

function writerOf(index: number): Writer {
  const writer = writers[index]
  if (writer === undefined) throw new Error(`no writer ${index}`)
  return writer
}

/** Both sides of a broken link get entries over HTTP, and as soon as is promised, by their own clocks. */
async function expectFailover(
  { target, other }: { target: ClusterNode; other: ClusterNode },
  metronome: Metronome,
): Promise<void> {
  const brokenMs = performance.now()
  await arrival(other, writerOf(0), brokenMs, 'HTTP', NOTICE_MS_MAX)
  await arrival(target, writerOf(1), brokenMs, 'HTTP', NOTICE_MS_MAX)
  await until(
    'the node says HTTP',
    NOTICE_MS_MAX,
    async () => (await target.health()).sync.active === 'HTTP',
  )
  for (const node of [target, other]) {
    const { last_failover_ms: failoverMs } = (await node.health()).sync
    expect(failoverMs).not.toBeNull()
    expect(failoverMs).toBeLessThan(metronome.allowanceMs(FAILOVER_MS_MAX))
  }
}

/** Of all that was acknowledged anywhere: what some node does not hold, unchanged, when the load is over. */
async function lostIn(all: Cluster): Promise<Acknowledged[]> {
  const acknowledged = (await Promise.all(writers.map((writer) => writer.stop()))).flat()
  await all.converged()
  expect(acknowledged.length).toBeGreaterThan(writers.length * LOAD_MIN)
  return (await Promise.all(all.nodes.map(async (node) => missingFrom(node, acknowledged)))).flat()
}

test('P2P stopped on one node under load: HTTP takes over, P2P takes back, nothing is lost', async () => {
  const { cluster: all, target, other } = await loaded()
  using metronome = new Metronome(all.nodes)
  await target.post('/api/lattice/fault', { kind: 'p2p-stop', for_ms: FAULT_MS })
  await expectFailover({ target, other }, metronome)

  await until(
    'the fault undid itself',
    NOTICE_MS_MAX,
    async () => (await target.health()).fault === null,
  )
  await all.meshed('P2P')
  expect(await lostIn(all)).toEqual([])
})

test('P2P packets silently dropped under load: HTTP takes over, P2P takes back, nothing is lost', async () => {
  const { cluster: all, target, other } = await loaded()
  const others = all.nodes.filter((node) => node !== target)
  using metronome = new Metronome(all.nodes)
  for (const node of others) all.link(target, node, 'p2p', 'silent')
  await expectFailover({ target, other }, metronome)

  for (const node of others) all.link(target, node, 'p2p', 'open')
  await all.meshed('P2P')
  expect(await lostIn(all)).toEqual([])
})

test('kill -9 and restart under load: P2P is back, nothing acknowledged is lost', async () => {
  const { cluster: all, target } = await loaded()
  await target.end('SIGKILL')
  await until('the others notice', NOTICE_MS_MAX, async () => {
    const health = await all.node(1).health()
    return health.peers.find((peer) => peer.name === target.name)?.transport === 'NONE'
  })
  await target.start()
  await all.meshed('P2P')
  expect(await lostIn(all)).toEqual([])
})

test('a manual switch to HTTP reverts by itself', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P')
  const node = cluster.node(0)
  const answer = await node.post('/api/lattice/sync/switch?mode=http&revert_after_ms=1500')
  expect(answer).toMatchObject({ success: true, policy: 'http' })
  await until('P2P is back', NOTICE_MS_MAX, async () => {
    const { policy, active } = (await node.health()).sync
    return policy === 'auto' && active === 'P2P'
  })
  const { events } = eventsAnswer.parse(await node.get('/api/lattice/events?since=0&limit=1000'))
  const switched = events.slice(events.findIndex(({ kind }) => kind === 'policy'))
  const modes = switched.flatMap(({ kind, data }) => (kind === 'mode' ? [data['to']] : []))
  expect(modes.join()).toMatch(/HTTP.*P2P/)
})
