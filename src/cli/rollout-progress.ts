import type { Step } from '../ops/rollout/plan.ts'
import type { Progress } from '../ops/rollout/progress.ts'
import { duration } from './output/amount.ts'
import { wholeTitle, type Board, type Row } from './output/board.ts'
import type { Screen } from './output/screen.ts'

export interface ShownProgress {
  tell: (event: Progress) => void
  /** Resolves when everything that was told is on the screen. */
  close: () => Promise<void>
}

/**
 * Shows what a run tells: the `planned` steps, then those that undo them. Steps that nobody announced,
 * as those of a recovery, are shown when they are over.
 */
export function showProgress(screen: Screen, planned: readonly Step[]): ShownProgress {
  let board: Board | null = null
  let open = new Set<string>()
  // A board closes in its own time; what is told meanwhile waits.
  let shown = Promise.resolve()

  const begin = (rows: readonly Row[]): void => {
    open = new Set(rows.map((row) => row.id))
    board = rows.length === 0 ? null : screen.board(rows)
  }
  const end = async (): Promise<void> => {
    const closing = board
    board = null
    open.clear()
    await closing?.close()
  }
  const unproven = (step: Step, reason: string): void => {
    if (open.delete(step.id)) return board?.unproven(step.id, reason)
    screen.say((paint) => `${paint.unsure('?')} ${rowOf(step).title}: ${reason}`)
  }
  const show = async (event: Progress): Promise<void> => {
    switch (event.kind) {
      case 'run-begun':
        if (event.what !== 'recovery') return begin(planned.map(rowOf))
        return screen.say((paint) =>
          paint.unsure('an earlier command was cut short; bringing that to an end first'),
        )
      case 'step-begun':
        return
      case 'step-done':
        if (event.unproven !== undefined) return unproven(event.step, event.unproven)
        if (open.delete(event.step.id)) return board?.done(event.step.id, event.tookMs)
        return screen.say(
          (paint) =>
            `${paint.good('✔')} ${wholeTitle(rowOf(event.step))} (${duration(event.tookMs)})`,
        )
      case 'step-failed':
        if (open.delete(event.step.id)) return board?.failed(event.step.id, event.reason)
        return screen.say(
          (paint) => `${paint.bad('✘')} ${rowOf(event.step).title}: ${event.reason}`,
        )
      case 'revert-begun': {
        await end()
        const { reason, nodes } = event
        screen.say((paint) => paint.unsure(`${reason}; bringing back what was there before`))
        return begin(nodes.flatMap(undoing))
      }
      case 'run-ended':
        return end()
    }
  }
  return {
    tell: (event) => {
      shown = shown.then(async () => show(event))
    },
    close: async () => {
      await shown
      await end()
    },
  }
}

const rowOf = ({ id, action, node, detail }: Step): Row => ({
  id,
  title: `${action} ${node}`,
  detail,
})

const undoing = (node: string): Row[] => [
  { id: `restore:${node}`, title: `restore ${node}`, detail: '' },
  { id: `regate:${node}`, title: `prove ${node} again`, detail: '' },
]
