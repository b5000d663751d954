import { OperatorError } from '../ops/errors.ts'
import { certificateFiles } from '../ops/desired/caddy-files.ts'
import { desiredFiles } from '../ops/desired/files.ts'
import { readCertificate } from '../ops/inventory/certificates.ts'
import { readSeed } from '../ops/inventory/identities.ts'
import { readArtifact } from '../ops/release/artifact.ts'
import type { Payload, RolloutOptions } from '../ops/rollout/apply.ts'
import { observeNow, type Observation } from '../ops/rollout/observe.ts'
import type { Plan } from '../ops/rollout/plan.ts'
import { planChanges, type Change } from '../ops/rollout/plan-changes.ts'
import type { ProvenRelease } from '../ops/rollout/plan-releases.ts'
import { planRollout } from '../ops/rollout/plan-rollout.ts'
import type { HeldRecord } from '../ops/rollout/record.ts'
import { recoverRun } from '../ops/rollout/recovery.ts'
import { nodeSettings, settingsDigest, shownSettings } from '../ops/targets/settings.ts'
import type { Contents, Target } from '../ops/targets/target.ts'
import type { App } from './command.ts'
import { hostPartsOf } from './host-parts.ts'
import type { Lattice } from './lattice.ts'
import { artifactDirectory } from './phase-files.ts'
import { gateOf } from './rollout-gate.ts'
import { showProgress } from './rollout-progress.ts'
import type { Site } from './site.ts'

/** What a deploy puts on the nodes: this program's artifact, and each node's files and key. */
export async function payloadOf(
  { home, signal }: App,
  { inventory, desired, identities, ca }: Lattice,
): Promise<Payload> {
  const release = await readArtifact(artifactDirectory(home))
  const host = await hostPartsOf(home, release.manifest, ca)
  const settings = await Promise.all(
    desired.nodes.map(async (node) => {
      const identity = identities.get(node.name)
      if (identity === undefined) throw new Error(`${node.name} has no identity`)
      const files = desiredFiles(desired, node, host)
      const certificate =
        node.kind === 'server' && node.spec.kind === 'server'
          ? await readCertificate(node.spec, inventory.path, Date.now(), signal)
          : null
      const secrets = certificate === null ? [] : certificateFiles(node.name, certificate)
      return [node.name, nodeSettings(files, await readSeed(identity), secrets)] as const
    }),
  )
  return { release, settings: new Map(settings) }
}

/** A plan, and what it changes on each node. */
export interface MadePlan {
  plan: Plan
  changes: readonly Change[]
  /** What it was made of. */
  observation: Observation
}

/** What would bring the nodes, as they are found now, to `payload`, and what it changes. Changes nothing. */
export async function planDeploy(
  { signal }: App,
  { desired }: Lattice,
  targets: readonly Target[],
  proven: readonly ProvenRelease[],
  { release, settings }: Payload,
): Promise<MadePlan> {
  const observation = await observeNow(targets, signal)
  const observed = observation.nodes
  const plan = planRollout({
    lattice: desired,
    release: { id: release.id, version: release.manifest.version },
    settings: new Map([...settings].map(([name, own]) => [name, settingsDigest(own)])),
    observed,
    proven,
  })
  const wanted = [...settings].map(([name, own]): [string, Contents] => [
    name,
    { settings: shownSettings(own), release: release.manifest.files },
  ])
  return { plan, changes: planChanges(plan, observed, new Map(wanted)), observation }
}

/**
 * Does `work` as the only command on this phase, after a run that was cut short has been finished or
 * reverted.
 */
export async function underLock<T>(
  app: App,
  lattice: Lattice,
  { targets, record }: Site,
  work: (options: RolloutOptions, held: HeldRecord) => Promise<T>,
): Promise<T> {
  const { options, signal, screen } = app
  return record.withLock({ command: options.command }, async (held) => {
    const { lock, journal } = held
    const rollout: RolloutOptions = {
      targets,
      ...gateOf(lattice, targets, signal),
      journal,
      lock,
      signal,
    }
    const progress = showProgress(screen, [])
    const recovered = await recoverRun({ ...rollout, onProgress: progress.tell })
    await progress.close()
    if (recovered?.result === 'split') throw splitError(recovered.warnings)
    return work({ ...rollout, unprovenBefore: recovered?.unproven ?? [] }, held)
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
