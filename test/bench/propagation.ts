import { join } from 'node:path'
import { until } from '../cluster/cluster.ts'
import { Actor } from './actor.ts'
import type { PeerAddress } from './catch-up.ts'
import { figureOf, percentile, type Figure } from './measure.ts'
import { BenchLattice } from './nodes.ts'
import { atMost, type Row } from './report.ts'
import { newDirectory, peerActor, type PeerName, type Setting } from './setting.ts'

const WRITES_PER_S = 100
const ROUNDS = 5
const QUICK_ROUNDS = 3
const WRITES = 500
const WARM_UP_WRITES = 100
const MESH_MS_MAX = 30_000
const ARRIVAL_MS_MAX = 60_000

type Transport = 'P2P' | 'HTTP'

/** Milliseconds from the moment a write was due on one node until each of them could be seen on another. */
type Propagate = (writes: number) => Promise<number[]>

interface Pair {
  propagate: Propagate
  stop(): Promise<void>
}

/** At 100 writes/s on loopback, from the submission on one node until the entry can be read on another. */
export async function propagationRow(setting: Setting, transport: Transport): Promise<Row> {
  const latencies: Record<string, number[][]> = {
    ours: await roundsOf(await ourPair(setting, transport), setting.isQuick),
  }
  for (const name of transport === 'P2P' ? setting.peers : [])
    latencies[name] = await roundsOf(await peerPair(setting, name), setting.isQuick)
  const at = (percent: number): Record<string, Figure> =>
    Object.fromEntries(
      Object.entries(latencies).map(([name, rounds]) => [
        name,
        figureOf(rounds.map((round) => percentile(round, percent))),
      ]),
    )
  const { ours, ...peers } = at(99)
  const medians = at(50)
  if (ours === undefined) throw new Error('nothing was measured')
  return {
    id: `propagation-${transport.toLowerCase()}`,
    about: `written on one node → readable on another over ${transport}, p99 at ${WRITES_PER_S} writes/s`,
    unit: 'ms',
    ours,
    peers,
    targets: [atMost('p99 ms', ours.median, transport === 'P2P' ? 20 : 50)],
    extra: {
      p50: medians['ours']?.median ?? 0,
      p99: ours.median,
      writes: WRITES * ours.n,
      ...Object.fromEntries(
        Object.keys(peers).map((name) => [`${name}_p50`, medians[name]?.median ?? 0]),
      ),
    },
  }
}

/**
 * All rounds of one pair, which has the machine to itself: the processes of another do not rest between
 * their rounds, and two cores are not enough for all.
 */
async function roundsOf(pair: Pair, isQuick: boolean): Promise<number[][]> {
  try {
    await pair.propagate(WARM_UP_WRITES)
    const rounds: number[][] = []
    while (rounds.length < (isQuick ? QUICK_ROUNDS : ROUNDS))
      rounds.push(await pair.propagate(WRITES))
    return rounds
  } finally {
    await pair.stop()
  }
}

async function ourPair(setting: Setting, transport: Transport): Promise<Pair> {
  const lattice = await BenchLattice.layOut(newDirectory(setting, 'ours'), setting.links, {
    nodeCount: 2,
    rttMs: null,
    isP2p: transport === 'P2P',
  })
  await Promise.all(lattice.nodes.map((node) => node.start()))
  await until(`peers over ${transport}`, MESH_MS_MAX, async () => {
    const healths = await Promise.all(lattice.nodes.map((node) => node.health()))
    return healths.every((health) => health.peers.every((peer) => peer.transport === transport))
  })
  const clients = new Actor(join(import.meta.dirname, 'contenders/clients.ts'))
  await clients.call('open', { urls: lattice.nodes.map((node) => node.url) })
  return {
    propagate: (writes) => clients.call('propagate', { writes, perSecond: WRITES_PER_S }),
    stop: async () => {
      await clients.end()
      await lattice.stop()
    },
  }
}

async function peerPair(setting: Setting, name: PeerName): Promise<Pair> {
  const [writer, reader] = [peerActor(name), peerActor(name)]
  await writer.call('open', { directory: newDirectory(setting, name) })
  const address = await writer.call<PeerAddress>('serveGossip')
  await reader.call('open', { directory: newDirectory(setting, name), isJoining: true })
  await reader.call('connectGossip', address)
  await until(`${name} gossips`, MESH_MS_MAX, async () => {
    const counts = await Promise.all([writer, reader].map((one) => one.call<number>('gossipPeers')))
    return counts.every((count) => count > 0)
  })
  return {
    propagate: (writes) => propagatePeers(writer, reader, writes),
    stop: async () => {
      await Promise.all([writer.end(), reader.end()])
    },
  }
}

async function propagatePeers(writer: Actor, reader: Actor, writes: number): Promise<number[]> {
  await reader.call('arrivals')
  const dueMs = new Map(
    await writer.call<[string, number][]>('writeAll', { writes, perSecond: WRITES_PER_S }),
  )
  const seenMs = new Map<string, number>()
  await until('everything arrived', ARRIVAL_MS_MAX, async () => {
    for (const [id, atMs] of await reader.call<[string, number][]>('arrivals')) seenMs.set(id, atMs)
    return [...dueMs.keys()].every((id) => seenMs.has(id))
  })
  return [...dueMs].map(([id, due]) => (seenMs.get(id) ?? Number.NaN) - due)
}
