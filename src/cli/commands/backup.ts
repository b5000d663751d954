import { backupTerms } from '../../ops/backup/judge-backup.ts'
import { refuseExisting, takeBackup } from '../../ops/backup/take-backup.ts'
import type { NodeClient } from '../../ops/client/node-client.ts'
import { wordsOf } from '../../ops/verify/words.ts'
import { EMPTY_FRONTIER, missingRanges, totalOf, type Frontier } from '../../wire/frontier.ts'
import type { App, Outcome } from '../command.ts'
import { withLattice } from '../lattice.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { count } from '../output/amount.ts'
import { backupDocument, formatBackup, formatLag, type Lag } from '../output/backup.ts'
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
    const words = await wordsOf(clients, signal)
    const entriesOf = ({ name }: NodeClient): number =>
      totalOf(words.claims.find((word) => word.about === name)?.frontier ?? EMPTY_FRONTIER)
    const chosen = clients
      .filter(({ name }) => names.includes(name))
      .toSorted((a, b) => entriesOf(b) - entriesOf(a))
    const client = await firstReady(chosen, 'nothing can be backed up now', signal)
    if (options.dryRun) return outcomeOfDryRun(client, out, app)
    const title = {
      doing: `reading ${client.name} and verifying the file`,
      done: `read ${client.name} and verified the file`,
    }
    const taken = await screen.during(title, async (note) =>
      takeBackup(client, out, backupTerms(desired), signal, note),
    )
    const document = backupDocument(taken, desired)
    const lag: Lag = {
      lacking: words.claims.flatMap(({ about, frontier }) => {
        const entries = lackOf(taken.frontier, frontier)
        return entries === 0 ? [] : [{ node: about, entries }]
      }),
      silent: words.silent.map((error) => error.node),
    }
    return {
      exit: 'done',
      json: { node: client.name, url: client.url, ...document, ...lag, written: true },
      text: (paint) =>
        [formatBackup(document, `from ${client.name}`, paint), ...formatLag(lag, paint)].join('\n'),
    }
  })
}

const lackOf = (held: Frontier, signed: Frontier): number =>
  missingRanges(held, signed).reduce((sum, { from, to }) => sum + to - from, 0)

async function outcomeOfDryRun(client: NodeClient, out: string, { signal }: App): Promise<Outcome> {
  const entries = totalOf((await client.attest({}, signal)).attestation.frontier)
  return {
    exit: 'done',
    json: { node: client.name, url: client.url, file: out, entries, written: false },
    text: () =>
      `${count(entries, 'entry', 'entries')} of ${client.name} would be written to ${out}.`,
  }
}
