import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventsAnswer, receiptAnswer, type Health } from '../../src/wire/api.ts'
import { latticeIdOf } from '../../src/wire/lattice.ts'
import { EMPTY_FRONTIER } from '../../src/wire/frontier.ts'
import { NodeClient } from '../../src/ops/client/node-client.ts'
import { Cluster, until } from '../cluster/cluster.ts'
import { Clients } from './clients.ts'
import { History, judgeSet, placeOf, type Held } from './history.ts'
import { isWiping, planOf, type Strike, type StrikeKind } from './plan.ts'
import { LEVELS, reportOf, type Report } from './report.ts'
import { Victim } from './victim.ts'

const NODES = 3
/** Genesis of a cluster. */
const GENESIS = new Map([
  ['Alice', 1_000_000],
  ['Bob', 1_000_000],
])
const TOTAL = [...GENESIS.values()].reduce((sum, amount) => sum + amount, 0)
/** Bounds that hold on a loaded machine too; how long it really took is reported. */
const READ_MS_MAX = 60_000
const STALL_MS_MAX = 30_000
const EQUAL_MS_MAX = 120_000
const FINAL_MS_MAX = 120_000
const LEVELS_MS_MAX = 60_000
/** Receipts asked for at once. */
const RECEIPTS_AT_ONCE = 16

export interface CampaignOptions {
  kills: number
  seed: number
  /** Ends the campaign early; what was not seen then is not judged. */
  signal: AbortSignal
  onStrike?: (strike: Strike, killsDone: number) => void
}

/** Kills real nodes under load as the seed says, and reports what became of what they acknowledged. */
export async function runCampaign(options: CampaignOptions): Promise<Report> {
  const cluster = await Cluster.create({ nodeCount: NODES, isDirect: true })
  const campaign = new Campaign(cluster, options)
  let report: Report | null = null
  try {
    report = await campaign.run()
    return report
  } finally {
    await campaign.stop()
    await cluster.stop({ isKept: report?.verdict !== 'PASS' })
  }
}

class Campaign {
  readonly #cluster: Cluster
  readonly #options: CampaignOptions
  readonly #victims: readonly Victim[]
  readonly #history = new History()
  readonly #struck = new Map<StrikeKind, number>()
  #clients: Clients | null = null
  #killsBehind = 0

  constructor(cluster: Cluster, options: CampaignOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#victims = cluster.nodes.map((node, index) => new Victim(index, node))
  }

  async run(): Promise<Report> {
    for (const victim of this.#victims) victim.start()
    await Promise.all(this.#victims.map((victim) => victim.ready))
    await this.#cluster.meshed('P2P')
    const clients = new Clients(this.#victims, this.#history, TOTAL, this.#options.seed)
    this.#clients = clients
    const startedMs = performance.now()
    await this.#attempt(async () => this.#strikeAll())
    await Promise.all(this.#victims.map((victim) => victim.ready))
    await clients.stop()
    return this.#judge(performance.now() - startedMs, clients)
  }

  async stop(): Promise<void> {
    await this.#clients?.stop()
    await Promise.all(this.#victims.map((victim) => victim.stop()))
  }

  get #kills(): number {
    return this.#victims.reduce((sum, victim) => sum + victim.kills, 0)
  }

  async #strikeAll(): Promise<void> {
    const { seed, kills, signal, onStrike } = this.#options
    const strikes = planOf(seed, kills, NODES)
    for (const strike of strikes) {
      if (strike === strikes.at(-1)) await this.#seeLevels()
      if (signal.aborted) return
      await sleep(strike.afterMs)
      await this.#strike(strike)
      this.#struck.set(strike.kind, (this.#struck.get(strike.kind) ?? 0) + 1)
      onStrike?.(strike, this.#kills)
    }
  }

  /** Nothing is struck any more until each level was acknowledged. One that was not is told as unseen. */
  async #seeLevels(): Promise<void> {
    await until('an acknowledgement at each level', LEVELS_MS_MAX, async () => {
      const seen = this.#history.levelsAcknowledged
      return this.#options.signal.aborted || LEVELS.every((level) => seen.has(level))
    }).catch(() => undefined)
  }

  /** What does not come about is a violation, and the rest is still looked at. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      this.#history.fail((error as Error).message)
      return null
    }
  }

  /** Over when its last process was made, not when it is ready: the next one may hit a start. */
  async #strike({ kind, victims, againAfterMs }: Strike): Promise<void> {
    const isLosing = isWiping(kind)
    const safeMs = isLosing ? await this.#whole() : 0
    const struck = victims.map(({ node, downMs }) => ({ victim: this.#victim(node), downMs }))
    await Promise.all(struck.map(async ({ victim }) => victim.kill()))
    const [first] = struck
    if (first === undefined) return
    if (isLosing) {
      this.#history.wipes.push({ node: first.victim.index, atMs: performance.now(), safeMs })
      first.victim.wipe()
    }
    const others = this.#victims.filter((one) => struck.every(({ victim }) => victim !== one))
    const burst = kind === 'catch-up' ? this.#clients?.burst(others) : undefined
    await Promise.all(
      struck.map(async ({ victim, downMs }) => {
        await sleep(downMs)
        await burst
        victim.start()
      }),
    )
    if (againAfterMs === null) return
    if (kind !== 'start-up') await first.victim.ready
    await sleep(againAfterMs)
    if (kind !== 'start-up') this.#killsBehind += await this.#isBehind(first.victim)
    await first.victim.kill()
    await sleep(againAfterMs)
    first.victim.start()
  }

  /**
   * Waits until all that is anywhere now is on every disk, so that the next loss of a disk is a single
   * one. Returns the time from which on that need not hold any more.
   */
  async #whole(): Promise<number> {
    await Promise.all(this.#victims.map((victim) => victim.ready))
    const atMs = performance.now()
    let before: Health[] = []
    await until('every node tells its frontier', STALL_MS_MAX, async () => {
      before = await this.#healths()
      return true
    })
    const wanted = before.flatMap((health) => Object.entries(health.ledger.frontier))
    let least = Number.POSITIVE_INFINITY
    let leastAtMs = atMs
    for (;;) {
      const healths = await this.#healths().catch(() => null)
      const lacking = (healths ?? []).map(({ ledger }) =>
        wanted.reduce(
          (sum, [author, size]) => sum + Math.max(0, size - (ledger.frontier[author] ?? 0)),
          0,
        ),
      )
      const sum = lacking.reduce((all, count) => all + count, 0)
      if (healths !== null && sum === 0) return atMs
      const nowMs = performance.now()
      if (healths !== null && sum < least) [least, leastAtMs] = [sum, nowMs]
      if (nowMs - leastAtMs > STALL_MS_MAX)
        throw new Error(
          `for ${STALL_MS_MAX} ms no node got what it lacks of the others: ${lacking.join(', ')} entries`,
        )
      await sleep(20)
    }
  }

  /** 1 when it lacks something that another node holds. */
  async #isBehind(victim: Victim): Promise<0 | 1> {
    try {
      const others = this.#victims.filter((one) => one !== victim)
      const [own, ...rest] = await Promise.all(
        [victim, ...others].map(async ({ node }) => (await node.health()).ledger.entries),
      )
      // A few may be on their way at any time.
      return Math.max(...rest) - (own ?? 0) > 50 ? 1 : 0
    } catch {
      return 0
    }
  }

  async #judge(loadMs: number, clients: Clients): Promise<Report> {
    const { seed, kills } = this.#options
    const equalMs = await this.#attempt(async () => this.#equal())
    const finalMs = await this.#attempt(async () =>
      until('everything is final on all nodes', FINAL_MS_MAX, async () =>
        (await this.#healths()).every((health) => health.ledger.pending_final === 0),
      ),
    )
    const sets = (await this.#attempt(async () => Promise.all(this.#victims.map(heldBy)))) ?? []
    await this.#attempt(async () => this.#askForFinals())
    await this.#attempt(async () => this.#askForEvents())
    return reportOf({
      seed,
      killsAsked: kills,
      kills: this.#kills,
      killsBehind: this.#killsBehind,
      struck: Object.fromEntries(this.#struck),
      wipes: this.#history.wipes.length,
      loadMs,
      startsMs: this.#victims.flatMap((victim) => victim.startsMs),
      equalMs,
      finalMs,
      reads: clients.reads,
      demotions: this.#history.demotions,
      entries: sets.map((held) => held.length),
      set: sets.length === NODES ? judgeSet(this.#history, sets) : null,
      violations: [
        ...this.#victims.flatMap((victim) => victim.problems),
        ...this.#history.violations,
      ],
      directory: this.#cluster.directory,
    })
  }

  async #equal(): Promise<number> {
    return until('equal roots and state roots', EQUAL_MS_MAX, async () => {
      const views = (await this.#healths()).map(({ ledger, diverged }) => {
        const { merkle_root: root, state_root: stateRoot } = ledger
        return root === null || stateRoot === null || diverged ? null : `${root} ${stateRoot}`
      })
      return views[0] !== null && new Set(views).size === 1
    })
  }

  /** Every node's word on every entry that any node ever called final. */
  async #askForFinals(): Promise<void> {
    const finals = [...this.#history.said.values()].flatMap(({ final }) => final ?? [])
    for (const { node, index } of this.#victims) {
      for (let start = 0; start < finals.length; start += RECEIPTS_AT_ONCE) {
        const asked = finals.slice(start, start + RECEIPTS_AT_ONCE)
        await Promise.all(
          asked.map(async ({ author, seq }) => {
            const path = `/api/lattice/receipts/${author}/${seq}`
            const { receipt } = receiptAnswer.parse(await node.get(path))
            if (receipt === null)
              this.#history.fail(`${node.name} lacks the final ${author}:${seq}`)
            else this.#history.see(index, receipt)
          }),
        )
      }
    }
  }

  /** Evidence and divergence, by what is stored and by the logs, which outlive a lost disk. */
  async #askForEvents(): Promise<void> {
    const bad = new Set(['evidence', 'divergence'])
    for (const { node } of this.#victims) {
      for (let since = 0, isEnd = false; !isEnd;) {
        const path = `/api/lattice/events?since=${since}&limit=1000`
        const { events, next } = eventsAnswer.parse(await node.get(path))
        for (const { kind, message } of events)
          if (bad.has(kind)) this.#history.fail(`${node.name} keeps ${kind}: ${message}`)
        isEnd = events.length === 0
        since = next
      }
      const lines = readFileSync(join(node.directory, 'log'), 'utf8').split('\n')
      for (const line of lines.filter((one) =>
        /"event":"(evidence|divergence)"|"level":60/.test(one),
      ))
        this.#history.fail(`${node.name} logged ${line}`)
    }
  }

  async #healths(): Promise<Health[]> {
    return Promise.all(this.#victims.map(async ({ node }) => node.health()))
  }

  #victim(index: number): Victim {
    const victim = this.#victims[index]
    if (victim === undefined) throw new Error(`no node ${index}`)
    return victim
  }
}

/** Everything that a node holds, as it streams it to whoever asks. Throws unless that was all. */
async function heldBy({ node }: Victim): Promise<Held[]> {
  const lattice = latticeIdOf('cluster', GENESIS)
  const { name, url, peerId } = node
  const client = new NodeClient({ name, url, peerId, lattice, token: null })
  const held: Held[] = []
  const signal = AbortSignal.timeout(READ_MS_MAX)
  try {
    for await (const frame of client.pull(EMPTY_FRONTIER, signal)) {
      if (frame.kind !== 'entries') continue
      for (const { entry, id } of frame.entries) {
        const { author, seq, intent } = entry
        const note = intent.kind === 'noop' && intent.note !== '' ? intent.note : null
        held.push({ author, seq, id, note })
      }
    }
  } finally {
    await client.close()
  }
  const { entries } = (await node.health()).ledger
  if (entries !== held.length)
    throw new Error(`${node.name} holds ${entries} entries and shows ${held.length}`)
  const places = new Set(held.map(placeOf))
  if (places.size !== held.length) throw new Error(`${node.name} shows an entry twice`)
  return held
}
