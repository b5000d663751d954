import { OperatorError } from '../ops/errors.ts'
import { desiredFiles } from '../ops/desired/files.ts'
import { readSeed } from '../ops/inventory/identities.ts'
import { nodesOf, type Inventory } from '../ops/inventory/inventory.ts'
import { readArtifact } from '../ops/release/artifact.ts'
import type { Payload, RolloutOptions } from '../ops/rollout/apply.ts'
import { JournalFile } from '../ops/rollout/journal.ts'
import { withLock } from '../ops/rollout/lock.ts'
import { observeNodes } from '../ops/rollout/observe.ts'
import type { Plan } from '../ops/rollout/plan.ts'
import { planRollout } from '../ops/rollout/plan-rollout.ts'
import { recoverRun } from '../ops/rollout/recovery.ts'
import { readProven } from '../ops/rollout/releases.ts'
import { localTargets, strayLocalTargets } from '../ops/targets/local/local-targets.ts'
import { nodeSettings, settingsDigest } from '../ops/targets/settings.ts'
import type { Target } from '../ops/targets/target.ts'
import type { App } from './command.ts'
import type { Lattice } from './lattice.ts'
import { artifactDirectory, localNodes, phaseFiles } from './phase-files.ts'
import { gateOf } from './rollout-gate.ts'
import { showProgress } from './rollout-progress.ts'

/**
 * The places of the phase's nodes.
 *
 * @throws OperatorError for a phase whose nodes this version cannot act on
 */
export function targetsOf({ options: { phase }, home }: App, inventory: Inventory): Target[] {
  const nodes = nodesOf(inventory, phase)
  if (phase === 'local') {
    const names = nodes.map((node) => node.name)
    return localTargets(localNodes(inventory, home), names)
  }
  const kinds = nodes.map(({ name, kind }) => `${name} (${kind})`).join(', ')
  throw new OperatorError(
    'phase-not-supported',
    `this version deploys the local phase only; it cannot act on ${kinds}`,
    {
      exit: 'unreachable',
      hint: 'add --phase local to run the lattice on this machine; verify-triangle, status, submit, render and keys work in every phase',
    },
  )
}

/** Nodes that have a place on this machine and are not in nodes.yaml any more. */
export async function straysOf({ options, home }: App, inventory: Inventory): Promise<Target[]> {
  if (options.phase !== 'local') return []
  const names = inventory.nodes.map((node) => node.name)
  return strayLocalTargets(localNodes(inventory, home), names)
}

/** What a deploy puts on the nodes: this program's artifact, and each node's files and key. */
export async function payloadOf({ home }: App, { desired, identities }: Lattice): Promise<Payload> {
  const release = await readArtifact(artifactDirectory(home))
  const settings = await Promise.all(
    desired.nodes.map(async (node) => {
      const identity = identities.get(node.name)
      if (identity === undefined) throw new Error(`${node.name} has no identity`)
      const files = desiredFiles(desired, node)
      return [node.name, nodeSettings(files, await readSeed(identity))] as const
    }),
  )
  return { release, settings: new Map(settings) }
}

/** What would bring the nodes, as they are found now, to `payload`. Changes nothing. */
export async function planDeploy(
  { options, signal }: App,
  { inventory, desired }: Lattice,
  targets: readonly Target[],
  { release, settings }: Payload,
): Promise<Plan> {
  const { releases } = phaseFiles(inventory, options.phase)
  return planRollout({
    lattice: desired,
    release: { id: release.id, version: release.manifest.version },
    settings: new Map([...settings].map(([name, own]) => [name, settingsDigest(own)])),
    observed: await observeNodes(targets, signal),
    proven: await readProven(releases),
  })
}

/**
 * Does `work` as the only command on this phase, after a run that was cut short has been finished or
 * reverted.
 */
export async function underLock<T>(
  app: App,
  lattice: Lattice,
  targets: readonly Target[],
  work: (options: RolloutOptions) => Promise<T>,
): Promise<T> {
  const { options, signal, screen } = app
  const files = phaseFiles(lattice.inventory, options.phase)
  return withLock(files.lock, { command: options.command }, async (lock) => {
    const rollout: RolloutOptions = {
      targets,
      gate: gateOf(lattice, targets),
      journal: new JournalFile(files.journal),
      lock,
      signal,
    }
    const progress = showProgress(screen, [])
    const recovered = await recoverRun({ ...rollout, onProgress: progress.tell })
    await progress.close()
    if (recovered?.result === 'split') throw splitError(recovered.warnings)
    return work(rollout)
  })
}

const splitError = (warnings: readonly string[]): OperatorError =>
  new OperatorError(
    'split',
    `an earlier run was cut short and cannot be undone: ${warnings.join('; ')}`,
    {
      exit: 'split',
      hint: 'look at the nodes with "aethel-lattice logs"; once they can run, deploy again',
    },
  )
