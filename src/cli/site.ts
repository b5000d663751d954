import { nodesOf, type Inventory } from '../ops/inventory/inventory.ts'
import { FileRecordHost } from '../ops/rollout/record-host.ts'
import { PhaseRecord } from '../ops/rollout/record.ts'
import { localTargets, strayLocalTargets } from '../ops/targets/local/local-targets.ts'
import type { Target } from '../ops/targets/target.ts'
import type { App } from './command.ts'
import { localNodes, phaseFiles } from './phase-files.ts'

/** Where the nodes of a phase live, and where it is written down what was done to them. */
export interface Site {
  /** In the order of nodes.yaml. */
  targets: readonly Target[]
  record: PhaseRecord
  /** Begins to connect to all hosts at once, so that what follows need not wait for one after the other. */
  approach(): void
  /** Whether the hosts have what a command needs that changes something there. Changes nothing. */
  isPrepared(): Promise<boolean>
  /**
   * The record without hosts that keep none, because nothing of ours is there. The host of the node
   * `name` is first brought what keeping one takes.
   */
  recordWith(name: string): Promise<PhaseRecord>
  /** Brings it. Harmless beside other commands; what runs is not touched. */
  prepare(): Promise<void>
}

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
    approach: () => {},
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
