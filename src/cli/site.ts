import { OperatorError } from '../ops/errors.ts'
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
  const kinds = nodesOf(inventory, phase).map(({ name, kind }) => `${name} (${kind})`)
  throw new OperatorError(
    'phase-not-supported',
    `this version deploys the local phase only; it cannot act on ${kinds.join(', ')}`,
    {
      exit: 'unreachable',
      hint: 'add --phase local to run the lattice on this machine; verify-triangle, status, submit, render and keys work in every phase',
    },
  )
}

function localSite({ home }: App, inventory: Inventory): Site {
  const names = nodesOf(inventory, 'local').map((node) => node.name)
  const { record } = phaseFiles(inventory, 'local')
  return {
    targets: localTargets(localNodes(inventory, home), names),
    record: new PhaseRecord([new FileRecordHost('this machine', record, { areHoldersHere: true })]),
  }
}

/** Nodes that have a place on this machine and are not in nodes.yaml any more. */
export async function straysOf({ options, home }: App, inventory: Inventory): Promise<Target[]> {
  if (options.phase !== 'local') return []
  const names = inventory.nodes.map((node) => node.name)
  return strayLocalTargets(localNodes(inventory, home), names)
}
