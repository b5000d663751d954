import { OperatorError } from '../../ops/errors.ts'
import { planRecovery } from '../../ops/rollout/plan-recovery.ts'
import type { Target, Traces } from '../../ops/targets/target.ts'
import type { App, Outcome } from '../command.ts'
import { UsageError } from '../failure.ts'
import { requireAnswerer, requireConsent } from '../consent.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { formatTeardown, isNothing, type ShownTeardown } from '../output/teardown.ts'
import type { Site } from '../site.ts'
import { straysOf, withSite } from '../sites.ts'

export interface TeardownOptions {
  purgeData: boolean
  /** The node's name, as the operator typed it with the command. */
  confirm?: string
}

/** Removes one node from where it lives, once what goes was shown and agreed to. */
export async function teardown(app: App, node: string, options: TeardownOptions): Promise<Outcome> {
  const { signal, screen } = app
  const inventory = await openInventory(app)
  return withSite(app, inventory, async (site) => {
    const all = [...site.targets, ...(await straysOf(app, inventory))]
    chosenNames(all, node)
    const target = all.find((one) => one.name === node)
    if (target === undefined) throw new Error(`no target for ${node}`)
    requireConfirmer(app, node, options)
    const found = await target.traces(signal)
    const shown: ShownTeardown = { node, traces: found, purgesData: options.purgeData, left: null }
    if (app.options.dryRun || isNothing(shown)) return outcomeOf(shown)

    screen.say((paint) => formatTeardown(shown, paint))
    if (options.purgeData) await requireName(app, node, options.confirm)
    else if (options.confirm === undefined) await requireConsent(app, `Remove ${node}?`)
    return outcomeOf(await remove(app, site, target, shown))
  })
}

async function remove(
  app: App,
  site: Site,
  target: Target,
  shown: ShownTeardown,
): Promise<ShownTeardown> {
  const { node, purgesData } = shown
  const record = await site.recordWith(node)
  return record.withLock({ command: 'teardown' }, async ({ lock, journal }) => {
    if (planRecovery(await journal.read()) !== null) throw unfinishedRun(node)
    // What was not to be seen before is told now; it can only be more of the same.
    const traces = await target.traces(app.signal)
    lock.signal.throwIfAborted()
    const title = { doing: `removing ${node}`, done: `removed ${node}` }
    const left = await app.screen.during(title, async () =>
      // Its last act removes the lock: from here on the fence alone speaks for us.
      target.teardown({ keepsData: !purgesData }, lock.token, app.signal),
    )
    return { ...shown, traces, left }
  })
}

const unfinishedRun = (node: string): OperatorError =>
  new OperatorError('unfinished-run', `a run was cut short; ${node} was not touched`, {
    hint: 'run "aethel-lattice deploy", which finishes or reverts it, and then try again',
  })

/** Refuses, before anything is done, what could not be agreed to later. */
function requireConfirmer(app: App, node: string, { purgeData, confirm }: TeardownOptions): void {
  if (confirm !== undefined && confirm !== node) throw otherName(node, confirm)
  if (confirm !== undefined || app.options.dryRun) return
  if (!purgeData) requireAnswerer(app)
  else if (!app.screen.canAsk) {
    throw new UsageError(
      `the data of ${node} are removed only by who gives its name, and nobody can be asked here`,
      `add --confirm ${node} when you mean it; --yes is not enough`,
      'needs-confirm',
    )
  }
}

/** @throws UsageError when another name was typed */
async function requireName(
  { screen, signal }: App,
  node: string,
  confirm: string | undefined,
): Promise<void> {
  const text = `To remove ${node} and its data for good, type its name:`
  const typed = confirm ?? (await screen.answer({ text, isSecret: false }, signal))
  if (typed !== node) throw otherName(node, typed)
}

const otherName = (node: string, typed: string): UsageError =>
  new UsageError(
    `${JSON.stringify(typed)} is not ${node}; nothing was touched`,
    `give the name of the node that is to go: ${node}`,
    'other-name',
  )

const outcomeOf = (shown: ShownTeardown): Outcome => ({
  exit: 'done',
  json: documentOf(shown),
  text: (paint) => formatTeardown(shown, paint),
})

function documentOf({ node, traces, purgesData, left }: ShownTeardown): object {
  const { isRunning, found, data, stays, unseen } = traces satisfies Traces
  return {
    node,
    removed: left !== null,
    was_running: isRunning,
    found,
    data: data === null ? null : { ...data, outcome: purgesData ? 'removed' : 'kept' },
    stays,
    left: left ?? [],
    unseen,
  }
}
