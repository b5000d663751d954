import type {
  Change,
  Drift,
  FileChange,
  NodeChange,
  SettingsChange,
} from '../../ops/rollout/plan-changes.ts'
import type { Plan } from '../../ops/rollout/plan.ts'
import type { Hunk } from '../../ops/rollout/plan-texts.ts'
import type { VariableChange } from '../../ops/rollout/plan-variables.ts'

/** The document of a plan that was only to look at. */
export const planDocument = (plan: Plan, changes: readonly Change[]) => ({
  digest: plan.digest,
  kind: plan.kind,
  release: plan.release.id,
  version: plan.release.version,
  steps: plan.steps,
  changes: changes.map(({ node, ...change }) => ({ node, ...changeDocument(change) })),
})

function changeDocument(change: NodeChange) {
  switch (change.kind) {
    case 'release': {
      const { kind, from, to, files } = change
      const told = files?.map(({ path, change: sign, fromBytes, toBytes }) => ({
        path,
        change: sign,
        from_bytes: fromBytes,
        to_bytes: toBytes,
      }))
      return { kind, from, to, files: told ?? null }
    }
    case 'drift':
      return driftDocument(change)
    case 'variable':
    case 'file':
      return settingsDocument(change)
    default:
      return change
  }
}

const driftDocument = (drift: Drift) =>
  drift.what !== 'settings'
    ? drift
    : { ...drift, changes: drift.changes?.map((change) => settingsDocument(change)) ?? null }

const settingsDocument = (change: SettingsChange) =>
  change.kind === 'variable' ? variableDocument(change) : fileDocument(change)

const variableDocument = ({ name, change, isMasked, from, to, items }: VariableChange) => ({
  kind: 'variable',
  name,
  change,
  masked: isMasked,
  from,
  to,
  items,
})

const fileDocument = ({ path, change, what, mode, hunks, follows }: FileChange) => ({
  kind: 'file',
  path,
  change,
  what,
  mode,
  diff: hunks?.map(hunkDocument) ?? null,
  follows,
})

const hunkDocument = ({ fromLine, toLine, lines }: Hunk) => ({
  from_line: fromLine,
  to_line: toLine,
  lines,
})
