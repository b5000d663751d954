import { OperatorError } from '../errors.ts'
import type { Target } from '../targets/target.ts'
import { heldIn, leftOutOf, NOTHING_HELD, unheldOf, type Holdings } from './holdings.ts'
import type { Journal } from './journal.ts'
import type { BeginRecord, JournalRecord, StepRecord } from './journal-record.ts'
import { LOG_TAIL_LINES, LOG_TAIL_MS } from './limits.ts'
import type { HeldLock } from './record.ts'
import { LockLostError } from './lock-holder.ts'
import type { Step } from './plan.ts'
import type { Failure, Gate, GateQuestion, Progress, RunResult, StepReport } from './progress.ts'

export interface RunTools {
  targets: readonly Target[]
  gate: Gate
  journal: Journal
  lock: HeldLock
  onProgress?: (event: Progress) => void
  /** Milliseconds since the epoch. */
  now?: () => number
}

/** A step that did not succeed: the run goes back. Other errors end it where it stands. */
export class StepError extends Error {
  override readonly name = 'StepError'
  readonly step: Step
  readonly code: string
  readonly hint: string | undefined

  constructor(step: Step, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.step = step
    this.code = cause instanceof OperatorError ? cause.code : 'failed'
    this.hint = cause instanceof OperatorError ? cause.hint : undefined
  }
}

/** What a node is proven to be. */
type Expected = Pick<GateQuestion, 'generation' | 'configDigest'>

/** A gate's no. */
class GateError extends OperatorError {
  override readonly name = 'GateError'
}

/**
 * One run under one lock: each step is in the journal before it begins. What it came to is written
 * together with what comes next, since no decision of who finds the journal cut off hangs on it being
 * there earlier, and each writing is a way to every host. An error of the journal and a lost lock pass
 * through all of it: nobody acts without them.
 */
export class Run {
  readonly id: string
  readonly reports: StepReport[] = []
  /** Names of the nodes that should be up now. */
  readonly active: Set<string>
  #holdings = NOTHING_HELD
  /** Nodes that tell nothing, and why, until they are proven. */
  readonly #leftOut = new Map<string, string>()
  /** Those that a gate looked past. */
  readonly #passedBy = new Set<string>()
  readonly #tools: RunTools
  /** In order; written with the next record that has to be on the disk. */
  #unwritten: JournalRecord[] = []
  /** The writing that is under way, or was the last; what fails ends all that follow. */
  #writing: Promise<void> = Promise.resolve()
  /** The writing that comes after it. */
  #next: Promise<void> | null = null

  constructor(id: string, tools: RunTools, active: Iterable<string>) {
    this.id = id
    this.#tools = tools
    this.active = new Set(active)
  }

  /** Is written before the first step. */
  begin(record: Omit<BeginRecord, 'type' | 'run' | 'at' | 'fence'>): void {
    const { id: run, token: fence } = this
    this.#unwritten.push({ type: 'begin', run, at: this.#at(), fence, ...record })
  }

  /**
   * @param unproven what will not have been seen when `work` is done
   * @throws StepError when `work` fails
   */
  async step(
    step: Step,
    work: (target: Target) => Promise<void>,
    unproven: Pick<StepReport, 'unproven'> = {},
  ): Promise<void> {
    const held = isSwitch(step) ? heldIn(this.#holdings, step.node) : undefined
    await this.#write(this.#recordOf(step, 'begun', held === undefined ? {} : { held }))
    this.report({ kind: 'step-begun', step })
    const begunMs = this.#now()
    try {
      await work(this.target(step.node))
    } catch (error) {
      if (error instanceof OperatorError && error.code === 'fenced') throw new LockLostError(error)
      const failure = new StepError(step, error)
      const { message: reason, hint } = failure
      await this.#write(this.#recordOf(step, 'failed', { reason }))
      const tookMs = this.#now() - begunMs
      this.reports.push({ ...step, state: 'failed', tookMs, reason })
      this.report({ kind: 'step-failed', step, tookMs, reason, hint })
      throw failure
    }
    this.#unwritten.push(this.#recordOf(step, 'done', unproven))
    const tookMs = this.#now() - begunMs
    this.reports.push({ ...step, state: 'done', tookMs, ...unproven })
    this.report({ kind: 'step-done', step, tookMs, ...unproven })
  }

  /** Asks the gate about the step's node. @throws StepError when it is not proven */
  async gate(
    step: Step,
    expected: Expected,
    signal: AbortSignal,
    onFit?: GateQuestion['onFit'],
  ): Promise<void> {
    const { node } = step
    const { held, silent } = this.#holdings
    const reason = silent.get(node)
    await this.step(
      step,
      async () => {
        for (const name of this.#leftOut.keys()) if (name !== node) this.#passedBy.add(name)
        const activeNames = [...this.active]
        const { release } = expected.generation
        const heldBefore = held.get(node) ?? null
        const question = { ...expected, release, heldBefore, activeNames, signal }
        const answer = await this.#tools.gate(node, { ...question, ...(onFit && { onFit }) })
        if (!answer.ok) throw new GateError('gate', answer.reason, { hint: answer.hint })
      },
      reason === undefined ? {} : { unproven: unheldOf(node, reason) },
    )
    this.#leftOut.delete(node)
    this.active.add(node)
  }

  /** What nodes held before the first of them was switched. Nobody is proven beside a silent one that was not. */
  hold(holdings: Holdings, silentNow = holdings.silent): void {
    this.#holdings = holdings
    for (const [name, reason] of silentNow) {
      this.#leftOut.set(name, reason)
      this.active.delete(name)
    }
  }

  /** It runs again; one that was left out counts only once it is proven. */
  runsAgain(name: string): void {
    if (!this.#leftOut.has(name)) this.active.add(name)
  }

  /** What was not seen of the nodes that others were proven without. */
  get passedBy(): string[] {
    return [...this.#leftOut]
      .filter(([name]) => this.#passedBy.has(name))
      .map(([name, reason]) => leftOutOf(name, reason))
  }

  async end(result: RunResult): Promise<void> {
    await this.#write({ type: 'end', run: this.id, at: this.#at(), result })
    this.report({ kind: 'run-ended', run: this.id, result })
  }

  report(event: Progress): void {
    this.#tools.onProgress?.(event)
  }

  target(name: string): Target {
    const target = this.#tools.targets.find((one) => one.name === name)
    if (target === undefined) throw new Error(`no target for ${name}`)
    return target
  }

  get token(): number {
    return this.#tools.lock.token
  }

  #recordOf(
    { id, node, action }: Step,
    state: StepRecord['state'],
    more: Pick<StepRecord, 'reason' | 'held' | 'unproven'>,
  ): StepRecord {
    return { type: 'step', run: this.id, at: this.#at(), id, node, action, state, ...more }
  }

  /** One writing at a time, so that no host has a record without those before; who waits goes together. */
  async #write(record: JournalRecord): Promise<void> {
    this.#unwritten.push(record)
    this.#next ??= this.#writing = this.#writing.then(async () => this.#writeAll())
    await this.#next
  }

  async #writeAll(): Promise<void> {
    this.#next = null
    if (this.#tools.lock.signal.aborted) throw new LockLostError()
    const records = this.#unwritten
    this.#unwritten = []
    await this.#tools.journal.append(records)
  }

  #now(): number {
    return this.#tools.now?.() ?? Date.now()
  }

  #at(): string {
    return new Date(this.#now()).toISOString()
  }
}

const isSwitch = ({ action }: Step): boolean => action === 'activate' || action === 'start'

/** What is said of a run that the operator interrupted. */
export const interruption = (failed: StepError | null): Failure => ({
  step: failed?.step.id ?? null,
  node: failed?.step.node ?? null,
  code: 'interrupted',
  reason: 'interrupted',
  hint: undefined,
  logTail: [],
})

/** The end of a node's log, for a report; empty when it cannot be had soon. */
export async function logTailOf(target: Target): Promise<string[]> {
  const lines: string[] = []
  try {
    const options = { lines: LOG_TAIL_LINES, follow: false }
    for await (const line of target.logs(options, AbortSignal.timeout(LOG_TAIL_MS)))
      lines.push(line)
  } catch {
    // The failure itself is what matters.
  }
  return lines
}
