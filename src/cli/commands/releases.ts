import { observeNodes } from '../../ops/rollout/observe.ts'
import { releaseRows } from '../../ops/rollout/plan-releases.ts'
import type { App, Outcome } from '../command.ts'
import { openInventory } from '../opened-inventory.ts'
import { formatReleases } from '../output/releases.ts'
import { withSite } from '../sites.ts'

/** Lists what the nodes hold, and what of it was proven. */
export async function releases(app: App): Promise<Outcome> {
  const inventory = await openInventory(app)
  const rows = await withSite(app, inventory, async ({ targets, record }) => {
    const [{ proven }, observed] = await Promise.all([
      record.look(),
      observeNodes(targets, app.signal),
    ])
    return releaseRows(proven, observed)
  })
  return {
    exit: 'done',
    json: {
      releases: rows.map(
        ({ id, version, settings, isProven, provenAt, isWithdrawn, currentOn }) => ({
          id,
          version,
          settings,
          proven: isProven,
          proven_at: provenAt,
          withdrawn: isWithdrawn,
          current_on: currentOn,
        }),
      ),
    },
    text: (paint) => formatReleases(rows, paint),
  }
}
