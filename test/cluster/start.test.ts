import { once } from 'node:events'
import { chmodSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import { integrityAnswer, stateAnswer } from '../../src/wire/api.ts'
import { Cluster, NOTICE_MS_MAX, until, type ClusterNode } from './cluster.ts'
import { write } from './load.ts'

/** The exit code of a node whose settings cannot work. */
const EXIT_CONFIG = 78

let cluster: Cluster | undefined
afterEach(() => cluster?.stop())

async function exitCodeOf(node: ClusterNode): Promise<number | null> {
  const [code] = (await once(node.spawn(), 'exit')) as [number | null]
  return code
}

/** A node comes to see that another does not answer. */
async function expectLeftOut(node: ClusterNode, lost: ClusterNode): Promise<void> {
  await until(`${node.name} goes on without ${lost.name}`, NOTICE_MS_MAX, async () => {
    const { peers } = await node.health()
    return peers.some((peer) => peer.name === lost.name && peer.transport === 'NONE')
  })
}

test.for([
  {
    problem: 'an unknown variable',
    change: { AETHEL_HEARTBEAT: '5' },
    says: 'AETHEL_HEARTBEAT is not a variable of this node',
  },
  {
    problem: 'a name behind /ip4',
    change: { AETHEL_P2P_LISTEN: '/ip4/example.com/tcp/9000' },
    says: 'AETHEL_P2P_LISTEN',
  },
  {
    problem: 'itself among its peers',
    change: { AETHEL_LATTICE_NODES: 'http://127.0.0.1:1' },
    says: 'AETHEL_LATTICE_NODES',
  },
  {
    problem: 'a duration without sense',
    change: { AETHEL_HTTP_POLL_INTERVAL: '-1' },
    says: 'AETHEL_HTTP_POLL_INTERVAL',
  },
  {
    problem: 'another node’s key',
    change: { AETHEL_NODE_KEY_FILE: '../node2/node.key' },
    says: 'the node key belongs to',
  },
])('a node refuses to start with $problem', async ({ change, says }) => {
  cluster = await Cluster.create()
  const node = cluster.node(0)
  node.environment = { ...node.environment, ...change }
  expect(await exitCodeOf(node)).toBe(EXIT_CONFIG)
  expect(node.log).toContain(says)
  expect(node.log).toContain('hint: ')
})

test('the process environment beats .env, which fills in the rest', async () => {
  cluster = await Cluster.create()
  const node = cluster.node(0)
  const { AETHEL_TOKENS: tokens, AETHEL_SUBMIT: submit, ...rest } = node.environment
  writeFileSync(
    join(node.directory, '.env'),
    `AETHEL_TOKENS=${tokens}\nAETHEL_SUBMIT=token\nAETHEL_HEARTBEAT_INTERVAL=7\n`,
  )
  node.environment = { ...rest, AETHEL_SUBMIT: submit ?? '' }
  await node.start()
  const health = await node.health()
  expect(health.heartbeat.interval_ms).toBe(7000)
  await write(node)
})

test('a data directory that another node uses is refused', async () => {
  cluster = await Cluster.create()
  const [first, second] = [cluster.node(0), cluster.node(1)]
  await first.start()
  symlinkSync(join(first.directory, 'data'), join(second.directory, 'data'))
  expect(await exitCodeOf(second)).toBe(EXIT_CONFIG)
  expect(second.log).toContain('in use by another process')
  await first.end('SIGTERM')
  expect(await exitCodeOf(second)).toBe(EXIT_CONFIG)
  expect(second.log).toContain('belongs to another node')
})

test('a key that others can read is refused', async () => {
  cluster = await Cluster.create()
  const node = cluster.node(0)
  chmodSync(join(node.directory, 'node.key'), 0o644)
  expect(await exitCodeOf(node)).toBe(EXIT_CONFIG)
  expect(node.log).toContain('can be read by others')
})

test('a store that was edited behind the node’s back is noticed and accepts nothing', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P')
  const node = cluster.node(0)
  for (let count = 0; count < 5; count++) await write(node)
  await node.end('SIGTERM')

  const file =
    readdirSync(join(node.directory, 'data')).find((name) => name.endsWith('.sqlite')) ?? ''
  const database = new DatabaseSync(join(node.directory, 'data', file))
  const row = database.prepare('SELECT bytes FROM entry WHERE seq = 2').get() as {
    bytes: Uint8Array
  }
  const edited = Uint8Array.from(row.bytes)
  edited[edited.length - 1] = (edited.at(-1) ?? 0) ^ 1
  database.prepare('UPDATE entry SET bytes = ? WHERE seq = 2').run(edited)
  database.close()

  await node.start()
  expect((await fetch(`${node.url}/readyz`)).status).toBe(503)
  expect(stateAnswer.parse(await node.get('/api/lattice/state'))).toMatchObject({
    success: false,
    merkle_root: null,
  })
  expect(integrityAnswer.parse(await node.get('/api/persistence/integrity'))).toMatchObject({
    is_valid: false,
    status: 'CORRUPTED',
  })
  expect(await node.post('/api/verify', { code: 'intent noop { }' })).toMatchObject({
    success: false,
  })
  await expectLeftOut(cluster.node(1), node)
})

test('a node whose data directory is taken away accepts nothing, shows no root and goes on answering', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P')
  const [node, other] = [cluster.node(0), cluster.node(1)]
  const { author, seq } = await write(node)
  const { pid } = node
  node.wipe()

  expect(await node.post('/api/verify', { code: 'intent noop { }' })).toMatchObject({
    success: false,
  })
  expect((await fetch(`${node.url}/readyz`)).status).toBe(503)
  expect(await node.get('/api/lattice/state')).toMatchObject({ success: false, merkle_root: null })
  expect(await node.get(`/api/lattice/receipts/${author}/${seq}`)).toMatchObject({ success: false })
  expect(await node.post('/api/lattice/sync/switch?mode=http')).toMatchObject({ success: false })
  // Losing its links must not end the process either: exchanges that cannot be asked for just fail.
  for (const peer of cluster.nodes.slice(1)) cluster.link(node, peer, 'p2p', 'closed')
  await expectLeftOut(other, node)
  expect(node.pid).toBe(pid)
  expect((await fetch(`${node.url}/livez`)).ok).toBe(true)
  const { events } = (await other.get('/api/lattice/events?since=0')) as {
    events: { kind: string }[]
  }
  expect(events.map((event) => event.kind)).not.toContain('evidence')
})

test('a node of another lattice is kept out, and says why nothing works', async () => {
  cluster = await Cluster.create()
  const stranger = cluster.node(2)
  stranger.environment = { ...stranger.environment, AETHEL_GENESIS: 'Alice:5' }
  await Promise.all(cluster.nodes.map((node) => node.start()))
  await write(stranger)
  const honest = cluster.node(0)
  await write(honest)
  await until(
    'the others agree',
    NOTICE_MS_MAX,
    async () => (await cluster?.node(1).health())?.ledger.entries === 1,
  )
  const health = await honest.health()
  expect(health.ledger.entries).toBe(1)
  expect((await stranger.health()).ledger.entries).toBe(1)
  await until('the refusal is counted', NOTICE_MS_MAX, async () => {
    const metrics = await (await fetch(`${honest.url}/metrics`)).text()
    return /refused_total\{[^}]*wrong-lattice[^}]*\} [1-9]/.test(metrics)
  })
})

test('libp2p and HTTP share one port over WebSocket', async () => {
  cluster = await Cluster.create({ nodeCount: 2 })
  const [one, two] = [cluster.node(0), cluster.node(1)]
  for (const [node, other] of [
    [one, two],
    [two, one],
  ] as const) {
    node.environment = {
      ...node.environment,
      AETHEL_P2P_LISTEN: '',
      AETHEL_P2P_BOOTSTRAP: `/ip4/127.0.0.1/tcp/${other.httpPort}/ws/p2p/${other.peerId}`,
    }
  }
  await Promise.all(cluster.nodes.map((node) => node.start()))
  await cluster.meshed('P2P')
  await write(one)
  await cluster.converged()
  expect((await two.health()).peers[0]?.p2p.address).toContain('/ws')
})
