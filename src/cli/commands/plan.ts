import type { Plan } from '../../ops/rollout/plan.ts'
import type { App, Outcome } from '../command.ts'
import { openInventory, withLattice } from '../lattice.ts'
import { formatPlan } from '../output/plan.ts'
import { payloadOf, planDeploy } from '../rollout.ts'
import { withSite } from '../site.ts'

/** What deploy would do now. Changes nothing, waits for nobody. */
export async function plan(app: App): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withSite(app, inventory, async ({ targets, record }) =>
    withLattice(app, inventory, async (lattice) => {
      const payload = await payloadOf(app, lattice)
      const { proven } = await record.look()
      return planned(await planDeploy(app, lattice, targets, proven, payload))
    }),
  )
}

/** A plan as the outcome of a command that was only to look. */
export const planned = (made: Plan): Outcome => ({
  exit: 'done',
  json: {
    digest: made.digest,
    kind: made.kind,
    release: made.release.id,
    version: made.release.version,
    steps: made.steps,
  },
  text: (paint) => formatPlan(made, paint),
})
