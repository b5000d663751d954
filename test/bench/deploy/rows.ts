import { loadavg } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../cluster/cluster.ts'
import { figureOf, type Figure } from '../measure.ts'
import { atMost, type Row } from '../report.ts'
import { ansible } from './ansible.ts'
import type { Contender, Proving, Taken } from './contender.ts'
import {
  installProgram,
  layOut,
  layOutTrees,
  makeRelease,
  type Grounds,
  type Release,
} from './goods.ts'
import { HTTP_PORT, Operator } from './operator.ts'
import { ours } from './ours.ts'
import { rsync } from './rsync.ts'
import { shipit } from './shipit.ts'

export interface DeploySetting {
  lab: Lab
  directory: string
  rttMs: number
  rounds: number
}

const acts = ['first', 'update', 'noop', 'rollback'] as const
type Act = (typeof acts)[number]

const UP_MS_MAX = 30_000

/** One contender with all that was measured of it. */
interface Measured {
  contender: Contender
  grounds: Grounds
  taken: Record<Act, Taken[]>
  /** Of the last no-op, to the host that took the most; null where nothing was in between. */
  roundTrips: number | null
}

/**
 * The contenders in turn, round after round, so that what the machine does besides meets all alike:
 * first deploys on new hosts, then an update of one file, a deploy that changes nothing, and the way back.
 */
export async function deployRows(setting: DeploySetting): Promise<Row[]> {
  const { lab, rttMs, rounds } = setting
  const directory = join(setting.directory, `rtt-${rttMs}`)
  await using operator = await Operator.at(lab, directory, rttMs)
  const all = await contendersOn(lab, directory, operator)
  let number = rttMs * 1000
  let release = await makeRelease(directory, number)
  for (let round = 0; round < rounds; round++) {
    await Promise.all(lab.hosts.map(async (host) => host.reset()))
    for (const { contender, grounds, taken } of all) {
      contender.beginAnew()
      taken.first.push(await contender.deploy(operator, release))
      await requireRelease(grounds, release)
    }
  }
  for (let round = 0; round < rounds; round++) {
    const before = release
    release = await makeRelease(directory, ++number)
    for (const one of all) {
      await Promise.all(all.map(async (other) => runNodes(lab, other, other === one)))
      await requireRelease(one.grounds, before)
      await takeRound(operator, one, before, release)
    }
  }
  return acts.map((act) => rowOf(act, rttMs, all))
}

/** Only the nodes of who is measured run: those of the others would take from the two cores here. */
async function runNodes(lab: Lab, { grounds }: Measured, isMeasured: boolean): Promise<void> {
  const verb = isMeasured ? 'start' : 'stop'
  await Promise.all(
    grounds.nodes.map(async ({ host, unit }) => {
      const units = [`${unit}.socket`, `${unit}.service`]
      await lab.hosts.find(({ name }) => name === host)?.exec(['systemctl', verb, ...units])
    }),
  )
}

async function takeRound(
  operator: Operator,
  one: Measured,
  before: Release,
  release: Release,
): Promise<void> {
  const { contender, grounds, taken } = one
  taken.update.push(await contender.deploy(operator, release))
  await requireRelease(grounds, release)
  taken.rollback.push(await contender.rollBack(operator, before))
  await requireRelease(grounds, before)
  // Forth again, not counted. The no-op comes last: shipit makes a release of it, to go back to.
  await contender.deploy(operator, release)
  await requireRelease(grounds, release)
  await operator.forget()
  taken.noop.push(await contender.deploy(operator, release))
  one.roundTrips = await roundTripsTo(operator, grounds)
  await requireRelease(grounds, release)
}

async function contendersOn(lab: Lab, directory: string, operator: Operator): Promise<Measured[]> {
  const program = installProgram(directory)
  const on = async (contender: string, httpPort: number): Promise<Grounds> =>
    layOut(lab, directory, program, operator, { contender, httpPort })
  const own = await on('ours', HTTP_PORT)
  const [bare, playbook, shipped] = [
    await on('rsync', 8100),
    await on('ansible', 8200),
    await on('shipit', 8300),
  ]
  const treesOf = async (grounds: Grounds) => layOutTrees(directory, program, operator, grounds)
  const pairs: [Contender, Grounds][] = [
    [ours(program, own), own],
    [rsync(bare, await treesOf(bare)), bare],
    [ansible(directory, playbook, await treesOf(playbook)), playbook],
    [shipit(directory, shipped, await treesOf(shipped)), shipped],
  ]
  return pairs.map(([contender, grounds]) => ({
    contender,
    grounds,
    taken: { first: [], update: [], noop: [], rollback: [] },
    roundTrips: null,
  }))
}

/**
 * Whatever was said, and not within the time that was taken: the nodes run what they should. No connection
 * stays: a node that is switched waits for those that may be asked on still.
 */
async function requireRelease({ nodes }: Grounds, { id }: Release): Promise<void> {
  for (const { name, url } of nodes) {
    await until(`${name} runs ${id}`, UP_MS_MAX, async () => {
      const { body } = await request(`${url}/api/lattice/health`, { reset: true })
      const { node } = (await body.json()) as { node: { release: string } }
      return node.release === id
    })
  }
}

async function roundTripsTo(operator: Operator, { nodes }: Grounds): Promise<number | null> {
  const counts: number[] = []
  for (const { host } of nodes) {
    const traffic = await operator.sshTraffic(host)
    if (traffic === null) return null
    counts.push(traffic.roundTrips)
  }
  return Math.max(...counts)
}

const about: Record<Act, string> = {
  first: 'first deploy to two bare hosts; ours until it is verified',
  update: 'update of one file on two nodes, one after the other; ours until it is verified',
  noop: 'deploy that changes nothing; ours with a verification',
  rollback: 'way back to the release before; ours until it is verified',
}

function rowOf(act: Act, rttMs: number, all: readonly Measured[]): Row {
  const secondsOf = ({ taken }: Measured): Figure => figureOf(taken[act].map(({ ms }) => ms / 1000))
  const figures = new Map(all.map((one) => [one.contender.name, secondsOf(one)]))
  const figureFor = (name: string): Figure => {
    const figure = figures.get(name)
    if (figure === undefined) throw new Error(`nothing was measured of ${name}`)
    return figure
  }
  const own = all.find((one) => one.contender.name === 'ours')
  const mineWithout = (...parts: (keyof Proving)[]): number =>
    figureOf(
      (own?.taken[act] ?? []).map(({ ms, proving }) => {
        const partsMs = parts.reduce((sum, part) => sum + (proving?.[part] ?? 0), 0)
        return (ms - partsMs) / 1000
      }),
    ).median
  const [mine, floor, playbook] = [figureFor('ours'), figureFor('rsync'), figureFor('ansible')]
  const roundTrips = all.flatMap(({ contender: { name }, roundTrips: count }) =>
    act === 'noop' && count !== null ? [[`ssh_round_trips_${name}`, count] as const] : [],
  )
  return {
    id: `deploy-${act}-rtt-${rttMs}`,
    about: `${about[act]}, ${rttMs} ms round trip`,
    unit: 's',
    ours: mine,
    peers: { ansible: playbook, shipit: figureFor('shipit') },
    floor,
    targets: {
      first: [atMost('s', mine.median, 60)],
      update: [
        atMost(
          '× floor without proving',
          mineWithout('gatesMs', 'verifyingMs') / floor.median,
          1.5,
        ),
      ],
      noop: [atMost('× ansible', mine.median / playbook.median, 0.5)],
      // Asked for where the hosts are near.
      rollback:
        rttMs === 0 ? [atMost('s until both are proven', mineWithout('verifyingMs'), 5)] : [],
    }[act],
    extra: {
      without_proving_s: mineWithout('gatesMs', 'verifyingMs'),
      load_average: loadavg()[0] ?? 0,
      ...Object.fromEntries(roundTrips),
    },
  }
}
