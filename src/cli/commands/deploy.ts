import { makeIdentities } from '../../ops/inventory/identities.ts'
import type { Inventory } from '../../ops/inventory/inventory.ts'
import { applyPlan } from '../../ops/rollout/apply.ts'
import { PlanStaleError } from '../../ops/rollout/errors.ts'
import type { App, Outcome } from '../command.ts'
import { openInventory, requireAnswerer, requireConsent, withLattice } from '../lattice.ts'
import { requireFreePorts } from '../local-ports.ts'
import { formatPlan } from '../output/plan.ts'
import { payloadOf, planDeploy, underLock } from '../rollout.ts'
import { showProgress } from '../rollout-progress.ts'
import { concludeRun } from '../run-conclusion.ts'
import { straysOf, withSite } from '../site.ts'
import { planned, shownDeploy } from './plan.ts'

export interface DeployOptions {
  /** Digest of the plan that the operator agreed to. */
  plan?: string
  /** Shows every line of every difference. */
  full: boolean
}

/** Brings every node to this program's artifact and to nodes.yaml, one at a time, each proven. */
export async function deploy(app: App, options: DeployOptions): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withSite(app, inventory, async (site) => {
    requireAnswerer(app)
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

      return underLock(app, lattice, site, async (rollout, held) => {
        const made = await planDeploy(app, lattice, targets, held.proven, payload)
        const { plan } = made
        if (options.plan !== undefined && options.plan !== plan.digest) {
          throw new PlanStaleError(options.plan, [])
        }
        app.screen.say((paint) => formatPlan(shownDeploy(app, made, options.full), paint))
        if (plan.steps.length > 0) {
          await requireFreePorts(lattice.desired.nodes, targets, app.signal)
          await requireConsent(app, 'Deploy this plan?')
        }

        const progress = showProgress(app.screen, plan.steps)
        const outcome = await applyPlan(plan, payload, { ...rollout, onProgress: progress.tell })
        await progress.close()
        return concludeRun(app, lattice, held, { plan, outcome })
      })
    })
  })
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
