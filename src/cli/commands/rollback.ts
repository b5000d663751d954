import { applyPlan } from '../../ops/rollout/apply.ts'
import { observeNow, type Observation } from '../../ops/rollout/observe.ts'
import type { Plan } from '../../ops/rollout/plan.ts'
import type { ProvenRelease } from '../../ops/rollout/plan-releases.ts'
import { latticeAfter } from '../../ops/rollout/plan-rollback.ts'
import type { Outcome as RunOutcome } from '../../ops/rollout/progress.ts'
import { prepareRollback, type RollbackChoice } from '../../ops/rollout/rollback.ts'
import type { Target } from '../../ops/targets/target.ts'
import { commandLine } from '../called-as.ts'
import type { App, Outcome } from '../command.ts'
import { requireConsent } from '../consent.ts'
import { withLattice, type Lattice } from '../lattice.ts'
import { formatPlan, type ShownPlan } from '../output/plan.ts'
import { underLock } from '../rollout.ts'
import { Places } from '../placed-clients.ts'
import { showProgress } from '../rollout-progress.ts'
import { concludeRun } from '../run-conclusion.ts'
import type { Ground } from '../on-site.ts'
import { planned } from './plan.ts'

export interface RollbackOptions {
  to?: string
  node?: string
  /** Shows every line of every difference. */
  full: boolean
}

/** Goes back to a release that was proven, settings included; gated as a deploy is. */
export async function rollback(
  app: App,
  { inventory, site }: Ground,
  options: RollbackOptions,
): Promise<Outcome> {
  const { targets, record } = site
  return withLattice(app, inventory, async (lattice) => {
    if (app.options.dryRun) {
      const { proven } = await record.look()
      const choice = await choose(app, lattice, targets, proven, options)
      return planned(shownRollback(app, choice, options))
    }

    return underLock(app, lattice, site, async (rollout, held) => {
      const choice = await choose(app, lattice, targets, held.proven, options)
      const { plan, skipped, observation } = choice
      for (const { release, node, holding } of skipped) {
        app.screen.say((paint) =>
          paint.unsure(`passed over ${release}: it is ${holding} on ${node}`),
        )
      }
      app.screen.say((paint) => formatPlan(shownRollback(app, choice, options), paint))
      if (plan.steps.length > 0) await requireConsent(app, 'Roll back like this?')

      const progress = showProgress(app.screen, plan.steps)
      const terms = { ...rollout, observation, onProgress: progress.tell }
      const outcome = await applyPlan(plan, null, terms)
      await progress.close()
      const warnings = [...outcome.warnings, ...olderSettings(lattice, plan, outcome)]
      return withLatticeAfter(lattice, choice, outcome, async (after) =>
        concludeRun(app, after, held, { plan, outcome: { ...outcome, warnings } }),
      )
    })
  })
}

/** Settings that come back may bring the nodes elsewhere than nodes.yaml says: there they are asked. */
async function withLatticeAfter<T>(
  lattice: Lattice,
  { plan, contents }: RollbackChoice,
  { result }: RunOutcome,
  work: (after: Lattice) => Promise<T>,
): Promise<T> {
  if (result !== 'deployed') return work(lattice)
  const desired = latticeAfter(lattice.desired, plan, contents)
  const places = new Places([])
  for (const [name, content] of contents) places.move(name, content)
  return places.withClients(lattice, async (clients) => work({ ...lattice, desired, clients }))
}

function shownRollback(
  { calledAs, options }: App,
  { plan, changes }: RollbackChoice,
  { to, node, full }: RollbackOptions,
): ShownPlan {
  const words = [
    'rollback --dry-run --full',
    ...(to === undefined ? [] : ['--to', to]),
    ...(node === undefined ? [] : ['--node', node]),
  ]
  const fullCommand = commandLine(calledAs, words.join(' '), options)
  return { plan, changes, isFull: full, fullCommand }
}

/** A rollback brings settings back, too: then nodes.yaml is not what the nodes run with. */
export function olderSettings(
  { desired }: Pick<Lattice, 'desired'>,
  { nodes }: Pick<Plan, 'nodes'>,
  { result }: Pick<RunOutcome, 'result'>,
): string[] {
  if (result !== 'deployed' && result !== 'unchanged') return []
  const wanted = new Map(desired.nodes.map((node) => [node.name, node.configDigest]))
  const older = nodes.filter(({ name, configDigest }) => wanted.get(name) !== configDigest)
  if (older.length === 0) return []
  const names = older.map(({ name }) => name).join(', ')
  return [
    `${names}: the settings in force are the older ones of that release, not those of nodes.yaml; the next deploy brings those of nodes.yaml`,
  ]
}

async function choose(
  { signal }: App,
  { desired }: Lattice,
  targets: readonly Target[],
  proven: readonly ProvenRelease[],
  { to, node }: RollbackOptions,
): Promise<RollbackChoice & { observation: Observation }> {
  const observation = await observeNow(targets, signal)
  const input = {
    lattice: desired,
    observed: observation.nodes,
    proven,
    to,
    only: node === undefined ? undefined : [node],
  }
  return { ...(await prepareRollback(input, targets, signal)), observation }
}
