import { commandLine } from '../called-as.ts'
import type { App, Outcome } from '../command.ts'
import { withLattice } from '../lattice.ts'
import { openInventory } from '../opened-inventory.ts'
import { planDocument } from '../output/plan-document.ts'
import { formatPlan, type ShownPlan } from '../output/plan.ts'
import { payloadOf, planDeploy, type MadePlan } from '../rollout.ts'
import { withSite } from '../sites.ts'

export interface PlanOptions {
  /** Shows every line of every difference. */
  full: boolean
}

/** What deploy would do now. Changes nothing, waits for nobody. */
export async function plan(app: App, { full }: PlanOptions): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withSite(app, inventory, async ({ targets, record }) =>
    withLattice(app, inventory, async (lattice) => {
      const payload = await payloadOf(app, lattice)
      const { proven } = await record.look()
      const made = await planDeploy(app, lattice, targets, proven, payload)
      return planned(shownDeploy(app, made, full))
    }),
  )
}

/** A plan as the outcome of a command that was only to look. */
export const planned = (shown: ShownPlan): Outcome => ({
  exit: 'done',
  json: planDocument(shown.plan, shown.changes),
  text: (paint) => formatPlan(shown, paint),
})

/** A deploy's plan as it is shown. */
export const shownDeploy = (
  { calledAs, options }: App,
  made: MadePlan,
  isFull: boolean,
): ShownPlan => ({ ...made, isFull, fullCommand: commandLine(calledAs, 'plan --full', options) })
