import { Agenda } from './agenda.ts'
import { MemoryDisk } from './disk.ts'
import { Invariants } from './invariants.ts'
import { SimulatedLungs } from './lungs.ts'
import { incarnationOf, makeLattice } from './members.ts'
import { Network } from './network.ts'
import { SimulatedNode, WALL_START_MS, type NodeHandlers } from './node.ts'
import { FAULTS_END_MS, type Fault, type Plan } from './plan.ts'

const NODES = 3
/** After the last fault everything must have come together within this time. */
const CONVERGENCE_MS_MAX = 5000
/** After the wall clocks have passed an entry it must be final within this time. */
const FINALITY_MS_MAX = 1500
/** A node that takes more steps than this in a run goes in circles. */
const STEPS_MAX = 6000
const GENESIS = { Alice: 1000, Bob: 1000 }

export type MakeDisk = (incarnation: string) => MemoryDisk

/** What a run came to. */
export interface Report {
  violations: readonly string[]
  /** One number for the whole course of the run. */
  trace: number
  /** How often something happened that the runs are there to make happen. */
  seen: Record<
    | 'acknowledged'
    | 'rejected'
    | 'failovers'
    | 'crashes'
    | 'wipes'
    | 'p2pPulls'
    | 'httpPulls'
    | 'failedPulls'
    | 'steps',
    number
  >
}

/**
 * Runs a plan from a cold start to the end. The same plan gives the same report. `makeDisk`: another
 * disk than one that keeps what was committed.
 */
export async function simulate(plan: Plan, makeDisk?: MakeDisk): Promise<Report> {
  const world = new World(plan, makeDisk ?? ((incarnation) => new MemoryDisk(incarnation)))
  return world.run()
}

class World {
  readonly #plan: Plan
  readonly #agenda = new Agenda()
  readonly #network: Network
  readonly #nodes: readonly SimulatedNode[]
  readonly #lungs: SimulatedLungs
  readonly #invariants: Invariants
  readonly #wishes = new Map<number, number>()
  #incarnations = 0
  #trace = 0
  #crashes = 0
  #wipes = 0

  constructor(plan: Plan, makeDisk: MakeDisk) {
    this.#plan = plan
    this.#network = new Network(plan.seed)
    const lattice = makeLattice(NODES, { genesis: GENESIS })
    const handlers: NodeHandlers = {
      nowMs: () => this.#agenda.nowMs,
      onCommitted: (node, ready) => {
        this.#mix(node.index, ready.entries.length, ready.outputs.length)
        this.#invariants.committed(node, ready)
      },
      onOutput: (node, output) => {
        if (output.kind === 'acknowledge') {
          for (const verdict of output.verdicts)
            if (verdict.isAccepted) this.#invariants.acknowledge({ node: node.index, ...verdict })
        }
        this.#lungs.carryOut(node, output)
      },
      onCrashed: (node, forMs) => {
        this.#crashes += 1
        this.#agenda.after(forMs, () => this.#start(node))
      },
      wakeAt: (node, atMs) => this.#wakeAt(node, atMs),
    }
    const newDisk = (): MemoryDisk => makeDisk(incarnationOf(this.#incarnations++))
    this.#nodes = lattice.keys.map(
      (_, index) => new SimulatedNode(index, lattice, newDisk, handlers),
    )
    this.#invariants = new Invariants(this.#nodes)
    this.#lungs = new SimulatedLungs(this.#nodes, this.#network, this.#agenda)
  }

  async run(): Promise<Report> {
    for (const node of this.#nodes) this.#start(node)
    for (const fault of this.#plan.faults) this.#arm(fault)
    for (const [ticket, { atMs, node, intents }] of this.#plan.submissions.entries()) {
      this.#agenda.at(atMs, () => this.#nodes[node]?.step({ kind: 'submit', ticket, intents }))
    }
    await this.#agenda.runUntil(FAULTS_END_MS)
    for (const node of this.#nodes) node.wallOffsetMs = 0
    await this.#agenda.runUntil(FAULTS_END_MS + CONVERGENCE_MS_MAX)
    this.#invariants.converged()
    // Nothing is final before every wall clock has come near it, however far ahead one was.
    const lastMs = Math.max(...this.#nodes.map((node) => node.lastHlc / 1000)) - WALL_START_MS
    await this.#agenda.runUntil(Math.max(this.#agenda.nowMs, lastMs) + FINALITY_MS_MAX)
    this.#invariants.atEnd()
    return this.#report()
  }

  #start(node: SimulatedNode): void {
    if (node.isRunning || node.isWithoutDisk) return
    node.start()
    this.#lungs.started(node)
  }

  /** Only the newest wish counts: the core says anew after every step. */
  #wakeAt(node: SimulatedNode, atMs: number): void {
    const wish = (this.#wishes.get(node.index) ?? 0) + 1
    this.#wishes.set(node.index, wish)
    if (!Number.isFinite(atMs)) return
    const { epoch } = node
    // A timer has a resolution: a core that asks to be woken at once is woken a millisecond later.
    this.#agenda.at(Math.max(atMs, this.#agenda.nowMs + 1), () => {
      if (this.#wishes.get(node.index) === wish && node.epoch === epoch) node.step({ kind: 'tick' })
    })
  }

  #arm(fault: Fault): void {
    const at = (afterMs: number, act: () => void): void =>
      this.#agenda.at(fault.atMs + afterMs, act)
    if (fault.kind === 'cut') {
      at(0, () => this.#network.cut(fault, true))
      at(fault.forMs, () => this.#network.cut(fault, false))
      return
    }
    if (fault.kind === 'noise') {
      at(0, () => this.#network.setLoss(fault.lossPermille))
      at(fault.forMs, () => this.#network.setLoss(0))
      return
    }
    const node = this.#nodes[fault.node]
    if (node === undefined) return
    switch (fault.kind) {
      case 'crash':
        at(0, () => node.crash(fault.moment, fault.forMs))
        at(fault.forMs, () => node.disarmCrash())
        return
      case 'wipe':
        at(0, () => {
          this.#invariants.wiping(node)
          this.#wipes += 1
          node.wipe()
        })
        at(fault.forMs, () => {
          // On a host whose clock is not behind what it was: no disk remembers what was promised by it.
          if (node.isWithoutDisk) node.wallOffsetMs = Math.max(...node.wallOffsetsMs)
          node.isWithoutDisk = false
          this.#start(node)
        })
        return
      case 'p2p-stop':
        at(0, () => this.#lungs.p2pStopped(node, true))
        at(fault.forMs, () => this.#lungs.p2pStopped(node, false))
        return
      case 'clock':
        at(0, () => {
          node.wallOffsetMs = fault.toMs
          node.wallOffsetsMs.push(fault.toMs)
        })
        return
      case 'policy': {
        const setPolicy = (policy: 'auto' | 'http' | 'p2p'): void => {
          node.policy = policy
          node.step({ kind: 'policy', policy, reason: 'drill' })
        }
        at(0, () => setPolicy(fault.policy))
        at(fault.forMs, () => setPolicy('auto'))
      }
    }
  }

  #mix(...numbers: readonly number[]): void {
    for (const number of [Math.floor(this.#agenda.nowMs * 1000), ...numbers])
      this.#trace = (Math.imul(this.#trace, 31) + number) | 0
  }

  #report(): Report {
    const steps = this.#nodes.map((node) => node.steps)
    const busy = steps.filter((count) => count > STEPS_MAX)
    const failovers = this.#nodes.reduce(
      (sum, { core }) => sum + (core?.exchange.transitions.get('P2P→HTTP') ?? 0),
      0,
    )
    return {
      violations: [
        ...this.#invariants.violations,
        ...busy.map((count) => `a node took ${count} steps`),
      ],
      trace: this.#trace,
      seen: {
        acknowledged: this.#invariants.acknowledged.length,
        rejected: this.#nodes[0]?.core?.ledger.rejectedCount ?? 0,
        failovers,
        crashes: this.#crashes,
        wipes: this.#wipes,
        p2pPulls: this.#lungs.pulls.P2P,
        httpPulls: this.#lungs.pulls.HTTP,
        failedPulls: this.#lungs.pulls.failed,
        steps: steps.reduce((sum, count) => sum + count, 0),
      },
    }
  }
}
