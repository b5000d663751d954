import type { LockHolder } from '../../ops/rollout/lock-holder.ts'
import type { PhaseRecord } from '../../ops/rollout/record.ts'
import type { App, Outcome } from '../command.ts'
import { requireConsent } from '../consent.ts'
import { openInventory } from '../opened-inventory.ts'
import { duration } from '../output/amount.ts'
import { withSite } from '../sites.ts'

/** Shows who works on the phase; once that is agreed to, takes the lock from them. */
export async function unlock(app: App): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withSite(app, inventory, async ({ record }) => unlockRecord(app, record))
}

async function unlockRecord(app: App, record: PhaseRecord): Promise<Outcome> {
  const { holder } = await record.look()
  if (holder === null) return outcomeOf(null, false, 'Nobody has the lock.')

  const whose = describe(holder)
  if (app.options.dryRun) return outcomeOf(holder, false, `${whose} The lock would be taken away.`)
  app.screen.say(() => whose)
  await requireConsent(app, 'Take the lock away?')
  await record.unlock(holder)
  return outcomeOf(
    holder,
    true,
    'The lock is free. What was begun is finished or undone by the next deploy.',
  )
}

function describe({ owner, pid, command, ageMs, silentMs, isStale }: LockHolder): string {
  const since = `${owner} (process ${pid}) is at "${command}" since ${duration(ageMs)}`
  return isStale
    ? `${since}, and is gone: any command would take over.`
    : `${since}, last heard of ${duration(silentMs)} ago. It stops at its next step.`
}

const outcomeOf = (holder: LockHolder | null, isUnlocked: boolean, text: string): Outcome => ({
  exit: 'done',
  json: {
    holder:
      holder === null
        ? null
        : {
            owner: holder.owner,
            pid: holder.pid,
            command: holder.command,
            age_ms: Math.round(holder.ageMs),
            silent_ms: Math.round(holder.silentMs),
            stale: holder.isStale,
          },
    unlocked: isUnlocked,
  },
  text: () => text,
})
