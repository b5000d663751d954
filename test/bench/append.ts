import { Actor } from './actor.ts'
import { flushDisk, interleaved, type Figure } from './measure.ts'
import { OURS, replicaEnvironment } from './nodes.ts'
import { atLeast, type Row } from './report.ts'
import { floorActor, newDirectory, peerActor, type PeerName, type Setting } from './setting.ts'

const ROUNDS = 7
const QUICK_ROUNDS = 3
/** Writers at once, for the commits that many share. */
const WRITERS = 64

/** Appends of one round: about half a second for each. */
const APPENDS: Record<PeerName | 'ours' | 'floor', { alone: number; shared: number }> = {
  ours: { alone: 1500, shared: 100 * WRITERS },
  floor: { alone: 1500, shared: 100 * WRITERS },
  gossiplog: { alone: 100, shared: 2 * WRITERS },
  orbitdb: { alone: 150, shared: 3 * WRITERS },
}

/** Durable appends in one process, without any network: one a commit, and many writers at once. */
export async function appendRows(setting: Setting): Promise<Row[]> {
  const actors = await openAll(setting)
  try {
    const alone = await rates(actors, 'alone', 1, setting.isQuick)
    const shared = await rates(actors, 'shared', WRITERS, setting.isQuick)
    const missing = setting.peers.includes('orbitdb') ? ['orbitdb does not flush to the disk'] : []
    return [
      {
        id: 'durable-append',
        about: 'appends on the disk, one after the other',
        ...alone,
        missing,
        targets: [
          ...(alone.peers['gossiplog'] === undefined
            ? []
            : [atLeast('× gossiplog', alone.ours.median / alone.peers['gossiplog'].median, 8)]),
          atLeast('× floor', alone.ours.median / alone.floor.median, 0.7),
        ],
      },
      {
        id: 'durable-append-batched',
        about: `appends on the disk, ${WRITERS} writers at once`,
        ...shared,
        missing,
      },
    ]
  } finally {
    await Promise.all(Object.values(actors).map((actor) => actor.end()))
  }
}

async function openAll(setting: Setting): Promise<Record<string, Actor>> {
  const ours = new Actor(OURS)
  await ours.call('open', { environment: replicaEnvironment(newDirectory(setting, 'ours')) })
  const floor = floorActor()
  await floor.call('open', { directory: newDirectory(setting, 'floor') })
  const actors: Record<string, Actor> = { ours, floor }
  for (const name of setting.peers) {
    const peer = peerActor(name)
    await peer.call('open', { directory: newDirectory(setting, name) })
    actors[name] = peer
  }
  return actors
}

async function rates(
  actors: Readonly<Record<string, Actor>>,
  how: 'alone' | 'shared',
  concurrency: number,
  isQuick: boolean,
): Promise<
  Pick<Row, 'unit' | 'isMoreBetter'> & {
    ours: Figure
    floor: Figure
    peers: Record<string, Figure>
  }
> {
  const { ours, floor, ...peers } = await interleaved(
    Object.fromEntries(
      Object.entries(actors).map(([name, actor]) => [
        name,
        async () => {
          const count = APPENDS[name as PeerName][how]
          flushDisk()
          return (count * 1000) / (await actor.call<number>('append', { count, concurrency }))
        },
      ]),
    ),
    isQuick ? QUICK_ROUNDS : ROUNDS,
  )
  if (ours === undefined || floor === undefined) throw new Error('ours or the floor is missing')
  return {
    unit: 'appends/s',
    isMoreBetter: true,
    ours,
    floor,
    peers,
  }
}
