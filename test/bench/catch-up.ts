import { cpSync } from 'node:fs'
import type { Actor } from './actor.ts'
import { figureOf, type Figure } from './measure.ts'
import { BenchLattice, heldAt, startPatiently } from './nodes.ts'
import { atLeast, atMost, type Row } from './report.ts'
import { floorActor, newDirectory, peerActor, type PeerName, type Setting } from './setting.ts'

const ROUNDS = 5
const QUICK_ROUNDS = 3

interface Run {
  ms: number
  bytes: number
}

/** Somebody who holds entries, and how long an empty process takes to get them all from there. */
interface Source {
  entryBytes: number
  catchUp(): Promise<Run>
  stop(): Promise<void>
}

/** From nothing to everything that another process holds, over one link that counts. */
export async function catchUpRow(setting: Setting, count: number): Promise<Row> {
  const sources: Record<string, Source> = {
    ours: await ourSource(setting, count),
    floor: await floorSource(setting, count),
  }
  const runs: Record<string, Run[]> = { ours: [], floor: [] }
  try {
    for (let round = 0; round < (setting.isQuick ? QUICK_ROUNDS : ROUNDS); round++)
      for (const [name, source] of Object.entries(sources)) runs[name]?.push(await source.catchUp())
  } finally {
    await Promise.all(Object.values(sources).map((source) => source.stop()))
  }
  const { isFeasible, missing } = feasibility(setting, count)
  const peers: Record<string, Figure> = {}
  const extra: Record<string, number> = {}
  for (const name of isFeasible ? setting.peers : []) {
    const run = await peerCatchUp(setting, name, count)
    peers[name] = figureOf([run.ms])
    extra[`${name}_bytes`] = run.bytes
  }
  const ours = figureOf((runs['ours'] ?? []).map((run) => run.ms))
  const floor = figureOf((runs['floor'] ?? []).map((run) => run.ms))
  const bytes = figureOf((runs['ours'] ?? []).map((run) => run.bytes)).median
  const entryBytes = sources['ours']?.entryBytes ?? 0
  return {
    id: `catch-up-${count}`,
    about: `an empty node gets ${count} entries over HTTP`,
    unit: 'ms',
    ours,
    floor,
    peers,
    missing,
    targets: [
      atMost('× floor', ours.median / floor.median, 2),
      ...Object.entries(peers).map(([name, peer]) =>
        atLeast(`times faster than ${name}`, peer.median / ours.median, 15),
      ),
      atMost('× bytes of the entries', bytes / entryBytes, 1.1),
    ],
    extra: {
      bytes,
      entry_bytes: entryBytes,
      floor_bytes: figureOf((runs['floor'] ?? []).map((run) => run.bytes)).median,
      ...extra,
    },
  }
}

/** Peers take minutes for what takes us a second. */
function feasibility(
  { isQuick }: Setting,
  count: number,
): { isFeasible: boolean; missing: string[] } {
  if (count > 10_000)
    return { isFeasible: false, missing: ['peers: half an hour and more for so many entries'] }
  if (isQuick) return { isFeasible: false, missing: ['peers: minutes, so not in a quick run'] }
  return { isFeasible: true, missing: [] }
}

/** A node of ours that holds entries; every run starts another one, empty, on the other end of a link. */
async function ourSource(setting: Setting, count: number): Promise<Source> {
  const { links } = setting
  const lattice = await BenchLattice.layOut(newDirectory(setting, 'ours'), links, {
    nodeCount: 2,
    rttMs: 0,
    isHeld: true,
    isP2p: false,
  })
  const [source, sink] = [lattice.node(0), lattice.node(1)]
  const { author, entryBytes } = await lattice.build(0, count)
  await startPatiently(source)
  const [link, linkBack] = [lattice.port('node2>node1'), lattice.port('node1>node2')]
  let round = 0
  return {
    entryBytes,
    async catchUp() {
      await Promise.all([link, linkBack].map((port) => links.hold(port)))
      // Every round in a directory of its own, which is not removed in between.
      sink.environment['AETHEL_STATE_DIR'] = `data-${round++}`
      await startPatiently(sink)
      await links.reset(link)
      const held = heldAt(sink, author, count - 1)
      const releasedAtMs = await links.release([link])
      const ms = (await held) - releasedAtMs
      const { bytes } = await links.traffic(link)
      await sink.end('SIGTERM')
      return { ms, bytes }
    },
    stop: () => lattice.stop(),
  }
}

async function floorSource(setting: Setting, count: number): Promise<Source> {
  const source = floorActor()
  await source.call('open', { directory: newDirectory(setting, 'floor') })
  await source.call('append', { count, concurrency: 500 })
  const { port } = await source.call<{ port: number }>('serve')
  const link = await setting.links.open(port, 0, false)
  return {
    entryBytes: 0,
    async catchUp() {
      const sink = floorActor()
      await sink.call('open', { directory: newDirectory(setting, 'floor') })
      await setting.links.reset(link)
      const { startedMs, reachedMs } = await sink.call<{ startedMs: number; reachedMs: number }>(
        'catchUp',
        { port: link, total: count },
      )
      const { bytes } = await setting.links.traffic(link)
      await sink.end()
      return { ms: reachedMs - startedMs, bytes }
    },
    stop: () => source.end(),
  }
}

/** What a peer needs to be told to reach another one. */
export interface PeerAddress {
  port: number
  head?: string
}

async function peerCatchUp(setting: Setting, name: PeerName, count: number): Promise<Run> {
  const [source, sink] = [peerActor(name), peerActor(name)]
  try {
    await source.call('open', { directory: await builtPeer(setting, name, count) })
    const address = await source.call<PeerAddress>('serve')
    await sink.call('open', { directory: newDirectory(setting, name), isJoining: true })
    const port = await setting.links.open(address.port, 0, false)
    const reached = sink.call<number>('reach', { total: count, head: address.head })
    const startedMs = await sink.call<number>('connect', { ...address, port })
    const ms = (await reached) - startedMs
    const { bytes } = await setting.links.traffic(port)
    await assertSize(sink, count)
    return { ms, bytes }
  } finally {
    await Promise.all([source.end(), sink.end()])
  }
}

const built = new Map<string, string>()

/** A directory of its own in which this peer holds so many entries; made once in a run, and copied. */
export async function builtPeer(setting: Setting, name: PeerName, count: number): Promise<string> {
  const key = `${name} ${count}`
  let origin = built.get(key)
  if (origin === undefined) {
    origin = newDirectory(setting, `${name}-built`)
    const builder = peerActor(name)
    try {
      await builder.call('open', { directory: origin })
      await builder.call('build', { count })
      await builder.call('close')
    } finally {
      await builder.end()
    }
    built.set(key, origin)
  }
  const copy = newDirectory(setting, name)
  cpSync(origin, copy, { recursive: true })
  return copy
}

/** What a peer says it reached is counted before it is believed. */
export async function assertSize(actor: Actor, expected: number): Promise<void> {
  const size = await actor.call<number>('size')
  if (size !== expected) throw new Error(`holds ${size} entries, not ${expected}`)
}
