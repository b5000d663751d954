import { awaitSeal, oldDirectories, type OldDirectory } from '../../ops/mend/retire.ts'
import { worstOf } from '../../wire/verdict.ts'
import type { App, Outcome } from '../command.ts'
import { UsageError } from '../failure.ts'
import { requireAnswerer, requireConsent } from '../consent.ts'
import { withLattice } from '../lattice.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { count } from '../output/amount.ts'
import { formatDirectories, formatRetired } from '../output/retire.ts'
import { exitOfVerdict } from '../verdict-exit.ts'

/** Lists the directories that a node has lost; ends the log of the one that is named, for good, everywhere. */
export async function retire(
  app: App,
  node: string,
  incarnation: string | undefined,
): Promise<Outcome> {
  const { signal, options } = app
  const inventory = await openInventory(app)
  return withLattice(app, inventory, async ({ desired, clients }) => {
    const [name] = chosenNames(desired.nodes, node)
    const client = clients.find((one) => one.name === name)
    if (client === undefined) throw new Error(`no client for ${node}`)
    const directories = await oldDirectories(client, signal)
    const chosen = chosenOf(directories, node, incarnation)
    if (chosen === null || options.dryRun) {
      return {
        exit: 'done',
        json: { node, directories, retired: null },
        text: (paint) => formatDirectories(node, directories, paint),
      }
    }
    requireAnswerer(app)
    const what = `${count(chosen.entries, 'entry', 'entries')} of ${chosen.incarnation}`
    await requireConsent(
      app,
      `End the log with ${what} for good? An old copy of it can never write again.`,
    )
    const retired = await client.retire(chosen.incarnation, signal)
    const title = { doing: 'telling every node', done: 'asked every node' }
    const seen = await app.screen.during(title, async () => awaitSeal(clients, retired, signal))
    const verdict = worstOf(seen.map((one) => one.verdict))
    const { author, size } = retired
    return {
      exit: exitOfVerdict[verdict],
      json: { verdict, node, directories, retired: { author, size }, seen },
      text: (paint) =>
        formatRetired({ node, incarnation: chosen.incarnation, size, verdict, seen }, paint),
    }
  })
}

/** Null when none was named. */
function chosenOf(
  directories: readonly OldDirectory[],
  node: string,
  incarnation: string | undefined,
): OldDirectory | null {
  if (incarnation === undefined) return null
  const chosen = directories.find((one) => one.incarnation === incarnation)
  if (chosen !== undefined) return chosen
  const names = directories.map((one) => one.incarnation)
  const hint =
    names.length === 0 ? `${node} has lost none` : `those of ${node}: ${names.join(', ')}`
  throw new UsageError(`${incarnation} is no directory that ${node} has lost`, hint)
}
