import { backupTerms } from '../../ops/backup/judge-backup.ts'
import { bringEntries, planRestore, type RestorePlan } from '../../ops/backup/restore.ts'
import { verifyBackup, type BackupFile } from '../../ops/backup/verify-backup.ts'
import type { NodeClient } from '../../ops/client/node-client.ts'
import { proveRoots } from '../../ops/verify/root-proof.ts'
import { worstOf } from '../../wire/verdict.ts'
import type { App, Outcome } from '../command.ts'
import { requireAnswerer, requireConsent } from '../consent.ts'
import { withLattice } from '../lattice.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { count } from '../output/amount.ts'
import { backupDocument, formatBackup, formatProofs, formatRestorePlan } from '../output/backup.ts'
import { firstReady } from '../ready-node.ts'
import { exitOfVerdict } from '../verdict-exit.ts'
import { keptClaims } from '../verification.ts'

/** Brings a node what it lacks of a backup, then holds it to what was signed before. */
export async function restore(
  app: App,
  node: string | undefined,
  { from }: { from: string },
): Promise<Outcome> {
  const { screen, signal, options } = app
  const inventory = await openInventory(app)
  return withLattice(app, inventory, async (lattice) => {
    const { desired, clients } = lattice
    const names = chosenNames(desired.nodes, node)
    requireAnswerer(app)
    const title = { doing: `verifying ${from}`, done: `verified ${from}` }
    const file = await screen.during(title, async (note) =>
      verifyBackup(from, backupTerms(desired), signal, note),
    )
    const chosen = clients.filter(({ name }) => names.includes(name))
    const client = await firstReady(chosen, 'nothing can be restored now', signal)
    const plan = await planRestore(client, file, signal)
    const document = {
      node: client.name,
      url: client.url,
      ...backupDocument(file, desired),
      held: plan.heldEntries,
      missing: plan.missingEntries,
    }
    const shown = (paint: Parameters<typeof formatRestorePlan>[2]): string =>
      `${formatBackup(document, 'verified', paint)}\n${formatRestorePlan(client.name, plan, paint)}`
    if (options.dryRun) return { exit: 'done', json: { ...document, brought: 0 }, text: shown }

    screen.say(shown)
    const brought = await bring(app, client, file, plan)
    const { claims, unchecked } = await keptClaims(app, lattice)
    const ofBackup = { about: 'the backup', ...file.checkpoint }
    const proofs = await proveRoots(client, [ofBackup, ...claims], signal)
    const verdict = worstOf(proofs.map((proof) => proof.verdict))
    return {
      exit: exitOfVerdict[verdict],
      json: { verdict, ...document, brought, proofs, unchecked },
      text: (paint) => {
        const done = `${count(brought, 'entry', 'entries')} brought to ${client.name}`
        return formatProofs({ verdict, done, proofs, unchecked }, paint)
      },
    }
  })
}

async function bring(
  app: App,
  client: NodeClient,
  file: BackupFile,
  plan: RestorePlan,
): Promise<number> {
  if (plan.missingEntries + plan.missingSeals === 0) return 0
  await requireConsent(app, `Bring that to ${client.name}?`)
  const title = {
    doing: `bringing entries to ${client.name}`,
    done: `brought entries to ${client.name}`,
  }
  return app.screen.during(title, async (note) =>
    bringEntries(client, file, plan, app.signal, note),
  )
}
