import { makeIdentities } from '../../ops/inventory/identities.ts'
import type { Inventory } from '../../ops/inventory/inventory.ts'
import { applyPlan, type Payload } from '../../ops/rollout/apply.ts'
import { PlanStaleError } from '../../ops/rollout/errors.ts'
import type { Plan } from '../../ops/rollout/plan.ts'
import type { Target } from '../../ops/targets/target.ts'
import type { App, Outcome } from '../command.ts'
import { requireConsent } from '../consent.ts'
import { withLattice, type Lattice } from '../lattice.ts'
import { requireFreePorts } from '../local-ports.ts'
import { formatPlan } from '../output/plan.ts'
import { payloadOf, planDeploy, underLock, type MadePlan } from '../rollout.ts'
import { showProgress } from '../rollout-progress.ts'
import { concludeRun } from '../run-conclusion.ts'
import type { Ground } from '../on-site.ts'
import type { Site } from '../site.ts'
import { straysOf } from '../sites.ts'
import { planned, shownDeploy } from './plan.ts'

export interface DeployOptions {
  /** Digest of the plan that the operator agreed to. */
  plan?: string
  /** Shows every line of every difference. */
  full: boolean
}

/** Brings every node to this program's artifact and to nodes.yaml, one at a time, each proven. */
export async function deploy(
  app: App,
  { inventory, site }: Ground,
  options: DeployOptions,
): Promise<Outcome> {
  await makeLocalKeys(app, inventory)
  await warnOfStrays(app, inventory)

  return withLattice(app, inventory, async (lattice) => {
    const { targets, record } = site
    const payload = await payloadOf(app, lattice)
    if (app.options.dryRun) {
      const { proven } = await record.look()
      const made = await planDeploy(app, lattice, targets, proven, payload)
      return planned(shownDeploy(app, made, options.full))
    }

    const agreed = await prepareHosts(app, lattice, site, payload, options)
    return underLock(app, lattice, site, async (rollout, held) => {
      const made = await planDeploy(app, lattice, targets, held.proven, payload)
      const { plan, observation } = made
      requireDigest(plan, agreed ?? options.plan)
      if (agreed === null) await requireAgreement(app, lattice, targets, made, options)

      const progress = showProgress(app.screen, plan.steps)
      const terms = { ...rollout, observation, onProgress: progress.tell }
      const outcome = await applyPlan(plan, payload, terms)
      await progress.close()
      return concludeRun(app, lattice, held, { plan, outcome })
    })
  })
}

/**
 * Brings what acting on them takes to hosts that lack it, once that is agreed to. It comes before the
 * lock, since a bare host keeps none.
 *
 * @returns the digest of the plan that was agreed to; null: nothing was lacking, nothing was asked
 */
async function prepareHosts(
  app: App,
  lattice: Lattice,
  site: Site,
  payload: Payload,
  options: DeployOptions,
): Promise<string | null> {
  if (await site.isPrepared()) return null
  const { targets, record } = site
  const { proven } = await record.look()
  const made = await planDeploy(app, lattice, targets, proven, payload)
  requireDigest(made.plan, options.plan)
  await requireAgreement(app, lattice, targets, made, options)
  const title = { doing: 'bringing Node.js to the hosts', done: 'brought Node.js to the hosts' }
  await app.screen.during(title, async () => site.prepare())
  return made.plan.digest
}

function requireDigest({ digest }: Plan, agreed: string | undefined): void {
  if (agreed !== undefined && agreed !== digest) throw new PlanStaleError(agreed, [])
}

/** Shows the plan and asks; there is nothing to ask about a plan that changes nothing. */
async function requireAgreement(
  app: App,
  { desired }: Lattice,
  targets: readonly Target[],
  made: MadePlan,
  { full }: DeployOptions,
): Promise<void> {
  app.screen.say((paint) => formatPlan(shownDeploy(app, made, full), paint))
  if (made.plan.steps.length === 0) return
  if (app.options.phase === 'local') await requireFreePorts(desired.nodes, targets, app.signal)
  await requireConsent(app, 'Deploy this plan?')
}

/** Nodes on this machine need no ceremony: their keys are made by the first deploy. */
async function makeLocalKeys({ options, screen }: App, inventory: Inventory): Promise<void> {
  if (options.phase !== 'local' || options.dryRun) return
  const { made } = await makeIdentities(inventory, 'local')
  if (made.length === 0) return
  screen.say((paint) => paint.faint(`made keys for ${made.map(({ name }) => name).join(', ')}`))
}

/** Nodes that nobody names any more would be forgotten while they run. */
async function warnOfStrays(app: App, inventory: Inventory): Promise<void> {
  for (const stray of await straysOf(app, inventory)) {
    const { process } = await stray.observe(app.signal)
    if (process.state === 'stopped') continue
    app.screen.say((paint) =>
      paint.unsure(
        `${stray.name} is not in ${app.options.file} but still runs here: stop it with "down ${stray.name}"`,
      ),
    )
  }
}
