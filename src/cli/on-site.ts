import { setTimeout as delay } from 'node:timers/promises'
import type { Inventory } from '../ops/inventory/inventory.ts'
import type { App, Outcome } from './command.ts'
import { requireAnswerer } from './consent.ts'
import { HEAD_START_MS } from './limits.ts'
import { openInventory } from './opened-inventory.ts'
import type { Site } from './site.ts'
import { withSite } from './sites.ts'

/** What a command that changes a whole phase is given beside the app. */
export interface Ground {
  inventory: Inventory
  site: Site
}

export type ActingCommand<O> = (app: App, ground: Ground, options: O) => Promise<Outcome>

/**
 * Sets out to all hosts of the phase, and loads the command that acts there while they bring their agents
 * up. Loading keeps this process busy, and a handshake would wait for it.
 *
 * @throws UsageError, before anybody sets out, where nobody can agree to what it does
 */
export async function onSite<O>(
  app: App,
  options: O,
  load: () => Promise<ActingCommand<O>>,
): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withSite(app, inventory, async (site) => {
    requireAnswerer(app)
    await Promise.race([site.approach(), delay(HEAD_START_MS, undefined, { ref: false })])
    app.signal.throwIfAborted()
    const act = await load()
    return act(app, { inventory, site }, options)
  })
}
