import type { ExitName } from '../../ops/errors.ts'
import { observeNodes } from '../../ops/rollout/observe.ts'
import type { ObservedNode } from '../../ops/targets/target.ts'
import { statusOf, type LatticeStatus } from '../../ops/verify/status.ts'
import type { App, Outcome } from '../command.ts'
import { withLattice } from '../lattice.ts'
import { openInventory } from '../opened-inventory.ts'
import { formatStatus } from '../output/status.ts'
import { withSite } from '../sites.ts'

/** What the nodes say of themselves, and, of nodes on this machine, what their processes do. */
export async function status(app: App): Promise<Outcome> {
  const inventory = await openInventory(app)
  const { phase } = app.options
  return withLattice(app, inventory, async ({ desired, clients }) => {
    const [said, observed] = await Promise.all([
      statusOf({ lattice: desired, clients, signal: app.signal }),
      phase === 'local'
        ? withSite(app, inventory, async ({ targets }) => observeNodes(targets, app.signal))
        : [],
    ])
    return {
      exit: exitOf(said),
      json: documentOf(said, observed),
      text: (paint) => formatStatus(said, observed, paint),
    }
  })
}

/** A silent node weighs more than what the others say of it. */
function exitOf({ network, nodes }: LatticeStatus): ExitName {
  if (nodes.some((node) => !node.reachable)) return 'unreachable'
  return network.verdict === 'PASS' ? 'done' : 'failed'
}

function documentOf({ network, nodes }: LatticeStatus, observed: readonly ObservedNode[]): object {
  return {
    network,
    nodes: nodes.map((node) => {
      const found = observed.find((one) => one.name === node.name)
      if (found === undefined) return { ...node, process: null }
      const { state, pid, startedAt, restarts, lastExit, isSupervised } = found.process
      const process = {
        state,
        is_supervised: isSupervised,
        started_at: startedAt,
        restarts,
        last_exit: lastExit,
      }
      return { ...node, pid, process }
    }),
  }
}
