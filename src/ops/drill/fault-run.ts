import type { Frontier } from '../../wire/frontier.ts'
import { OperatorError } from '../errors.ts'
import { within } from './deadline.ts'
import type { FaultPlan } from './fault-plan.ts'
import { injectionOf, type Injection } from './injection.ts'
import { judgeFault } from './judge/judge.ts'
import type { Finding } from './judge/measure.ts'
import type { FaultReport } from './judge/report.ts'
import { FaultTimeline } from './judge/timeline.ts'
import { INJECT_MS_MAX, UNDO_MS_MAX, UNDO_PAUSE_MS, UNDO_TRIES } from './limits.ts'
import { Period } from './period.ts'
import type { DrillClient, DrillPhase, DrillTarget, Rig } from './rig.ts'
import { settle, type Settlement } from './settle.ts'

export interface FaultOutcome {
  report: FaultReport
  /** The lattice is as it was, so another fault may be drilled. */
  isWhole: boolean
}

/** One fault: warm up, inject, hold, undo, converge, account. Whatever happens, it is undone. */
export class FaultRun {
  readonly #rig: Rig
  readonly #plan: FaultPlan
  /** What all nodes held before; entries beyond it are read back. */
  readonly #base: Frontier
  readonly #timeline: FaultTimeline
  readonly #period: Period
  readonly #injection: Injection
  readonly #findings: Finding[] = []
  readonly #ending = new AbortController()
  #watching: Promise<void> = Promise.resolve()
  #settlement: Settlement | null = null
  #isInjected = false

  constructor(
    rig: Rig,
    plan: FaultPlan,
    base: Frontier,
    parts: { client: DrillClient; target: DrillTarget },
  ) {
    const { kind, node } = plan
    const nodes = rig.clients.map((client) => client.name)
    this.#rig = rig
    this.#plan = plan
    this.#base = base
    this.#timeline = new FaultTimeline({ kind, target: node, nodes, lung: rig.lung })
    this.#period = new Period(rig, node, this.#timeline)
    this.#injection = injectionOf({
      rig,
      plan,
      ...parts,
      look: () => this.#period.latest.get(node),
    })
  }

  /** Throws only what is a fault of the drill itself, after undoing its own. */
  async run(): Promise<FaultOutcome> {
    this.#period.start()
    try {
      if (await this.#warmUp()) {
        await this.#breakAndHold()
        await this.#converge()
        await this.#account()
      }
    } catch (error) {
      this.#findings.push(findingOf(error, this.#rig.signal))
    } finally {
      this.#ending.abort()
      await this.#watching
      await this.#period.end()
    }
    return this.#outcome()
  }

  async #warmUp(): Promise<boolean> {
    this.#tell('warm-up', `waiting until all exchange entries over ${this.#rig.lung}`)
    const isWarm = await this.#period.warmUp()
    if (!isWarm) {
      const reason = `not every node exchanges entries with every other one over ${this.#rig.lung}`
      this.#findings.push({ verdict: 'UNKNOWN', reason })
    }
    return isWarm && this.#period.stop === null
  }

  async #breakAndHold(): Promise<void> {
    const { clock, signal } = this.#rig
    this.#tell('inject', `${this.#plan.kind} on ${this.#plan.node}`)
    try {
      this.#timeline.injected(clock.monotonicMs())
      await within(clock, INJECT_MS_MAX, signal, async (limited) => this.#injection.inject(limited))
      this.#timeline.broken(clock.monotonicMs())
      this.#isInjected = true
      this.#watching = this.#watchReturn()
      await this.#hold()
    } finally {
      await this.#undo()
    }
  }

  /** Until the node is back by itself and the fault has lasted, or something says to stop. */
  async #hold(): Promise<void> {
    const { clock, holdMs, limits } = this.#rig
    const injectedMs = this.#timeline.injectedMs ?? clock.monotonicMs()
    const lastsMs = (): number => clock.monotonicMs() - injectedMs
    const limitMs = Math.min(limits.faultMsMax, this.#injection.returnMsMax)
    this.#tell('hold', `${this.#plan.node} is broken; the load goes on for ${seconds(holdMs)}`)
    const isOver = (): boolean =>
      this.#period.stop !== null || (this.#timeline.returnedMs !== null && lastsMs() >= holdMs)
    await this.#period.until(isOver, Math.max(0, limitMs - lastsMs()))
    if (this.#period.stop === null && this.#timeline.returnedMs === null) {
      const reason = `${this.#plan.node} did not come back by itself within ${seconds(limitMs)}`
      this.#findings.push({ verdict: 'FAIL', reason })
    }
  }

  async #watchReturn(): Promise<void> {
    const signal = AbortSignal.any([this.#rig.signal, this.#ending.signal])
    try {
      this.#timeline.returned(await this.#injection.returned(signal))
    } catch (error) {
      if (!signal.aborted) this.#findings.push(findingOf(error, signal))
    }
  }

  /** With a signal of its own: an interrupted drill is undone like any other. */
  async #undo(): Promise<void> {
    const { clock } = this.#rig
    const { signal } = new AbortController()
    this.#tell('undo', `making sure that ${this.#plan.node} is as before`)
    for (let tries = 1; ; tries++) {
      try {
        const undoneMs = await within(clock, UNDO_MS_MAX, signal, async (limited) =>
          this.#injection.undo(limited),
        )
        if (undoneMs !== null) this.#timeline.returned(undoneMs)
        return
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error
        if (tries === UNDO_TRIES) {
          const reason = `the undo is not confirmed: ${error.message}; look at ${this.#plan.node} now`
          this.#findings.push({ verdict: 'FAIL', reason })
          return
        }
      }
      await clock.sleep(UNDO_PAUSE_MS, signal)
    }
  }

  async #converge(): Promise<void> {
    this.#tell('converge', 'waiting until all hold the same again')
    const timeline = this.#timeline
    await this.#period.until(
      () => timeline.isRecovered && timeline.isCovered,
      this.#rig.limits.convergeMsMax,
    )
  }

  /** The one root over all that was written later also binds what was held at the return. */
  async #account(): Promise<void> {
    this.#tell('verify', 'reading back every acknowledged entry from every node')
    await this.#period.endLoad()
    this.#settlement = await settle(this.#rig, this.#base, this.#period.acknowledged)
    this.#findings.push(...this.#settlement.findings)
  }

  #outcome(): FaultOutcome {
    const { injectedMs, returnedMs } = this.#timeline
    const lost = this.#settlement?.lost?.length ?? null
    const isUnderFault = (atMs: number): boolean => injectedMs !== null && atMs >= injectedMs
    const { stop } = this.#period
    const report = judgeFault({
      plan: this.#plan,
      isInjected: this.#isInjected,
      measures: this.#timeline.measures(this.#rig.clock.monotonicMs()),
      outageMs: injectedMs === null || returnedMs === null ? null : returnedMs - injectedMs,
      writes: this.#period.writes.filter((write) => isUnderFault(write.sentMs)),
      operations: this.#period.operations.filter(({ startedMs }) => isUnderFault(startedMs)),
      lost,
      findings: [stop, ...this.#findings, ...this.#injection.findings].filter(
        (finding) => finding !== null,
      ),
    })
    const isWhole = stop === null && this.#timeline.isRecovered && this.#timeline.isCovered
    return { report, isWhole: isWhole && lost === 0 && !this.#rig.signal.aborted }
  }

  #tell(phase: DrillPhase, message: string): void {
    this.#rig.tell(phase, this.#plan, message)
  }
}

/** Rethrows what is no operator's matter. */
export function findingOf(error: unknown, signal: AbortSignal): Finding {
  if (signal.aborted) return { verdict: 'UNKNOWN', reason: interruption(signal) }
  if (error instanceof OperatorError) return { verdict: 'UNKNOWN', reason: error.message }
  throw error
}

/** Why the drill ended early. */
export const interruption = (signal: AbortSignal): string =>
  signal.reason instanceof OperatorError
    ? `stopped: ${signal.reason.message}`
    : 'interrupted by the operator'

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`
