import { randomUUID } from 'node:crypto'
import type { Release } from '../release/artifact.ts'
import { settingsDigest, type NodeSettings } from '../targets/settings.ts'
import type { ObservedNode, Target } from '../targets/target.ts'
import { PlanStaleError, RecoveryError } from './errors.ts'
import { NOTHING_HELD, unprovenIn, unprovenOf, type Holdings } from './holdings.ts'
import type { Journal } from './journal.ts'
import type { HeldLock } from './record.ts'
import { isRecent, observeNodes, type Observation } from './observe.ts'
import { nodesAfter, nodesAfterRevert, warningsOf } from './outcome.ts'
import type { Action, Plan, PlannedNode, Step } from './plan.ts'
import { movedNodes } from './plan-digest.ts'
import { planRecovery } from './plan-recovery.ts'
import type { Failure, Gate, GateQuestion, Outcome, Progress } from './progress.ts'
import { failureOf, revert } from './revert.ts'
import { interruption, logTailOf, Run, StepError } from './run.ts'

/** What a deploy puts on the nodes; a rollback puts nothing. */
export interface Payload {
  release: Release
  /** By node name. */
  settings: ReadonlyMap<string, NodeSettings>
}

export interface RolloutOptions {
  /** At least those of all nodes of the plan. */
  targets: readonly Target[]
  gate: Gate
  /**
   * What the gate looks at before any node is switched, as they were found; called only when one will be,
   * and while they are staged.
   */
  beforeActing?: (observed: readonly ObservedNode[], staged: Promise<void>) => Promise<Holdings>
  /** What a recovery before this did not see, to be told with what comes of this. */
  unprovenBefore?: readonly string[]
  /** Of all nodes of the plan, under this lock. They are observed again when it is not recent any more. */
  observation?: Observation
  journal: Journal
  lock: HeldLock
  /** The operator's interrupt: what was begun is reverted. */
  signal: AbortSignal
  /** A second interrupt: reverting is left to the next command. */
  cleanupSignal?: AbortSignal
  onProgress?: (event: Progress) => void
  /** Milliseconds since the epoch. */
  now?: () => number
}

/**
 * Makes `plan` true: stages everywhere at once, switches one node at a time, each proven by the gate
 * before the next. When anything fails or `signal` aborts, all touched nodes go back.
 * Killed at any moment it leaves a journal from which `recoverRun` finishes or reverts.
 *
 * @param payload null for a rollback
 * @throws PlanStaleError before anything is done, when a node is not as it was when planned
 * @throws RecoveryError before anything is done, while an earlier run waits to be recovered
 * @throws LockLostError, JournalError where it stands: the next command reverts
 */
export async function applyPlan(
  plan: Plan,
  payload: Payload | null,
  options: RolloutOptions,
): Promise<Outcome> {
  const observed = await requireFitting(plan, payload, options)
  const ended = { release: plan.release, steps: [], failure: null, warnings: [] }
  if (plan.steps.length === 0) {
    const unproven = await toldAsUnproven(plan, options)
    return { ...ended, result: 'unchanged', run: null, nodes: nodesAfter(plan), unproven }
  }
  const run = await beginRun(plan, options)
  const touched: PlannedNode[] = []
  const forward = goForward(run, { plan, payload, observed }, touched, options)
  const failed = await failureOf(forward)
  const failure = await failureReport(run, plan, touched, failed, options.signal)
  if (failure !== null) return goBack(run, plan, touched, failure, options)

  const warnings = await prune(run, plan, options)
  await run.end('deployed')
  const nodes = nodesAfter(plan)
  const { id, reports: steps } = run
  const unproven = await toldAsUnproven(plan, options, run)
  return { ...ended, result: 'deployed', run: id, nodes, steps, warnings, unproven }
}

interface Planned {
  plan: Plan
  payload: Payload | null
  /** As the nodes were found. */
  observed: readonly ObservedNode[]
}

const acting = (plan: Plan): PlannedNode[] => plan.nodes.filter((node) => node.act !== null)

/** @returns the nodes as they are found; none for a plan that does nothing */
async function requireFitting(
  plan: Plan,
  payload: Payload | null,
  { journal, targets, observation, signal }: RolloutOptions,
): Promise<readonly ObservedNode[]> {
  if (planRecovery(await journal.read()) !== null) {
    throw new RecoveryError('unfinished-run', 'an earlier run was cut short', {
      hint: 'run "aethel-lattice deploy": it first finishes or reverts that one',
    })
  }
  // What does nothing cannot do the wrong thing: it only says what was found when it was planned.
  if (plan.steps.length === 0) return []
  const names = plan.nodes.map((node) => node.name)
  const planned = targets.filter((target) => names.includes(target.name))
  const observed =
    observation !== undefined && isRecent(observation, performance.now())
      ? observation.nodes
      : await observeNodes(planned, signal)
  const moved = movedNodes(plan, observed)
  if (moved.length > 0 || !isPayloadOf(plan, payload)) throw new PlanStaleError(plan.digest, moved)
  return observed
}

/** Whether `payload` is what the plan would stage. */
function isPayloadOf(plan: Plan, payload: Payload | null): boolean {
  return plan.nodes
    .filter((node) => node.isStaged)
    .every(({ name, next }) => {
      const settings = payload?.settings.get(name)
      return (
        payload?.release.id === next.release &&
        settings !== undefined &&
        settingsDigest(settings) === next.settings
      )
    })
}

async function beginRun(plan: Plan, options: RolloutOptions): Promise<Run> {
  const running = plan.nodes.filter((node) => node.previous.state === 'running')
  const run = new Run(
    randomUUID(),
    options,
    running.map((node) => node.name),
  )
  const { kind, digest, release } = plan
  const nodes = acting(plan).map(({ name, previous, next }) => ({ name, previous, next }))
  const unproven = Object.fromEntries(unprovenIn(await options.journal.read()))
  run.begin({ kind, plan: digest, release, nodes, active: [...run.active], unproven })
  run.report({ kind: 'run-begun', run: run.id, what: kind, release: release.id })
  return run
}

/**
 * Leaves in `touched` what it switched or began to. Returns early when the operator interrupts.
 * Each node is proven before the next is switched. Only on the way back to a proven release it is
 * enough for that that the node fits in: while the next one is switched it has to stay well, and what
 * ends that ends the run. It is proven before the one after the next is touched.
 */
async function goForward(
  run: Run,
  { plan, payload, observed }: Planned,
  touched: PlannedNode[],
  { signal: interrupt, lock, beforeActing }: RolloutOptions,
): Promise<void> {
  const failures = new Failures()
  const signal = AbortSignal.any([interrupt, lock.signal, failures.signal])
  const staged = stage(run, plan, payload, signal)
  const looking = beforeActing?.(observed, staged) ?? Promise.resolve(NOTHING_HELD)
  looking.catch(() => undefined)
  await staged
  const holdings = await looking.catch(async (error: unknown) => {
    // Interrupted, it is the interrupt that is told; otherwise nothing was touched and nothing is left open.
    if (interrupt.aborted) return NOTHING_HELD
    await run.end('restored')
    throw error
  })
  run.hold(holdings)
  let before = Promise.resolve()
  for (const [index, node] of acting(plan).entries()) {
    if (interrupt.aborted || failures.signal.aborted) break
    touched.push(node)
    run.active.delete(node.name)
    const fits = Promise.withResolvers<void>()
    const next = acting(plan).slice(index + 1)
    const onFit = (): string[] => {
      fits.resolve()
      return [...run.active].filter((name) => !next.some((one) => one.name === name))
    }
    const isOverlapped = plan.kind === 'rollback' && next.length > 0
    const proven = failures.of(switchOne(run, plan, node, signal, isOverlapped ? onFit : undefined))
    await Promise.race([fits.promise, proven])
    await before
    before = proven
  }
  await before
  failures.throwFirst()
}

async function switchOne(
  run: Run,
  plan: Plan,
  node: PlannedNode,
  signal: AbortSignal,
  onFit: GateQuestion['onFit'],
): Promise<void> {
  const { name, act, next: generation, configDigest } = node
  await run.step(stepIn(plan, act ?? 'activate', name), async (target) => {
    await target.activate(generation, run.token, signal)
  })
  run.active.add(name)
  await run.gate(stepIn(plan, 'gate', name), { generation, configDigest }, signal, onFit)
}

/** Of works that go on beside each other: the first one stops the others. */
class Failures {
  readonly #stop = new AbortController()
  /** As they came to pass: the first is why the others were stopped. */
  readonly #all: unknown[] = []

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Resolves when `work` is over, well or not. */
  async of(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      this.#all.push(error)
      this.#stop.abort(error)
    }
  }

  /** What must end the run goes before what makes it go back. */
  throwFirst(): void {
    const first = this.#all.find((failure) => !(failure instanceof StepError)) ?? this.#all[0]
    if (first !== undefined) throw first as Error
  }
}

/** Everywhere at once; all of it comes to an end before a failure is told. */
async function stage(
  run: Run,
  plan: Plan,
  payload: Payload | null,
  signal: AbortSignal,
): Promise<void> {
  const staged = plan.nodes.filter((node) => node.isStaged)
  const failures = new Failures()
  const any = AbortSignal.any([signal, failures.signal])
  await Promise.all(
    staged.map(async ({ name, configDigest }) => {
      const settings = payload?.settings.get(name)
      if (payload === null || settings === undefined) return
      const staging = run.step(stepIn(plan, 'stage', name), async (target) => {
        await target.stage({ release: payload.release, settings, configDigest }, any)
      })
      await failures.of(staging)
    }),
  )
  failures.throwFirst()
}

/** Why the run cannot go through; null when all was done. */
async function failureReport(
  run: Run,
  plan: Plan,
  touched: readonly PlannedNode[],
  failed: StepError | null,
  interrupt: AbortSignal,
): Promise<Failure | null> {
  if (interrupt.aborted && (failed !== null || touched.length < acting(plan).length)) {
    return interruption(failed)
  }
  if (failed === null) return null
  const { step, code, message: reason, hint } = failed
  const isOfProcess = step.action !== 'stage'
  const logTail = isOfProcess ? await logTailOf(run.target(step.node)) : []
  return { step: step.id, node: step.node, code, reason, hint, logTail }
}

async function goBack(
  run: Run,
  plan: Plan,
  touched: readonly PlannedNode[],
  failure: Failure,
  options: RolloutOptions,
): Promise<Outcome> {
  const { cleanupSignal, lock } = options
  const nodes = touched.map((node) => node.name).toReversed()
  run.report({ kind: 'revert-begun', nodes, reason: failure.reason })
  const signal = AbortSignal.any([lock.signal, ...(cleanupSignal ? [cleanupSignal] : [])])
  const problems = await revert(run, touched, signal)
  const result = problems.length === 0 ? 'restored' : 'split'
  await run.end(result)
  return {
    result,
    run: run.id,
    release: plan.release,
    nodes: nodesAfterRevert(plan.nodes, touched, problems),
    steps: run.reports,
    failure,
    warnings: warningsOf(problems),
    unproven: await toldAsUnproven(plan, options, run),
  }
}

/** What was not seen of the nodes of a plan, by this run or by those that switched them last. */
async function toldAsUnproven(
  { nodes }: Plan,
  { journal, unprovenBefore = [] }: RolloutOptions,
  run?: Run,
): Promise<string[]> {
  const ofNodes = unprovenOf(nodes, await journal.read())
  return [...new Set([...unprovenBefore, ...ofNodes, ...(run?.passedBy ?? [])])]
}

/** What is left over does no harm: a failure is a warning. */
async function prune(
  run: Run,
  plan: Plan,
  { signal: interrupt, lock }: RolloutOptions,
): Promise<string[]> {
  const signal = AbortSignal.any([interrupt, lock.signal])
  const steps = plan.steps.filter((step) => step.action === 'prune')
  if (interrupt.aborted) return []
  const failures = await Promise.all(
    steps.map(async (step) => {
      const keep = plan.nodes.find((node) => node.name === step.node)?.keep ?? []
      return failureOf(run.step(step, async (target) => target.prune(keep, lock.token, signal)))
    }),
  )
  return failures
    .filter((failure) => failure !== null)
    .map(({ step, message }) => `${step.node} still holds what is no longer kept: ${message}`)
}

function stepIn(plan: Plan, action: Action, node: string): Step {
  const step = plan.steps.find((one) => one.action === action && one.node === node)
  if (step === undefined) throw new Error(`the plan has no step ${action}:${node}`)
  return step
}
