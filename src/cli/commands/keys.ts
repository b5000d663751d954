import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { makeIdentities } from '../../ops/inventory/identities.ts'
import type { Inventory } from '../../ops/inventory/inventory.ts'
import { keysDirectory, operatorTokenPath } from '../../ops/inventory/state.ts'
import type { App, Outcome } from '../command.ts'
import { openInventory } from '../opened-inventory.ts'
import { formatKeys, type KeysReport } from '../output/keys.ts'

/** Makes the keys that are missing. Never shows one. */
export async function keys(app: App): Promise<Outcome> {
  const inventory = await openInventory(app)
  const report = app.options.dryRun
    ? await missingKeys(app, inventory)
    : await makeKeys(app, inventory)
  return {
    exit: 'done',
    json: {
      directory: report.directory,
      nodes: report.nodes.map(({ name, peerId, isNew }) => ({ name, peer_id: peerId, new: isNew })),
      token: { path: report.tokenPath, new: report.isTokenNew },
      dry_run: report.isDryRun,
    },
    text: (paint) => formatKeys(report, paint),
  }
}

async function makeKeys({ options: { phase } }: App, inventory: Inventory): Promise<KeysReport> {
  const { made, kept, tokenMade } = await makeIdentities(inventory, phase)
  const peerIds = new Map([...made, ...kept].map(({ name, peerId }) => [name, peerId]))
  return {
    directory: keysDirectory(inventory, phase),
    nodes: inventory.nodes.map(({ name }) => ({
      name,
      peerId: peerIds.get(name) ?? null,
      isNew: made.some((identity) => identity.name === name),
    })),
    tokenPath: operatorTokenPath(inventory, phase),
    isTokenNew: tokenMade,
    isDryRun: false,
  }
}

async function missingKeys({ options: { phase } }: App, inventory: Inventory): Promise<KeysReport> {
  const directory = keysDirectory(inventory, phase)
  const isMissing = async (path: string): Promise<boolean> =>
    access(path).then(
      () => false,
      () => true,
    )
  const tokenPath = operatorTokenPath(inventory, phase)
  return {
    directory,
    nodes: await Promise.all(
      inventory.nodes.map(async ({ name }) => ({
        name,
        peerId: null,
        isNew: await isMissing(join(directory, `${name}.key`)),
      })),
    ),
    tokenPath,
    isTokenNew: await isMissing(tokenPath),
    isDryRun: true,
  }
}
