import { Agenda } from './agenda.ts'
import { Chance } from './chance.ts'
import { Clients } from './clients.ts'
import { CorruptError, Drive } from './drive.ts'
import { Faults } from './faults.ts'
import { Invariants } from './invariants.ts'
import { SimulatedLungs } from './lungs.ts'
import { incarnationOf, makeLattice } from './members.ts'
import { Network } from './network.ts'
import { SimulatedNode, WALL_START_MS, type NodeHandlers } from './node.ts'
import type { Plan } from './plan.ts'
import { releases, type Releases } from './release.ts'
import { Sightings, type Sight } from './sightings.ts'

/** What ends last among the faults is a crash that waited for a write. */
const HEALED_AFTER_MS = 3500
/** After that everything must have come together within this time. */
const CONVERGENCE_MS_MAX = 5000
/** After the wall clocks have passed an entry it must be final within this time, and some heartbeats. */
const FINALITY_MS_MAX = 1500
const FINALITY_BEATS_MAX = 2
/** How far ahead an entry's clock may be, as the core has it. */
const CLOCK_AHEAD_MS = 60_000
/** A node that takes more steps than these goes in circles: for each other node, at all and in a second. */
const STEPS_MAX = 3000
const STEPS_PER_SECOND_MAX = 40
const GENESIS = { Alice: 1000, Bob: 1000 }
/** Subjects of chance, beside the links of the network. */
const NODE_SUBJECT = 0x6e6f64

export type MakeDrive = (incarnation: string) => Drive

/** What a run came to. */
export interface Report {
  violations: readonly string[]
  /** One number for the whole course of the run. */
  trace: number
  /** How often something happened that the runs are there to make happen. */
  counts: Readonly<Record<Sight, number>>
  simulatedMs: number
}

/**
 * Runs a plan from a cold start to the end. The same plan gives the same report. `makeDrive`: another
 * disk than one that keeps what was committed.
 */
export async function simulate(plan: Plan, makeDrive?: MakeDrive): Promise<Report> {
  const world = new World(
    plan,
    makeDrive ?? ((incarnation) => new Drive(incarnation)),
    await releases(),
  )
  return world.run()
}

class World {
  readonly #plan: Plan
  readonly #agenda = new Agenda()
  readonly #nodes: readonly SimulatedNode[]
  readonly #lungs: SimulatedLungs
  readonly #invariants: Invariants
  readonly #clients: Clients
  readonly #faults: Faults
  readonly #sightings = new Sightings()
  /** By node: when it is woken, and when it last wished to be. */
  readonly #wakes: { atMs: number; wishedMs: number }[]
  #incarnations = 0
  #trace = 0

  constructor(plan: Plan, makeDrive: MakeDrive, all: Releases) {
    this.#plan = plan
    const { seed, heartbeatMs, httpPollMs, bounds } = plan
    const network = new Network(seed, plan.nodes)
    const lattice = makeLattice(plan.nodes, { genesis: GENESIS })
    const isCalm = plan.writeEveryMs !== null
    const settings = { heartbeatMs, httpPollMs, bounds, isDiskSlow: !isCalm }
    const newDrive = (): Drive => makeDrive(incarnationOf(this.#incarnations++))
    const handlers = this.#handlers()
    this.#nodes = lattice.keys.map(
      (_, index) =>
        new SimulatedNode(
          index,
          lattice,
          settings,
          all,
          new Chance(seed, NODE_SUBJECT + index),
          newDrive,
          handlers,
        ),
    )
    this.#wakes = this.#nodes.map(() => ({ atMs: Number.POSITIVE_INFINITY, wishedMs: 0 }))
    this.#invariants = new Invariants(this.#nodes, this.#sightings)
    this.#lungs = new SimulatedLungs(this.#nodes, network, this.#agenda, {
      isHandedOver: isCalm,
      onFailure: (node, what) => this.#invariants.fail(node, what),
    })
    for (const node of this.#nodes) this.#agenda.at(0, () => this.#start(node))
    this.#clients = new Clients(plan, this.#agenda, this.#nodes, this.#invariants, this.#sightings)
    this.#faults = new Faults(plan, {
      agenda: this.#agenda,
      network,
      lungs: this.#lungs,
      nodes: this.#nodes,
      invariants: this.#invariants,
      sightings: this.#sightings,
      start: (node) => this.#start(node),
    })
  }

  async run(): Promise<Report> {
    try {
      await this.#runThrough()
    } catch (error) {
      const [node] = this.#nodes
      const stack = error instanceof Error ? error.stack?.split('\n').slice(0, 4).join('') : error
      if (node !== undefined) this.#invariants.fail(node, `threw: ${String(stack)}`)
    }
    return this.#report()
  }

  async #runThrough(): Promise<void> {
    await this.#agenda.runUntil(this.#plan.lengthMs + HEALED_AFTER_MS)
    this.#faults.end()
    // What was written far ahead is taken by the others when their clocks have come near it.
    const healedMs = Math.max(this.#agenda.nowMs, this.#lastMs() - CLOCK_AHEAD_MS)
    await this.#agenda.runUntil(healedMs + CONVERGENCE_MS_MAX)
    this.#invariants.converged()
    // Now that all is known to all, nothing is lost by giving up what stands for lost disks.
    this.#faults.retireAll()
    await this.#agenda.runUntil(this.#agenda.nowMs + CONVERGENCE_MS_MAX)
    this.#invariants.converged()
    // Nothing is final before every wall clock has come near it, however far ahead one was.
    const finalMs = FINALITY_MS_MAX + FINALITY_BEATS_MAX * this.#plan.heartbeatMs
    await this.#agenda.runUntil(Math.max(this.#agenda.nowMs, this.#lastMs()) + finalMs)
    this.#invariants.atEnd()
    this.#clients.atEnd()
  }

  /** When the clock of the latest entry is the true time. */
  #lastMs(): number {
    return Math.max(...this.#nodes.map((node) => node.lastHlc / 1000)) - WALL_START_MS
  }

  #handlers(): NodeHandlers {
    return {
      nowMs: () => this.#agenda.nowMs,
      after: (ms, act) => this.#agenda.after(ms, act),
      onCommitted: (node, ready) => {
        this.#mix(Math.floor(this.#agenda.nowMs * 1000))
        this.#mix(node.index)
        this.#mix(ready.entries.length)
        this.#mix(ready.outputs.length)
        this.#invariants.committed(node, ready)
        for (const { kind, data } of ready.events) {
          if (kind !== 'mode') continue
          if (data['to'] === 'HTTP') this.#sightings.see('fallback to HTTP')
          if (data['from'] === 'HTTP' && data['to'] === 'P2P') this.#sightings.see('back to P2P')
        }
      },
      onOutput: (node, output) => {
        this.#clients.take(node, output)
        if (output.kind === 'retired') this.#faults.retired(node, output.result)
        this.#lungs.carryOut(node, output)
      },
      onRested: (node) => this.#invariants.rested(node),
      onDied: (node, forMs, remains) => {
        this.#lungs.unsettle()
        if (remains === 'kept') this.#sightings.see('torn write kept')
        if (remains === 'torn') this.#sightings.see('torn write dropped')
        if (node.drive.failure === 'full') this.#sightings.see('no space left')
        if (node.drive.failure === 'io') this.#sightings.see('write failed')
        if (forMs !== null) this.#agenda.after(forMs, () => this.#start(node))
      },
      wakeAt: (node, atMs) => this.#wakeAt(node, atMs),
      onCorrupt: (node) => this.#replaceCorrupt(node),
      onSealed: (node) => {
        this.#sightings.see('reincarnated')
        node.reincarnate(incarnationOf(this.#incarnations++))
        this.#start(node)
      },
    }
  }

  #start(node: SimulatedNode): void {
    if (node.isRunning || node.isWithoutDisk || node.drive.failure !== null) return
    // What it is told at its start, it is to be seen doing.
    this.#invariants.started(node)
    try {
      const beginning = node.start()
      if (beginning === 'snapshot') this.#sightings.see('started from a snapshot')
      if (beginning === 'instead') this.#sightings.see('kept state not used')
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error
      return this.#replaceCorrupt(node)
    }
    this.#lungs.started(node)
  }

  #replaceCorrupt(node: SimulatedNode): void {
    this.#sightings.see('corruption refused')
    this.#faults.replaceDisk(node)
  }

  /** Only the newest wish counts: the core says anew after every step. */
  #wakeAt(node: SimulatedNode, atMs: number): void {
    const wake = this.#wakes[node.index]
    if (wake === undefined) return
    // A timer has a resolution: a core that asks to be woken at once is woken a millisecond later.
    wake.wishedMs = Math.max(atMs, this.#agenda.nowMs + 1)
    if (wake.wishedMs < wake.atMs) this.#setTimer(node, wake)
  }

  #setTimer(node: SimulatedNode, wake: { atMs: number; wishedMs: number }): void {
    const atMs = wake.wishedMs
    wake.atMs = atMs
    this.#agenda.at(atMs, () => {
      // Another was set for an earlier time, and what was wished then counts.
      if (wake.atMs !== atMs) return
      wake.atMs = Number.POSITIVE_INFINITY
      if (wake.wishedMs <= atMs) node.step({ kind: 'tick' })
      else if (Number.isFinite(wake.wishedMs)) this.#setTimer(node, wake)
    })
  }

  #mix(number: number): void {
    this.#trace = (Math.imul(this.#trace, 31) + number) | 0
  }

  #report(): Report {
    const { nowMs } = this.#agenda
    const others = this.#nodes.length - 1
    const stepsMax = others * (STEPS_MAX + (STEPS_PER_SECOND_MAX * nowMs) / 1000)
    for (const node of this.#nodes) {
      this.#sightings.see('step', node.steps)
      if (node.steps > stepsMax) this.#invariants.fail(node, `took ${node.steps} steps`)
    }
    const { pulls } = this.#lungs
    this.#sightings.see('exchange over P2P', pulls.P2P)
    this.#sightings.see('exchange over HTTP', pulls.HTTP)
    this.#sightings.see('exchange failed', pulls.failed)
    return {
      violations: this.#invariants.violations,
      trace: this.#trace,
      counts: this.#sightings.counts,
      simulatedMs: nowMs,
    }
  }
}
