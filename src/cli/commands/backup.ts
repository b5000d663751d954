import { refuseExisting, takeBackup } from '../../ops/backup/take-backup.ts'
import { backupTerms } from '../../ops/backup/judge-backup.ts'
import { totalOf } from '../../wire/frontier.ts'
import type { App, Outcome } from '../command.ts'
import { chosenNames, openInventory, withLattice } from '../lattice.ts'
import { backupDocument, formatBackup } from '../output/backup.ts'
import { count } from '../output/amount.ts'
import { firstReady } from '../ready-node.ts'

/** Writes all entries that a node gives away to a file that is proven before it gets its name. */
export async function backup(
  app: App,
  node: string | undefined,
  { out }: { out: string },
): Promise<Outcome> {
  const { screen, signal, options } = app
  const inventory = await openInventory(app)
  return withLattice(app, inventory, async ({ desired, clients }) => {
    const names = chosenNames(desired.nodes, node)
    await refuseExisting(out)
    const chosen = clients.filter(({ name }) => names.includes(name))
    const client = await firstReady(chosen, 'nothing can be backed up now', signal)
    if (options.dryRun) {
      const entries = totalOf((await client.attest({}, signal)).attestation.frontier)
      return {
        exit: 'done',
        json: { node: client.name, url: client.url, file: out, entries, written: false },
        text: () =>
          `${count(entries, 'entry', 'entries')} of ${client.name} would be written to ${out}.`,
      }
    }
    const title = {
      doing: `reading ${client.name} and verifying the file`,
      done: `read ${client.name} and verified the file`,
    }
    const taken = await screen.during(title, async (note) =>
      takeBackup(client, out, backupTerms(desired), signal, note),
    )
    const document = backupDocument(taken, desired)
    return {
      exit: 'done',
      json: { node: client.name, url: client.url, ...document, written: true },
      text: (paint) => formatBackup(document, `from ${client.name}`, paint),
    }
  })
}
