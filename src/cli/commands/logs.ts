import type { Target } from '../../ops/targets/target.ts'
import type { App, Outcome } from '../command.ts'
import { UsageError } from '../failure.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { formatLogLine, timeOf } from '../output/log-line.ts'
import { withSite } from '../sites.ts'

export interface LogsOptions {
  lines: number
  follow: boolean
}

interface Line {
  node: string
  text: string
}

/** The end of the nodes' logs, in order of time; then, when following, what comes. */
export async function logs(
  app: App,
  node: string | undefined,
  { lines, follow }: LogsOptions,
): Promise<Outcome> {
  if (follow && app.options.json) {
    const hint = 'leave out one of the two; node.log holds JSON lines already'
    throw new UsageError('--follow never ends, and --json is one whole document', hint)
  }
  const inventory = await openInventory(app)
  return withSite(app, inventory, async ({ targets: all }) => {
    const names = chosenNames(all, node)
    const targets = all.filter((target) => names.includes(target.name))
    if (!follow) return endOfLogs(app, targets, lines)
    await followAll(app, targets, lines)
    return { exit: 'done', json: {}, text: () => '' }
  })
}

async function endOfLogs(app: App, targets: readonly Target[], lines: number): Promise<Outcome> {
  const names = targets.map((target) => target.name)
  const found = await Promise.all(targets.map(async (target) => linesOf(app, target, lines)))
  const inOrder = found.flat().toSorted((a, b) => compare(timeOf(a.text), timeOf(b.text)))
  const width = widthOf(names)
  return {
    exit: 'done',
    json: {
      nodes: names.map((name) => ({
        name,
        lines: inOrder.filter((line) => line.node === name).map((line) => line.text),
      })),
    },
    text: (paint) =>
      inOrder.map((line) => formatLogLine(line.text, paint, line.node.padEnd(width))).join('\n'),
  }
}

async function linesOf({ signal }: App, target: Target, lines: number): Promise<Line[]> {
  const found: Line[] = []
  for await (const text of target.logs({ lines, follow: false }, signal)) {
    found.push({ node: target.name, text })
  }
  return found
}

async function followAll(
  { screen, signal }: App,
  targets: readonly Target[],
  lines: number,
): Promise<void> {
  const width = widthOf(targets.map((target) => target.name))
  await Promise.all(
    targets.map(async (target) => {
      for await (const text of target.logs({ lines, follow: true }, signal)) {
        screen.print((paint) => formatLogLine(text, paint, target.name.padEnd(width)))
      }
    }),
  )
}

const widthOf = (names: readonly string[]): number => Math.max(...names.map((name) => name.length))

/** Lines without a time stay behind the one before them: sorting is stable. */
const compare = (a: string, b: string): number =>
  a === '' || b === '' || a === b ? 0 : a < b ? -1 : 1
