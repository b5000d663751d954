import type { Paint } from './paint.ts'
import { table } from './table.ts'

export interface KeysReport {
  directory: string
  nodes: readonly { name: string; peerId: string | null; isNew: boolean }[]
  tokenPath: string
  isTokenNew: boolean
  isDryRun: boolean
}

export function formatKeys(report: KeysReport, paint: Paint): string {
  const { nodes, directory, tokenPath, isTokenNew, isDryRun } = report
  const made = isDryRun ? 'would be made' : 'made'
  const state = (isNew: boolean): string => (isNew ? paint.good(made) : paint.faint('kept'))
  const rows = nodes.map(({ name, peerId, isNew }) => [name, state(isNew), peerId ?? ''])
  const isAnyNew = isTokenNew || nodes.some((node) => node.isNew)
  return [
    `Keys in ${directory}`,
    table([...rows, ['operator token', state(isTokenNew), paint.faint(tokenPath)]], '  '),
    ...(isAnyNew && !isDryRun
      ? ['Back them up and never commit them: they are who your nodes are.']
      : []),
  ].join('\n')
}
