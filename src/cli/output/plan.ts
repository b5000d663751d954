import type { Change } from '../../ops/rollout/plan-changes.ts'
import type { Plan, PlannedNode, Step } from '../../ops/rollout/plan.ts'
import { count } from './amount.ts'
import { formatChanges, summaryOf } from './changes.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

/** A plan, what it changes, and how much of that is shown. */
export interface ShownPlan {
  plan: Plan
  changes: readonly Change[]
  /** Nothing is cut short. */
  isFull: boolean
  /** The command that shows all: `aethel-lattice plan --full`. */
  fullCommand: string
}

/** What a plan would do, node by node, in the order in which it would, and what it changes. */
export function formatPlan(
  { plan, changes, isFull, fullCommand }: ShownPlan,
  paint: Paint,
): string {
  const { release, nodes, steps, digest, kind } = plan
  const target = `${release.id} (${release.version})`
  if (steps.length === 0) {
    const there = nodes.filter(({ next }) => next.release === release.id)
    const settings = kind === 'deploy' ? 'the settings of nodes.yaml' : 'its settings'
    const nothing = `${paint.faint('=')} Nothing to change: ${count(there.length, 'node')} ${there.length === 1 ? 'holds' : 'hold'} release ${target} and ${settings}`
    return changes.length === 0
      ? nothing
      : [nothing, '', formatChanges(changes, { paint, isFull })].join('\n')
  }
  const rows = nodes.map((node) => rowOf(node, changes, steps, paint))
  const prunes = steps.filter((step) => step.action === 'prune')
  const shown = formatChanges(changes, { paint, isFull })
  const isCut = shown !== formatChanges(changes, { paint, isFull: true })
  return [
    `${paint.strong(kind === 'deploy' ? 'Deploy' : 'Roll back to')} release ${paint.strong(target)}`,
    table(rows, '  '),
    ...(shown === '' ? [] : ['', shown, '']),
    ...(isCut ? [paint.faint(`… not all is shown: see "${fullCommand}"`)] : []),
    ...prunes.map(({ node, detail }) => paint.faint(`then ${node} ${detail}`)),
    ...(steps.some((step) => step.action === 'stage')
      ? ['Staged everywhere at once, then switched one node at a time, in this order.']
      : ['Switched one node at a time, in this order.']),
    kind === 'rollback'
      ? 'Each fits in before the next is switched, and is proven meanwhile; if one fails, all go back.'
      : 'Each is proven before the next; if one fails, all go back.',
    paint.faint(`plan ${digest}`),
  ].join('\n')
}

function rowOf(
  { name, act }: PlannedNode,
  changes: readonly Change[],
  steps: readonly Step[],
  paint: Paint,
): string[] {
  const what = summaryOf(
    changes.filter((change) => change.node === name),
    paint,
  )
  if (act === null) {
    const stays = paint.faint('stays as it is')
    return [paint.faint('='), name, what === '' ? stays : `${stays}, ${what}`]
  }
  const own = steps.filter((step) => step.node === name && step.action !== 'prune')
  return [paint.unsure('→'), name, what, paint.faint(own.map((step) => step.action).join(', '))]
}
