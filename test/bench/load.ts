import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { until } from '../cluster/cluster.ts'
import { Actor } from './actor.ts'
import { figureOf, percentile } from './measure.ts'
import { BenchLattice } from './nodes.ts'
import { atMost, type Row } from './report.ts'
import { newDirectory, type Setting } from './setting.ts'

const PER_SECOND = 200
const ROUNDS = 5
const QUICK_ROUNDS = 3
const SECONDS = 5
const WARM_UP_SECONDS = 3
/** A rate holds while its p99 stays below this. */
const P99_MS_MAX = 100
const RATE_FIRST = 100
const RATE_MAX = 12_800
const RATE_SECONDS = 4
const BISECTIONS = 3
const MESH_MS_MAX = 30_000
/** Between two rates: what the last one left is carried to all nodes. */
const PAUSE_MS = 1000

interface Load {
  latenciesMs: number[]
  refused: number
}

/** `POST /api/verify` on three nodes, in turn: latency at 200 writes/s, and the rate that it stays low at. */
export async function verifyRows(setting: Setting): Promise<Row[]> {
  const lattice = await BenchLattice.layOut(newDirectory(setting, 'ours'), setting.links, {
    nodeCount: 3,
    rttMs: null,
    isP2p: true,
  })
  const clients = new Actor(join(import.meta.dirname, 'contenders/clients.ts'))
  const load = async (perSecond: number, seconds: number): Promise<Load> => {
    await sleep(PAUSE_MS)
    return clients.call<Load>('load', { perSecond, seconds })
  }
  try {
    await Promise.all(lattice.nodes.map((node) => node.start()))
    await until('a mesh', MESH_MS_MAX, async () => {
      const healths = await Promise.all(lattice.nodes.map((node) => node.health()))
      return healths.every((health) => health.peers.every((peer) => peer.transport === 'P2P'))
    })
    await clients.call('open', { urls: lattice.nodes.map((node) => node.url) })
    await load(PER_SECOND, WARM_UP_SECONDS)
    const latency = await latencyRow(load, setting.isQuick ? QUICK_ROUNDS : ROUNDS)
    return [latency, await rateRow(load)]
  } finally {
    await clients.end()
    await lattice.stop()
  }
}

type Loader = (perSecond: number, seconds: number) => Promise<Load>

async function latencyRow(load: Loader, rounds: number): Promise<Row> {
  const p50s: number[] = []
  const p99s: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { latenciesMs, refused } = await load(PER_SECOND, SECONDS)
    if (refused > 0) throw new Error(`${refused} transfers were refused`)
    p50s.push(percentile(latenciesMs, 50))
    p99s.push(percentile(latenciesMs, 99))
  }
  const p99 = figureOf(p99s)
  return {
    id: 'verify-latency',
    about: `POST /api/verify on three nodes, p99 at ${PER_SECOND} writes/s`,
    unit: 'ms',
    ours: p99,
    targets: [atMost('p99 ms', p99.median, 25)],
    extra: { p50: figureOf(p50s).median, p99: p99.median, writes: rounds * SECONDS * PER_SECOND },
  }
}

async function rateRow(load: Loader): Promise<Row> {
  const isHeld = async (rate: number): Promise<boolean> => {
    const { latenciesMs, refused } = await load(rate, RATE_SECONDS)
    return refused === 0 && percentile(latenciesMs, 99) < P99_MS_MAX
  }
  let held = 0
  let broken = RATE_FIRST
  while (broken < RATE_MAX && (await isHeld(broken))) {
    held = broken
    broken *= 2
  }
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = Math.round((held + broken) / 2)
    if (await isHeld(middle)) held = middle
    else broken = middle
  }
  return {
    id: 'verify-rate',
    about: `highest rate of POST /api/verify on three nodes with p99 < ${P99_MS_MAX} ms`,
    unit: 'writes/s',
    ours: figureOf([held]),
    isMoreBetter: true,
  }
}
