import { RecoveryError } from './errors.ts'
import type { RolloutOptions } from './apply.ts'
import { holdingsBefore, NOTHING_HELD, unprovenOf } from './holdings.ts'
import { observeNodes } from './observe.ts'
import { nodesAfterRevert, warningsOf } from './outcome.ts'
import { planRecovery } from './plan-recovery.ts'
import type { Outcome } from './progress.ts'
import { revert } from './revert.ts'
import { Run } from './run.ts'

/**
 * Finishes or reverts the run that the journal shows as cut short: what every command does under the
 * lock before its own work. Killed again, it leaves less to the next.
 *
 * @returns null when there was none
 * @throws RecoveryError when a node of that run is not among `targets`
 */
export async function recoverRun(options: RolloutOptions): Promise<Outcome | null> {
  const { journal, targets, lock, signal, cleanupSignal } = options
  const records = await journal.read()
  const recovery = planRecovery(records)
  if (recovery === null) return null

  const { run: begun } = recovery
  const touched = recovery.kind === 'revert' ? recovery.touched : []
  const missing = touched.find((node) => !targets.some((target) => target.name === node.name))
  if (missing !== undefined) {
    throw new RecoveryError('unknown-node', `a run was cut short on ${missing.name}`, {
      hint: `put ${missing.name} back into nodes.yaml until that run is reverted`,
    })
  }
  const observed = await observeNodes(targets, signal)
  const running = observed.filter((node) => node.process.state === 'running')
  const run = new Run(
    begun.run,
    options,
    running.map((node) => node.name),
  )
  run.report({ kind: 'run-begun', run: run.id, what: 'recovery', release: begun.release.id })
  const ended = { run: run.id, release: begun.release, steps: run.reports }
  if (recovery.kind === 'finish') {
    await run.end('deployed')
    const unproven = unprovenOf(begun.nodes, records)
    const nodes = begun.nodes.map(({ name, next }) => ({
      name,
      state: 'new' as const,
      generation: next,
    }))
    return { ...ended, result: 'deployed', nodes, failure: null, warnings: [], unproven }
  }
  const now = (await options.beforeActing?.(observed, Promise.resolve())) ?? NOTHING_HELD
  run.hold(holdingsBefore(records, begun, now), now.silent)
  const signals = [signal, lock.signal, ...(cleanupSignal ? [cleanupSignal] : [])]
  const problems = await revert(run, touched, AbortSignal.any(signals))
  const result = problems.length === 0 ? 'restored' : 'split'
  await run.end(result)
  return {
    ...ended,
    result,
    nodes: nodesAfterRevert(begun.nodes, touched, problems),
    failure: null,
    warnings: warningsOf(problems),
    unproven: [...unprovenOf(begun.nodes, await journal.read()), ...run.passedBy],
  }
}
