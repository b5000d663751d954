import type { Frontier } from '../../../wire/frontier.ts'
import type { Carrier } from '../../../wire/protocol.ts'
import type { DrillFault } from '../fault-plan.ts'
import type { Arrivals } from './lacking.ts'
import type { Measure } from './measure.ts'
import { isServedBy, isServedSince, type Lung, type Sighting } from './sighting.ts'
import { cutOf, type AcknowledgedEntry } from './writes.ts'

export interface FaultScene {
  kind: DrillFault
  /** The node with the fault. */
  target: string
  nodes: readonly string[]
  lung: Lung
}

export interface FaultMeasures {
  /** Until the first other node does not have the target on the usual lung any more. */
  detection: Measure
  /** Until the first entry written under the fault was applied on the other side of the break. */
  activation: Measure
  activationVia: Lung | null
  /** From the return until the target answered. */
  answering: Measure
  /** From the return until all serve the target as before, and it them. */
  recovery: Measure
  /** From the return until every node holds all that was acknowledged before it. */
  equalFrontier: Measure
  /** The largest age of an acknowledged entry that a node which answered lacked. */
  stalenessMaxMs: number | null
}

const NO_RETURN = 'the node was not seen to return'

/**
 * One fault from injection to recovery, told event by event in the order of the drill's clock. A time
 * that lies between two looks counts as the later one, so nothing is measured shorter than it was.
 */
export class FaultTimeline {
  readonly #scene: FaultScene
  readonly #others: readonly string[]
  readonly #latest = new Map<string, Sighting>()
  readonly #answeredMs = new Map<string, number>()
  readonly #acknowledged: AcknowledgedEntry[] = []
  readonly #questions = new Map<string, AcknowledgedEntry[]>()
  readonly #coveredAtMs = new Map<string, number>()
  #injectedMs: number | null = null
  #brokenMs: number | null = null
  #returnedMs: number | null = null
  #detectedMs: number | null = null
  #activated: { atMs: number; via: Lung } | null = null
  #unansweredCount = 0
  #answeringMs: number | null = null
  #recoveredMs: number | null = null
  #cut: Frontier | null = null
  #stalenessMaxMs: number | null = null

  constructor(scene: FaultScene) {
    this.#scene = scene
    this.#others = scene.nodes.filter((node) => node !== scene.target)
  }

  get injectedMs(): number | null {
    return this.#injectedMs
  }

  get returnedMs(): number | null {
    return this.#returnedMs
  }

  get isRecovered(): boolean {
    return this.#recoveredMs !== null
  }

  /** Whether every node was seen to hold the cut. */
  get isCovered(): boolean {
    return this.#coveredAtMs.size === this.#scene.nodes.length
  }

  /** The order to break it leaves now. */
  injected(atMs: number): void {
    this.#injectedMs = atMs
  }

  /** It is certainly broken from now on. */
  broken(atMs: number): void {
    this.#brokenMs = atMs
  }

  /** The fault was undone, or the process was started again, at `atMs`, which may lie a little back. */
  returned(atMs: number): void {
    if (this.#returnedMs !== null) return
    this.#returnedMs = atMs
    this.#cut = cutOf(this.#acknowledged.filter((entry) => entry.ackedMs <= atMs))
  }

  acknowledged(entry: AcknowledgedEntry): void {
    this.#acknowledged.push(entry)
  }

  sighted(sighting: Sighting, { arrived, stalenessMs }: Arrivals): void {
    this.#latest.set(sighting.node, sighting)
    if (sighting.view !== null) this.#answeredMs.set(sighting.node, sighting.askedMs)
    if (this.#injectedMs === null) return
    if (stalenessMs !== null)
      this.#stalenessMaxMs = Math.max(this.#stalenessMaxMs ?? 0, stalenessMs)
    this.#detect(sighting, this.#injectedMs)
    this.#wonder(sighting.node, arrived)
    if (this.#returnedMs === null) return
    if (sighting.node === this.#scene.target && sighting.view !== null) {
      this.#answeringMs ??= sighting.atMs
    }
    this.#recover(sighting, this.#returnedMs)
    this.#cover(sighting)
  }

  /** Entries of which `node` should be asked what brought them, until activation is known. */
  takeQuestions(node: string, max: number): AcknowledgedEntry[] {
    return this.#activated === null ? (this.#questions.get(node) ?? []).splice(0, max) : []
  }

  /** What brought one of them, and when it was applied; `via` null: the node did not say. */
  answered(via: Carrier | null, appliedMs: number): void {
    if (via === null || via === 'store') {
      this.#unansweredCount += 1
      return
    }
    if (via !== 'HTTP' && (via !== 'P2P' || this.#scene.kind === 'p2p-stop')) return
    if (this.#activated === null || appliedMs < this.#activated.atMs) {
      this.#activated = { atMs: appliedMs, via }
    }
  }

  /** What is known at `nowMs`. */
  measures(nowMs: number): FaultMeasures {
    return {
      detection: since(this.#injectedMs, this.#detectedMs, nowMs, 'the fault was not injected'),
      activation: this.#activation(),
      activationVia: this.#activated?.via ?? null,
      answering: since(this.#returnedMs, this.#answeringMs, nowMs, NO_RETURN),
      recovery: since(this.#returnedMs, this.#recoveredMs, nowMs, NO_RETURN),
      equalFrontier: since(
        this.#returnedMs,
        this.isCovered ? Math.max(...this.#coveredAtMs.values()) : null,
        nowMs,
        NO_RETURN,
      ),
      stalenessMaxMs: this.#stalenessMaxMs,
    }
  }

  #activation(): Measure {
    const { kind } = this.#scene
    const injectedMs = this.#injectedMs
    if (kind === 'kill' && this.#others.length < 2) {
      return { state: 'not-applicable', why: 'one node is left, so nothing crosses' }
    }
    if (injectedMs === null) return { state: 'unobserved', why: 'the fault was not injected' }
    if (this.#activated !== null)
      return { state: 'observed', ms: this.#activated.atMs - injectedMs }
    if (this.#unansweredCount > 0) {
      return { state: 'unobserved', why: 'nodes did not say what brought the entries' }
    }
    const crossing = this.#acknowledged.filter((entry) =>
      this.#scene.nodes.some((node) => this.#isCrossing(entry, node)),
    )
    if (crossing.length === 0) {
      return { state: 'unobserved', why: 'no write under the fault was acknowledged' }
    }
    const lastSeenMs = Math.max(
      ...this.#scene.nodes
        .filter((node) => crossing.some((entry) => this.#isCrossing(entry, node)))
        .map((node) => this.#answeredMs.get(node) ?? injectedMs),
    )
    const endMs = Math.min(lastSeenMs, this.#returnedMs ?? lastSeenMs)
    return { state: 'absent', watchedMs: Math.max(0, endMs - injectedMs) }
  }

  /** Whether an entry was written under the fault and reaches `node` by what is to take over. */
  #isCrossing(entry: AcknowledgedEntry, node: string): boolean {
    const { kind, target } = this.#scene
    if (node === entry.node) return false
    if (kind === 'p2p-stop') {
      const isLate = this.#injectedMs !== null && entry.sentMs >= this.#injectedMs
      return isLate && (entry.node === target || node === target)
    }
    const isLate = this.#brokenMs !== null && entry.sentMs >= this.#brokenMs
    return isLate && entry.node !== target && node !== target
  }

  #detect({ node, askedMs, atMs, view }: Sighting, injectedMs: number): void {
    if (this.#detectedMs !== null || view === null) return
    if (node === this.#scene.target || askedMs < injectedMs) return
    if (!isServedBy(this.#scene.lung, view.links.get(this.#scene.target))) this.#detectedMs = atMs
  }

  #wonder(node: string, arrived: readonly AcknowledgedEntry[]): void {
    const questions = arrived.filter((entry) => this.#isCrossing(entry, node))
    if (questions.length === 0) return
    const waiting = this.#questions.get(node) ?? []
    waiting.push(...questions)
    this.#questions.set(node, waiting)
  }

  #recover({ atMs }: Sighting, returnedMs: number): void {
    if (this.#recoveredMs !== null) return
    const { target, lung } = this.#scene
    const isServed = (from: string, to: string): boolean => {
      const seen = this.#latest.get(from)
      if (seen === undefined || seen.view === null) return false
      return isServedSince(lung, seen.view.links.get(to), returnedMs, seen.atMs)
    }
    const isWhole = this.#others.every(
      (other) => isServed(other, target) && isServed(target, other),
    )
    if (isWhole) this.#recoveredMs = atMs
  }

  #cover({ node, atMs, view }: Sighting): void {
    if (view === null || this.#coveredAtMs.has(node)) return
    const isHeld = this.#cut
      ?.entries()
      .every(([author, size]) => (view.frontier[author] ?? 0) >= size)
    if (isHeld === true) this.#coveredAtMs.set(node, atMs)
  }
}

function since(fromMs: number | null, untilMs: number | null, nowMs: number, why: string): Measure {
  if (fromMs === null) return { state: 'unobserved', why }
  if (untilMs === null) return { state: 'absent', watchedMs: Math.max(0, nowMs - fromMs) }
  return { state: 'observed', ms: Math.max(0, untilMs - fromMs) }
}
