import type { Inventory } from '../../ops/inventory/inventory.ts'
import { statusOf } from '../../ops/verify/status.ts'
import type { App, Outcome } from '../command.ts'
import { UsageError } from '../failure.ts'
import { withLattice } from '../lattice.ts'
import { openInventory } from '../opened-inventory.ts'
import { formatTriangle } from '../output/triangle.ts'
import { withSite } from '../sites.ts'
import { recordedRelease, verifyLattice } from '../verification.ts'
import { exitOfVerdict } from '../verdict-exit.ts'

/** Says what can be said about the lattice: PASS, FAIL or UNKNOWN, and why. */
export async function verify(app: App, { full }: { full: boolean }): Promise<Outcome> {
  if (app.options.dryRun) {
    throw new UsageError(
      'verify-triangle has no dry run: it writes an entry through every node to see it arrive',
      'use "aethel-lattice status" to only look',
    )
  }
  const inventory = await openInventory(app)
  return withLattice(app, inventory, async (lattice) => {
    const expectedRelease = await releaseOnRecord(app, inventory)
    const report = await verifyLattice(app, lattice, { expectedRelease, full })
    const { desired, clients } = lattice
    const { network } = await statusOf({ lattice: desired, clients, signal: app.signal })
    return {
      exit: exitOfVerdict[report.verdict],
      json: { ...report, network },
      text: (paint) => formatTriangle(report, network.text, paint),
    }
  })
}

/**
 * The release that the nodes should run. Of nodes elsewhere it is written down there, and verifying
 * must not need a login on their hosts: then they are only held to running the same one.
 */
async function releaseOnRecord(app: App, inventory: Inventory): Promise<string | null> {
  if (app.options.phase !== 'local') return null
  return withSite(app, inventory, async ({ record }) =>
    recordedRelease((await record.look()).journal),
  )
}
