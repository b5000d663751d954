import { setTimeout as sleep } from 'node:timers/promises'
import { assertSize, builtPeer, type PeerAddress } from './catch-up.ts'
import { figureOf, type Figure } from './measure.ts'
import { BenchLattice, heldAt, startPatiently, submit } from './nodes.ts'
import { atMost, type Row } from './report.ts'
import { newDirectory, peerActor, type PeerName, type Setting } from './setting.ts'

const COMMON = 10_000
/** On each of the two sides. */
const OWN = 50
const ROUNDS = 5
const QUICK_ROUNDS = 3
const RTTS_MS = [0, 50] as const

interface Run {
  ms: number
  bytes: number
  roundTrips: number
}

/** Two nodes with 10,000 entries in common and 50 of their own each, until both hold all. */
export async function differenceRows(setting: Setting): Promise<Row[]> {
  const rows: Row[] = []
  for (const rttMs of RTTS_MS) {
    const ours = await ourRuns(setting, rttMs, setting.isQuick ? QUICK_ROUNDS : ROUNDS)
    const peers: Record<string, Run> = {}
    for (const name of setting.isQuick ? [] : setting.peers)
      peers[name] = await peerRun(setting, name, rttMs)
    rows.push(rowOf(rttMs, ours, peers))
  }
  return setting.isQuick
    ? rows.map((row) => ({
        ...row,
        missing: ['peers: their logs take minutes, so not in a quick run'],
      }))
    : rows
}

function rowOf(rttMs: number, runs: readonly Run[], peerRuns: Readonly<Record<string, Run>>): Row {
  const of = (figure: keyof Run): Figure => figureOf(runs.map((run) => run[figure]))
  const peers = Object.entries(peerRuns)
  return {
    id: `differences-100-rtt-${rttMs}`,
    about: `${OWN} + ${OWN} differences on ${COMMON} over HTTP, ${rttMs} ms round trip`,
    unit: 'ms',
    ours: of('ms'),
    peers: Object.fromEntries(peers.map(([name, run]) => [name, figureOf([run.ms])])),
    targets: [
      atMost('round trips', of('roundTrips').median, 2),
      atMost('KB', of('bytes').median / 1000, 40),
    ],
    extra: {
      bytes: of('bytes').median,
      round_trips: of('roundTrips').median,
      ...Object.fromEntries(
        peers.flatMap(([name, run]) => [
          [`${name}_bytes`, run.bytes],
          [`${name}_round_trips`, run.roundTrips],
        ]),
      ),
    },
  }
}

/** Both nodes write apart, start again, and find each other at the same instant. */
async function ourRuns(setting: Setting, rttMs: number, rounds: number): Promise<Run[]> {
  const { links } = setting
  const lattice = await BenchLattice.layOut(newDirectory(setting, 'ours'), links, {
    nodeCount: 2,
    rttMs,
    isHeld: true,
    isP2p: false,
  })
  const ports = [lattice.port('node1>node2'), lattice.port('node2>node1')]
  const [first, second] = [lattice.node(0), lattice.node(1)]
  const restart = async (): Promise<void> => {
    await lattice.stop()
    await Promise.all(ports.map((port) => links.hold(port)))
    await Promise.all(lattice.nodes.map((node) => startPatiently(node)))
  }
  try {
    const { author } = await lattice.build(0, COMMON)
    await restart()
    await links.release(ports)
    await heldAt(second, author, COMMON - 1)
    const runs: Run[] = []
    for (let round = 0; round < rounds; round++) {
      await restart()
      const [ofFirst, ofSecond] = [await submit(first, OWN), await submit(second, OWN)]
      await restart()
      // Both have asked by now; their questions wait at the links.
      await sleep(SETTLE_MS)
      await Promise.all(ports.map((port) => links.reset(port)))
      const held = [
        heldAt(first, ofSecond.author, ofSecond.seq),
        heldAt(second, ofFirst.author, ofFirst.seq),
      ]
      const releasedAtMs = await links.release(ports)
      const ms = Math.max(...(await Promise.all(held))) - releasedAtMs
      const traffic = await Promise.all(ports.map((port) => links.traffic(port)))
      runs.push({
        ms,
        bytes: traffic.reduce((sum, { bytes }) => sum + bytes, 0),
        roundTrips: Math.max(...traffic.map((one) => one.roundTrips)),
      })
    }
    return runs
  } finally {
    await lattice.stop()
  }
}

const SETTLE_MS = 100

async function peerRun(setting: Setting, name: PeerName, rttMs: number): Promise<Run> {
  const [first, second] = [peerActor(name), peerActor(name)]
  try {
    for (const actor of [first, second]) {
      await actor.call('open', { directory: await builtPeer(setting, name, COMMON) })
      await actor.call('append', { count: OWN, concurrency: 1 })
    }
    const address = await first.call<PeerAddress>('serve')
    const { head } = await second.call<PeerAddress>('serve')
    const port = await setting.links.open(address.port, rttMs, false)
    const total = COMMON + 2 * OWN
    const reached = [
      first.call<number>('reach', { total, head }),
      second.call<number>('reach', { total, head: address.head }),
    ]
    const startedMs = await second.call<number>('connect', { ...address, port })
    const ms = Math.max(...(await Promise.all(reached))) - startedMs
    const { bytes, roundTrips } = await setting.links.traffic(port)
    await assertSize(first, total)
    await assertSize(second, total)
    return { ms, bytes, roundTrips }
  } finally {
    await Promise.all([first.end(), second.end()])
  }
}
