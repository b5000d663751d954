import { OperatorError } from '../errors.ts'
import type { Target } from '../targets/target.ts'
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
  readonly #silent = new Set<string>()
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
    await this.#write(this.#recordOf(step, 'begun'))
    this.report({ kind: 'step-begun', step })
    const begunMs = this.#now()
    try {
      await work(this.target(step.node))
    } catch (error) {
      if (error instanceof OperatorError && error.code === 'fenced') throw new LockLostError(error)
      const failure = new StepError(step, error)
      const { message: reason, hint } = failure
      await this.#write(this.#recordOf(step, 'failed', reason))
      const tookMs = this.#now() - begunMs
      this.reports.push({ ...step, state: 'failed', tookMs, reason })
      this.report({ kind: 'step-failed', step, tookMs, reason, hint })
      throw failure
    }
    this.#unwritten.push(this.#recordOf(step, 'done'))
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
    const unproven = this.#silent.has(step.node) ? { unproven: unheldOf(step.node) } : {}
    await this.step(
      step,
      async () => {
        const activeNames = [...this.active]
        const { release } = expected.generation
        const question = { ...expected, release, activeNames, signal, ...(onFit && { onFit }) }
        const answer = await this.#tools.gate(step.node, question)
        if (!answer.ok) throw new GateError('gate', answer.reason, { hint: answer.hint })
      },
      unproven,
    )
  }

  /**
   * Nodes that ran and told nothing before any was touched: until they are switched nobody is proven
   * beside them, and nobody can see then whether they hold what they held.
   */
  leaveOut(silent: Iterable<string>): void {
    for (const name of silent) {
      this.#silent.add(name)
      this.active.delete(name)
    }
  }

  /** What was not seen of nodes that are said to be well. */
  get unproven(): string[] {
    return [...this.#silent].map(
      (name) =>
        this.reports.findLast(({ node, unproven }) => node === name && unproven !== undefined)
          ?.unproven ?? leftOut(name),
    )
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

  #recordOf(step: Step, state: StepRecord['state'], reason?: string): StepRecord {
    const { id, node, action } = step
    const said = reason === undefined ? {} : { reason }
    return { type: 'step', run: this.id, at: this.#at(), id, node, action, state, ...said }
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

const unheldOf = (name: string): string =>
  `${name} ran and did not tell what it held before it was switched: that it still holds all of it was not seen`

const leftOut = (name: string): string =>
  `${name} runs and does not tell what it holds: the others were looked at without it`

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
