import { nodesOf, type Inventory } from '../ops/inventory/inventory.ts'
import { FileRecordHost } from '../ops/rollout/record-host.ts'
import { PhaseRecord } from '../ops/rollout/record.ts'
import { localTargets, strayLocalTargets } from '../ops/targets/local/local-targets.ts'
import type { Target } from '../ops/targets/target.ts'
import type { App } from './command.ts'
import { localNodes, phaseFiles } from './phase-files.ts'
import type { Site } from './site.ts'

/**
 * Does `work` where the phase's nodes live.
 *
 * @throws OperatorError for a phase whose nodes this version cannot act on
 */
export async function withSite<T>(
  app: App,
  inventory: Inventory,
  work: (site: Site) => Promise<T>,
): Promise<T> {
  const { phase } = app.options
  if (phase === 'local') return work(localSite(app, inventory))
  const { serversOf, withServers } = await import('./server-site.ts')
  return withServers(app, inventory, serversOf(nodesOf(inventory, phase)), work)
}

function localSite({ home }: App, inventory: Inventory): Site {
  const names = nodesOf(inventory, 'local').map((node) => node.name)
  const { record: directory } = phaseFiles(inventory, 'local')
  const host = new FileRecordHost('this machine', directory, { areHoldersHere: true })
  const record = new PhaseRecord([host])
  return {
    targets: localTargets(localNodes(inventory, home), names),
    record,
    recordWith: async () => record,
    approach: async () => {},
    isPrepared: async () => true,
    prepare: async () => {},
  }
}

/** Nodes that have a place on this machine and are not in nodes.yaml any more. */
export async function straysOf({ options, home }: App, inventory: Inventory): Promise<Target[]> {
  if (options.phase !== 'local') return []
  const names = inventory.nodes.map((node) => node.name)
  return strayLocalTargets(localNodes(inventory, home), names)
}
