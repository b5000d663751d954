import {
  color,
  DefaultRenderer,
  Listr,
  ListrDefaultRendererLogLevels,
  ListrLogger,
  ProcessOutput,
  type ListrTask,
} from 'listr2'
import { OVER, wholeTitle, type Board, type Row, type Task, type Title } from './board.ts'

/** listr2's own renderer, on stderr, whatever stdout is. */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true
}

const SHOW_CURSOR = '\u001b[?25h'

const { COMPLETED } = ListrDefaultRendererLogLevels
/** How a task that went through is marked: a step is proven by that, a look is only over. */
const proven = {}
const over = { icon: { [COMPLETED]: OVER }, color: { [COMPLETED]: (mark = '') => color.dim(mark) } }

async function run(tasks: ListrTask[], marks: typeof over | typeof proven): Promise<void> {
  const logger = new ListrLogger({
    useIcons: true,
    toStderr: [],
    processOutput: new ProcessOutput(process.stderr, process.stderr),
  })
  const list = new Listr(tasks, {
    renderer: StderrRenderer,
    rendererOptions: { ...marks, logger, showErrorMessage: false, collapseSkips: true },
    // main.ts alone decides what a signal means; listr2 would end the process.
    registerSignalListeners: false,
    exitOnError: false,
  })
  // A second Ctrl-C ends the process in the middle of this, when the cursor is hidden.
  const showCursor = (): unknown => process.stderr.write(SHOW_CURSOR)
  process.once('exit', showCursor)
  await list.run()
  process.removeListener('exit', showCursor)
}

/** Shows a spinner beside what is done until `work` settles. */
export async function liveTask<T>({ doing, done }: Title, work: Task<T>): Promise<T> {
  let settled: Promise<T> | undefined
  const task: ListrTask = {
    title: doing,
    task: async (_context, shown) => {
      settled = work((text) => {
        shown.output = text
      })
      await settled
      shown.title = done
    },
  }
  await run([task], over)
  if (settled === undefined) throw new Error(`${doing} was never started`)
  return settled
}

/** Shows `rows` one after the other, each with a spinner until it is told how it went. */
export function openBoard(rows: readonly Row[]): Board {
  /** Null: done. Else why it carries no mark of that. */
  const settled = new Map(rows.map((row) => [row.id, Promise.withResolvers<string | null>()]))
  // A row may fail before the list has come to it.
  for (const { promise } of settled.values()) promise.catch(() => {})
  const running = run(
    rows.map(({ id, title, detail }) => ({
      title: wholeTitle({ id, title, detail }),
      task: async (_context, task) => {
        const unseen = await settled.get(id)?.promise
        if (typeof unseen === 'string') task.skip(`${title}: ${unseen}`)
      },
    })),
    proven,
  )
  return {
    done: (id) => settled.get(id)?.resolve(null),
    failed: (id, reason) => settled.get(id)?.reject(new Error(reason)),
    unproven: (id, reason) => settled.get(id)?.resolve(reason),
    close: async () => {
      for (const { resolve } of settled.values()) resolve('not reached')
      await running
    },
  }
}
