import { OperatorError } from '../errors.ts'
import { within } from './deadline.ts'
import type { FaultPlan } from './fault-plan.ts'
import type { Finding } from './judge/measure.ts'
import type { Sighting } from './judge/sighting.ts'
import {
  EARLY_MS,
  HEALTH_MS_MAX,
  LOOK_MS,
  OBSERVE_MS,
  RETURN_MS_MAX,
  SELF_UNDO_MS_MAX,
} from './limits.ts'
import type { DrillClient, DrillTarget, Rig } from './rig.ts'

/** How one kind of fault is broken in, noticed to be over, and undone. */
export interface Injection {
  /** Milliseconds after the injection by which the node is back by itself, or something is wrong. */
  readonly returnMsMax: number
  /** What was not as it should be. */
  readonly findings: Finding[]
  /** Breaks it; what undoes it by itself is in place when this resolves. */
  inject(signal: AbortSignal): Promise<void>
  /** Resolves with the time, by the drill's clock, from which the fault was over. */
  returned(signal: AbortSignal): Promise<number>
  /**
   * Makes sure that it is over. Idempotent. Resolves with the time from which that holds; null: the node
   * is on its way, and its return will be seen.
   */
  undo(signal: AbortSignal): Promise<number | null>
}

export interface InjectionParts {
  rig: Rig
  plan: FaultPlan
  client: DrillClient
  target: DrillTarget
  /** The newest look at the node. */
  look: () => Sighting | undefined
}

export const injectionOf = (parts: InjectionParts): Injection =>
  parts.plan.kind === 'p2p-stop' ? new P2pStop(parts) : new Kill(parts)

/** The node stops its libp2p lung and holds the deadline after which it starts it again, even if we die. */
class P2pStop implements Injection {
  readonly returnMsMax: number
  readonly findings: Finding[] = []
  readonly #parts: InjectionParts
  #deadlineMs: number | null = null
  #instance: string | null = null

  constructor(parts: InjectionParts) {
    this.#parts = parts
    this.returnMsMax = parts.rig.holdMs + SELF_UNDO_MS_MAX
  }

  async inject(signal: AbortSignal): Promise<void> {
    const { rig, client, plan, look } = this.#parts
    this.#instance = look()?.view?.instance ?? null
    await client.armFault({ kind: 'p2p-stop', forMs: rig.holdMs }, signal)
    const readMs = rig.clock.monotonicMs()
    const armed = await client.fault(signal)
    if (armed?.kind !== 'p2p-stop' || armed.ends_in_ms > rig.holdMs) {
      const found = armed === null ? 'nothing is armed' : `${armed.ends_in_ms} ms are left`
      throw new OperatorError(
        'not-armed',
        `${plan.node} did not arm the deadline that undoes the fault: ${found}`,
        { hint: 'deploy the nodes and the CLI from one version' },
      )
    }
    this.#deadlineMs = readMs + armed.ends_in_ms
  }

  async returned(signal: AbortSignal): Promise<number> {
    const { rig, look, plan } = this.#parts
    const deadlineMs = this.#deadlineMs ?? Number.POSITIVE_INFINITY
    const armedMs = rig.clock.monotonicMs()
    for (;;) {
      const seen = look()
      if (seen?.view?.hasFault === false && seen.askedMs >= armedMs) {
        if (seen.view.instance !== this.#instance) {
          this.findings.push({ verdict: 'FAIL', reason: `${plan.node} was restarted meanwhile` })
        } else if (seen.atMs < deadlineMs - EARLY_MS) {
          const reason = 'the fault ended early; someone else may have undone it'
          this.findings.push({ verdict: 'UNKNOWN', reason })
        }
        return Math.min(deadlineMs, seen.askedMs)
      }
      await rig.clock.sleep(LOOK_MS, signal)
    }
  }

  async undo(signal: AbortSignal): Promise<number> {
    const { rig, client, target } = this.#parts
    const sentMs = rig.clock.monotonicMs()
    try {
      await client.clearFault(signal)
    } catch (error) {
      // A node that does not run has no fault, but shall run.
      await target.start(signal)
      throw error
    }
    if ((await client.fault(signal)) === null) return sentMs
    throw new OperatorError('not-undone', `${client.name} still has the fault`)
  }
}

/** kill -9; the node's supervisor is the undo, and `start` sees to it that there is one. */
class Kill implements Injection {
  readonly returnMsMax = RETURN_MS_MAX
  readonly findings: Finding[] = []
  readonly #parts: InjectionParts
  #pid: number | null = null
  #instance: string | null = null

  constructor(parts: InjectionParts) {
    this.#parts = parts
  }

  async inject(signal: AbortSignal): Promise<void> {
    const { target, look } = this.#parts
    this.#instance = look()?.view?.instance ?? null
    this.#pid = (await target.observe(signal)).process.pid
    await target.kill(signal)
  }

  /** The earliest that is known: another process was seen in the node's place, or tells its age. */
  async returned(signal: AbortSignal): Promise<number> {
    const { rig, look } = this.#parts
    for (;;) {
      const askedMs = rig.clock.monotonicMs()
      const hasProcess = await this.#hasNewProcess(signal)
      const seen = look()
      const isNew =
        seen !== undefined && seen.view !== null && seen.view.instance !== this.#instance
      const bornMs = isNew ? seen.askedMs - (seen.view?.uptimeMs ?? 0) : Number.POSITIVE_INFINITY
      if (hasProcess || isNew) return Math.min(bornMs, hasProcess ? askedMs : bornMs)
      await rig.clock.sleep(OBSERVE_MS, signal)
    }
  }

  async undo(signal: AbortSignal): Promise<null> {
    await this.#parts.target.start(signal)
    return null
  }

  async #hasNewProcess(signal: AbortSignal): Promise<boolean> {
    const { rig, target } = this.#parts
    try {
      const observed = await within(rig.clock, HEALTH_MS_MAX, signal, async (limited) =>
        target.observe(limited),
      )
      const { state, pid } = observed.process
      return state === 'running' && pid !== null && pid !== this.#pid
    } catch (error) {
      if (signal.aborted || !(error instanceof OperatorError)) throw error
      return false
    }
  }
}
