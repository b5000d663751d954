/** Disks that fill up, fail and lose what they held, under real nodes. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import { verifyAnswer } from '../../src/wire/api.ts'
import { Cluster, NOTICE_MS_MAX, until, type ClusterNode } from './cluster.ts'
import { missingFrom, write, Writer, type Acknowledged } from './load.ts'
import { SmallDisk } from './small-disk.ts'

/** The store is tried again after growing pauses. */
const REOPEN_MS_MAX = 60_000
const DISK_MEBIBYTES = 16

let cluster: Cluster | undefined
let disk: SmallDisk | undefined
let writers: Writer[] = []
afterEach(async () => {
  await Promise.all(writers.map((writer) => writer.stop()))
  writers = []
  await cluster?.stop({ isKept: true })
  disk?.remove()
  disk = undefined
  cluster?.remove()
  cluster = undefined
})

/** Three nodes, meshed; the first one has its data on a disk of its own. */
async function onSmallDisk(): Promise<{ all: Cluster; node: ClusterNode; own: SmallDisk }> {
  const all = await Cluster.create()
  cluster = all
  const node = all.node(0)
  const own = SmallDisk.make(join(node.directory, 'data'), DISK_MEBIBYTES)
  disk = own
  await Promise.all(all.nodes.map((one) => one.start()))
  await all.meshed('P2P')
  return { all, node, own }
}

async function readiness(node: ClusterNode): Promise<{ status: number; reasons: string }> {
  const answer = await fetch(`${node.url}/readyz`)
  const { reasons } = (await answer.json()) as { reasons: string[] }
  return { status: answer.status, reasons: reasons.join() }
}

/** It answers, says why it is not ready, accepts nothing, and shows nothing of what it may not hold. */
async function expectRefusing(node: ClusterNode, entry: Acknowledged, why: RegExp): Promise<void> {
  expect((await fetch(`${node.url}/livez`)).status).toBe(200)
  const { status, reasons } = await readiness(node)
  expect(status).toBe(503)
  expect(reasons).toMatch(why)
  const refused = verifyAnswer.parse(await node.post('/api/verify', { code: 'intent noop { }' }))
  expect(refused).toMatchObject({ success: false, status: 'ERROR', merkle_root: null })
  expect(refused.message).toMatch(why)
  expect(refused.intents.map((intent) => intent.receipt)).toEqual([null])
  expect(await node.get('/api/lattice/state')).toMatchObject({ success: false, merkle_root: null })
  expect([200, 503]).toContain((await fetch(`${node.url}/api/lattice/events`)).status)
  const path = `/api/lattice/receipts/${entry.author}/${entry.seq}`
  expect(await node.get(path)).toMatchObject({ success: false, code: 'unavailable' })
}

/** Of these entries, those that some node does not hold as they were acknowledged. */
async function missingAnywhere(
  all: Cluster,
  entries: readonly Acknowledged[],
): Promise<Acknowledged[]> {
  return (await Promise.all(all.nodes.map(async (node) => missingFrom(node, entries)))).flat()
}

/** Writes to every node until `isOver`; all that was acknowledged. */
async function loadUntil(
  all: Cluster,
  isOver: () => Promise<boolean>,
  limitMs: number,
): Promise<Acknowledged[]> {
  writers = all.nodes.map((node) => new Writer(node, 10))
  await until('what the load is for', limitMs, isOver)
  return (await Promise.all(writers.map((writer) => writer.stop()))).flat()
}

test('a full disk stops acceptance with a reason; with space again the node goes on by itself', async () => {
  const { all, node, own } = await onSmallDisk()
  const { pid } = node
  const first = await write(node)
  own.fill(256 * 1024)
  const isFull = async (): Promise<boolean> => (await readiness(node)).status === 503
  const acknowledged = await loadUntil(all, isFull, 60_000)

  await expectRefusing(node, { ...first, atMs: 0 }, /disk is full/)
  const elsewhere = await write(all.node(1))
  expect(node.pid).toBe(pid)

  own.free()
  await until('ready again', REOPEN_MS_MAX, async () => (await readiness(node)).status === 200)
  const after = await write(node)
  await all.converged()
  expect(node.pid).toBe(pid)
  expect(acknowledged.length).toBeGreaterThan(10)
  const rest = [first, elsewhere, after].map((receipt) => ({ ...receipt, atMs: 0 }))
  expect(await missingAnywhere(all, [...acknowledged, ...rest])).toEqual([])
})

test('a disk that fails becomes read-only: nothing is accepted; mended, the node starts with all it acknowledged', async () => {
  const { all, node, own } = await onSmallDisk()
  const first = await write(node)
  writers = all.nodes.map((one) => new Writer(one, 10))
  await until('load on every node', NOTICE_MS_MAX, () =>
    writers.every((writer) => writer.acknowledged.length > 5),
  )
  own.fail()
  await until('it is noticed', NOTICE_MS_MAX, async () => (await readiness(node)).status === 503)
  const acknowledged = (await Promise.all(writers.map((writer) => writer.stop()))).flat()
  await expectRefusing(node, { ...first, atMs: 0 }, /cannot (write|open)/)

  await node.end('SIGTERM')
  own.mend()
  await node.start()
  await write(node)
  await all.converged()
  expect(acknowledged.length).toBeGreaterThan(15)
  expect(await missingAnywhere(all, acknowledged)).toEqual([])
})

const NOTE = 'the entry that is damaged'

const damages: { damage: string; make: (file: string) => void; why: RegExp }[] = [
  {
    damage: 'a byte that was flipped',
    make: (file) => {
      const bytes = readFileSync(file)
      const place = bytes.indexOf(NOTE)
      expect(place).toBeGreaterThan(0)
      bytes[place] = (bytes[place] ?? 0) ^ 1
      writeFileSync(file, bytes)
    },
    why: /entry \d+ of author/,
  },
  {
    damage: 'an entry that is missing',
    make: (file) => {
      const database = new DatabaseSync(file)
      expect(database.prepare('DELETE FROM entry WHERE seq = 2').run().changes).toBe(1)
      database.close()
    },
    why: /entry 2 of author .* missing/,
  },
  {
    damage: 'a file that was cut off',
    make: (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
    why: /ledger\.sqlite is no database: .*malformed/,
  },
  {
    damage: 'a file that was emptied',
    make: (file) => truncateSync(file, 0),
    why: /ledger\.sqlite is no database: it has 0 bytes/,
  },
  {
    damage: 'a file that is no database',
    make: (file) => writeFileSync(file, Buffer.alloc(statSync(file).size, NOTE)),
    why: /ledger\.sqlite is no database: .*not a database/,
  },
]

/** A node with five entries that all nodes hold, ended. */
async function writtenAndEnded(): Promise<{
  all: Cluster
  node: ClusterNode
  file: string
  entries: Acknowledged[]
}> {
  const all = await Cluster.start()
  cluster = all
  await all.meshed('P2P')
  const node = all.node(0)
  const entries: Acknowledged[] = []
  for (let count = 0; count < 5; count++) {
    const code = `intent noop { note: "${NOTE}" }`
    const path = '/api/verify?wait=replicated:3&timeout_ms=20000'
    const { intents } = verifyAnswer.parse(await node.post(path, { code }))
    for (const { receipt } of intents)
      if (receipt?.replicas === 3) entries.push({ ...receipt, atMs: 0 })
  }
  expect(entries).toHaveLength(5)
  await node.end('SIGTERM')
  return { all, node, file: join(node.directory, 'data/ledger.sqlite'), entries }
}

test.for(damages)(
  '$damage is found at the next start, and nothing of it is served',
  async ({ make, why }) => {
    const { all, node, file, entries } = await writtenAndEnded()
    make(file)
    await node.start()
    const [first] = entries
    if (first === undefined) throw new Error('nothing was written')
    await expectRefusing(node, first, why)
    const during = await write(all.node(1))
    expect(during.seq).toBe(0)
    const { pid } = node
    expect(await node.post('/api/lattice/repair')).toMatchObject({ success: true })
    await all.converged()
    await write(node)
    expect(node.pid).toBe(pid)
    expect(await missingAnywhere(all, [...entries, { ...during, atMs: 0 }])).toEqual([])
  },
)
