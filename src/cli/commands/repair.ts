import { awaitRefill } from '../../ops/mend/repair.ts'
import { proveRoots, type RootProof } from '../../ops/verify/root-proof.ts'
import { wordsOf } from '../../ops/verify/words.ts'
import { worstOf } from '../../wire/verdict.ts'
import type { RepairAnswer } from '../../wire/ledger-api.ts'
import type { App, Outcome } from '../command.ts'
import { requireAnswerer, requireConsent } from '../consent.ts'
import { withLattice } from '../lattice.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { count } from '../output/amount.ts'
import { formatProofs } from '../output/backup.ts'
import { exitOfVerdict } from '../verdict-exit.ts'
import { keptClaims } from '../verification.ts'

/**
 * Has a node begin a damaged store anew, waits for the others to fill it, and holds the node to what they
 * signed; a store that is sound already, too, for an earlier repair may have lost its answer.
 */
export async function repair(app: App, node: string): Promise<Outcome> {
  const { screen, signal, options } = app
  const inventory = await openInventory(app)
  return withLattice(app, inventory, async (lattice) => {
    const { desired, clients } = lattice
    const [name] = chosenNames(desired.nodes, node)
    requireAnswerer(app)
    const client = clients.find((one) => one.name === name)
    if (client === undefined) throw new Error(`no client for ${node}`)
    const { status, message } = (await client.health(signal)).components.persistence
    const isDamaged = status === 'fail'
    const found = `${node} says of its store: ${message}`
    if (options.dryRun) {
      const outlook = isDamaged ? 'it would be begun anew.' : 'there is nothing to repair.'
      return {
        exit: 'done',
        json: { node, store: message, damaged: isDamaged, repaired: false },
        text: () => `${found}; ${outlook}`,
      }
    }
    screen.say(() => found)
    const others = clients.filter((one) => one !== client)
    const { claims, silent } = await wordsOf(others, signal)
    if (isDamaged) await requireConsent(app, 'Keep the damaged store aside and begin a new one?')
    const repaired = isDamaged ? await client.repair(signal) : null
    const title = {
      doing: `waiting until ${node} holds what the others do`,
      done: `waited until ${node} held what the others do`,
    }
    await screen.during(title, async (note) => awaitRefill(client, claims, signal, note))
    const kept = await keptClaims(app, lattice)
    const proofs: RootProof[] = [
      ...(await proveRoots(client, [...claims, ...kept.claims], signal)),
      ...silent.map((error) => ({
        about: error.node,
        verdict: 'UNKNOWN' as const,
        message: error.message,
      })),
    ]
    const verdict = worstOf(proofs.map((proof) => proof.verdict))
    const { unchecked } = kept
    return {
      exit: exitOfVerdict[verdict],
      json: {
        verdict,
        node,
        store: message,
        damaged: isDamaged,
        repaired: isDamaged,
        entries_kept: repaired?.entries_kept ?? null,
        damaged_file: repaired?.damaged_file ?? null,
        proofs,
        unchecked,
      },
      text: (paint) => {
        const done = repaired === null ? `${node} had nothing to repair` : begun(node, repaired)
        return formatProofs({ verdict, done, proofs, unchecked }, paint)
      },
    }
  })
}

const begun = (node: string, { entries_kept, damaged_file }: RepairAnswer): string =>
  `${node} began anew with ${count(entries_kept, 'entry', 'entries')} that were sound; the damaged store is kept at ${damaged_file} on its host`
