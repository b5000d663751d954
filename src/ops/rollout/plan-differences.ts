import type { Generation, ObservedNode } from '../targets/target.ts'

/**
 * One way in which a node is not what it should be. `drift`: nobody deployed that; it changed on the
 * node itself.
 */
export type Difference =
  | { kind: 'new' }
  | { kind: 'release'; from: string; to: string }
  | { kind: 'settings'; from: string; to: string }
  | { kind: 'drift'; what: 'release files' | 'settings' }
  | { kind: 'down'; how: 'failing' | 'stopped' | 'unsupervised' }

/** What differs between a node and the generation that it should run. Empty: nothing. */
export function differencesOf(node: ObservedNode, next: Generation): Difference[] {
  const { current, process } = node
  if (current === null) return [{ kind: 'new' }]
  const differences: Difference[] = []
  if (current.release !== next.release) {
    differences.push({ kind: 'release', from: current.release, to: next.release })
  } else if (!current.isReleaseIntact) differences.push({ kind: 'drift', what: 'release files' })

  if (!current.areSettingsIntact) differences.push({ kind: 'drift', what: 'settings' })
  else if (current.settings !== next.settings) {
    differences.push({ kind: 'settings', from: current.settings, to: next.settings })
  }
  if (process.state !== 'running') {
    const isLeftBehind = process.pid !== null && !process.isSupervised
    differences.push({ kind: 'down', how: isLeftBehind ? 'unsupervised' : process.state })
  }
  return differences
}

export const describeDifferences = (differences: readonly Difference[]): string =>
  differences.map(describe).join('; ')

const downReasons = {
  failing: 'it keeps failing',
  stopped: 'it is stopped',
  unsupervised: 'it runs without its supervisor',
} as const

function describe(difference: Difference): string {
  switch (difference.kind) {
    case 'new':
      return 'first deployment'
    case 'release':
      return `release ${difference.from} → ${difference.to}`
    case 'settings':
      return `settings ${difference.from.slice(0, 12)} → ${difference.to.slice(0, 12)}`
    case 'drift':
      return `drift: ${difference.what} were edited on the node`
    case 'down':
      return downReasons[difference.how]
  }
}
