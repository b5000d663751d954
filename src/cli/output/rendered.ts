import { count } from './amount.ts'
import type { Paint } from './paint.ts'

export interface Rendered {
  directory: string
  paths: readonly string[]
  secrets: readonly { node: string; variables: readonly string[] }[]
  isDryRun: boolean
}

export function formatRendered(rendered: Rendered, paint: Paint): string {
  const { directory, paths, secrets, isDryRun } = rendered
  const done = isDryRun ? 'would be written' : 'written'
  return [
    `${paint.good('✔')} ${count(paths.length, 'file')} ${done} to ${directory}`,
    ...paths.map((path) => `  ${path}`),
    ...secrets
      .filter((secret) => secret.variables.length > 0)
      .map(({ node, variables }) =>
        paint.faint(`  ${node} is also given, as secrets: ${variables.join(', ')}`),
      ),
  ].join('\n')
}
