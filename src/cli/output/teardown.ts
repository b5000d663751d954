import type { Traces } from '../../ops/targets/target.ts'
import { count, size } from './amount.ts'
import type { Paint } from './paint.ts'

export interface ShownTeardown {
  node: string
  traces: Traces
  purgesData: boolean
  /** Paths that are not ours and stayed; null: nothing was removed yet. */
  left: readonly string[] | null
}

/** Whether there is nothing that a teardown would change. */
export const isNothing = ({ traces, purgesData }: ShownTeardown): boolean =>
  traces.found.length === 0 && !traces.isRunning && (traces.data === null || !purgesData)

/** What goes and what stays: as a plan before it is done, and as a report after it. */
export function formatTeardown(shown: ShownTeardown, paint: Paint): string {
  const { node, traces, left } = shown
  const { isRunning, found, stays, unseen } = traces
  const isDone = left !== null
  if (isNothing(shown)) {
    const nothing = `Nothing of ${node} is there to be removed.`
    return [nothing, ...dataLines(shown, paint)].join('\n')
  }
  const goes = (text: string): string => `  ${paint.bad('-')} ${text}`
  const keeps = (text: string): string => `  ${paint.faint('=')} ${text}`
  return [
    isDone ? `${paint.good('✔')} ${node} is removed` : `${node} is removed from where it lives:`,
    ...(isRunning ? [goes(isDone ? 'it was stopped' : 'it runs, and is stopped first')] : []),
    ...found.map(({ kind, name }) => goes(`${kind} ${name}`)),
    ...dataLines(shown, paint),
    ...stays.map((text) => keeps(text)),
    ...(left ?? []).map((path) => keeps(`${path} is not ours`)),
    ...(unseen === null ? [] : [`  ${paint.unsure('?')} there may be more: ${unseen}`]),
    ...(isDone ? [after(node)] : []),
  ].join('\n')
}

function dataLines({ traces, purgesData }: ShownTeardown, paint: Paint): string[] {
  const { data } = traces
  if (data === null) return []
  const { path, files, bytes } = data
  const much =
    files === null || bytes === null ? 'not counted' : `${count(files, 'file')}, ${size(bytes)}`
  const what = `data ${path}: ${much}`
  if (purgesData) return [`  ${paint.bad('-')} ${what}, for good`]
  return [`  ${paint.faint('=')} ${what}; kept, and found by the next deploy`]
}

const after = (node: string): string =>
  `The other nodes still count on ${node}: deploy it again, or take it out of nodes.yaml and deploy.`
