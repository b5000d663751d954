import { observeNodes } from '../../ops/rollout/observe.ts'
import { releaseRows } from '../../ops/rollout/plan-releases.ts'
import { readProven } from '../../ops/rollout/releases.ts'
import type { App, Outcome } from '../command.ts'
import { openInventory } from '../lattice.ts'
import { formatReleases } from '../output/releases.ts'
import { phaseFiles } from '../phase-files.ts'
import { targetsOf } from '../rollout.ts'

/** Lists what the nodes hold, and what of it was proven. */
export async function releases(app: App): Promise<Outcome> {
  const inventory = await openInventory(app)
  const proven = await readProven(phaseFiles(inventory, app.options.phase).releases)
  const observed = await observeNodes(targetsOf(app, inventory), app.signal)
  const rows = releaseRows(proven, observed)
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
