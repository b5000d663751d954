import type { Target } from '../../ops/targets/target.ts'
import type { App, Outcome } from '../command.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import type { Paint } from '../output/paint.ts'
import type { Site } from '../site.ts'
import { straysOf, withSite } from '../sites.ts'

/** Stops nodes; what they hold stays. Nodes that were taken out of nodes.yaml are stopped as well. */
export async function down(app: App, node: string | undefined): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withSite(app, inventory, async (site) => {
    const all = [...site.targets, ...(await straysOf(app, inventory))]
    const names = chosenNames(all, node)
    return stopNodes(
      app,
      site,
      all.filter((target) => names.includes(target.name)),
    )
  })
}

async function stopNodes(
  { options, signal, screen }: App,
  site: Site,
  chosen: readonly Target[],
): Promise<Outcome> {
  if (options.dryRun) return outcomeOf(await foundOf(chosen, signal), false)

  // A host that has nothing of ours has nothing to stop, and must not keep the others from it.
  const record = await site.recordWith(null)
  return record.withLock({ command: 'down' }, async ({ lock }) => {
    const found = await foundOf(chosen, signal)
    const until = AbortSignal.any([signal, lock.signal])
    const listed = chosen.map((target) => target.name).join(', ')
    await screen.during({ doing: `stopping ${listed}`, done: `stopped ${listed}` }, async () => {
      await Promise.all(chosen.map(async (target) => target.stop(until)))
    })
    return outcomeOf(found, true)
  })
}

interface Found {
  name: string
  pid: number | null
  wasUp: boolean
}

/** A node that keeps failing has no process at times, and would be started again. */
const foundOf = async (targets: readonly Target[], signal: AbortSignal): Promise<Found[]> =>
  Promise.all(
    targets.map(async (target) => {
      const { pid, state } = (await target.observe(signal)).process
      return { name: target.name, pid, wasUp: state !== 'stopped' }
    }),
  )

const outcomeOf = (found: readonly Found[], isDone: boolean): Outcome => ({
  exit: 'done',
  json: {
    nodes: found.map(({ name, pid, wasUp }) => ({ name, pid, was_running: wasUp })),
    stopped: isDone,
  },
  text: (paint) => found.map((node) => lineOf(node, isDone, paint)).join('\n'),
})

function lineOf({ name, pid, wasUp }: Found, isDone: boolean, paint: Paint): string {
  if (!wasUp) return `${paint.faint('=')} ${name} was not running`
  const process = pid === null ? 'it kept failing' : `process ${pid}`
  return isDone
    ? `${paint.good('✔')} ${name} stopped (${process})`
    : `${paint.unsure('→')} ${name} would be stopped (${process})`
}
