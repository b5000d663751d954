import type { ShownFile } from '../targets/settings.ts'
import type { Contents, ObservedContents, ObservedNode } from '../targets/target.ts'
import type { Plan, PlannedNode } from './plan.ts'
import { differencesOf } from './plan-differences.ts'
import { textHunks, type Hunk } from './plan-texts.ts'
import { variableChanges, type Sign, type VariableChange } from './plan-variables.ts'

/** One file of a node's settings that differs. */
export interface FileChange {
  path: string
  change: Sign
  /**
   * `text`: lines differ. `comments`: only what no node reads. `secret`: a text that is not shown.
   * `mode`: only who may read it.
   */
  what: 'text' | 'comments' | 'secret' | 'mode'
  /** Permission bits, where they differ. */
  mode: { from: number; to: number } | null
  /** Null where there is no text to show, or it was rewritten from one end to the other. */
  hunks: readonly Hunk[] | null
  /** The variable whose items it repeats, one a line: all that changes in it changes there. */
  follows: string | null
}

/** One file of the release that differs; null: it is not there. */
export interface ArtifactChange {
  path: string
  change: Sign
  fromBytes: number | null
  toBytes: number | null
}

export interface ReleaseName {
  id: string
  version: string
}

/** What differs between two generations' settings. */
export type SettingsChange =
  | ({ kind: 'variable' } & VariableChange)
  | ({ kind: 'file' } & FileChange)

/** What a plan changes on one node. No secret is in it. */
export type NodeChange =
  | { kind: 'first'; release: ReleaseName; files: number; bytes: number; brings: readonly string[] }
  /** `files` null: they cannot be told, since a manifest is unreadable. */
  /** What the host lacks and is given. */
  | { kind: 'brings'; what: readonly string[] }
  | {
      kind: 'release'
      from: ReleaseName
      to: ReleaseName
      files: readonly ArtifactChange[] | null
    }
  | SettingsChange
  /** Settings are not what they were, and what they were is not known. */
  | { kind: 'settings'; from: string; to: string }
  | { kind: 'process'; from: 'stopped' | 'failing' | 'unsupervised'; to: 'running' }
  | Drift

/**
 * What changed on the node by itself, from what was activated to what was found.
 * `settings`: kept as a generation of its own before it is `replaced`; `adopted` when it is what is
 * wanted by now. `release`: `repaired` when that release goes on running, `left` when another comes.
 */
export type Drift =
  | {
      kind: 'drift'
      what: 'settings'
      outcome: 'replaced' | 'adopted'
      /** Null: what was activated is not known. */
      changes: readonly SettingsChange[] | null
    }
  | {
      kind: 'drift'
      what: 'release'
      outcome: 'repaired' | 'left'
      /** Empty: it cannot be told which. */
      files: readonly { path: string; change: Sign }[]
    }
  /** Files of others change how the node is run; nobody but them takes these away. */
  | { kind: 'drift'; what: 'units'; outcome: 'kept'; files: readonly string[] }

/** By node, in rollout order; in the order in which people read them. */
export type Change = { node: string } & NodeChange

/**
 * What `plan` changes on each node that it touches, for people: the plan's digest and its steps rest
 * on none of it. Settings are told from what was activated, drift apart from that.
 *
 * @param wanted what each touched node's next generation consists of, by name
 */
export function planChanges(
  plan: Plan,
  observed: readonly ObservedNode[],
  wanted: ReadonlyMap<string, Contents>,
): Change[] {
  return plan.nodes.flatMap((planned) => {
    const found = observed.find((one) => one.name === planned.name)
    const next = wanted.get(planned.name)
    if (found === undefined) return []
    const changes = [
      ...overrideDrift(found),
      ...(planned.act === null || next === undefined
        ? []
        : nodeChanges(plan.release, planned, found, next)),
    ]
    return changes.map((change) => Object.assign({ node: planned.name }, change))
  })
}

/** Told of a node that stays as it is, too: it is not run as its settings say. */
const overrideDrift = ({ overrides: files }: ObservedNode): Drift[] =>
  files.length === 0 ? [] : [{ kind: 'drift', what: 'units', outcome: 'kept', files }]

function nodeChanges(
  release: ReleaseName,
  planned: PlannedNode,
  observed: ObservedNode,
  next: Contents,
): NodeChange[] {
  const { current, contents } = observed
  if (current === null || contents === null) return [firstChange(release, observed, next)]
  const changes: NodeChange[] = driftOf(planned, observed, contents)
  if (observed.lacks.length > 0) changes.push({ kind: 'brings', what: observed.lacks })
  if (current.release !== release.id) {
    const from = { id: current.release, version: current.version }
    const files = artifactChanges(contents.release, next.release)
    changes.push({ kind: 'release', from, to: { id: release.id, version: release.version }, files })
  }
  const before = contents.activated
  if (before !== null) changes.push(...settingsChanges(before, next.settings))
  else if (current.settings !== planned.next.settings) {
    changes.push({ kind: 'settings', from: current.settings, to: planned.next.settings })
  }
  return [...changes, ...processChanges(planned, observed)]
}

function firstChange(release: ReleaseName, { lacks }: ObservedNode, next: Contents): NodeChange {
  const files = next.release ?? []
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const { id, version } = release
  const brings = [...lacks, ...next.settings.map((file) => file.path)]
  return { kind: 'first', release: { id, version }, files: files.length, bytes, brings }
}

function driftOf({ next }: PlannedNode, { current }: ObservedNode, found: ObservedContents) {
  const drifts: Drift[] = []
  if (current === null) return drifts
  if (!current.isReleaseIntact) {
    const outcome = current.release === next.release ? 'repaired' : 'left'
    drifts.push({ kind: 'drift', what: 'release', outcome, files: found.releaseEdits })
  }
  if (!current.areSettingsIntact) {
    const outcome = current.settings === next.settings ? 'adopted' : 'replaced'
    const changes =
      found.activated === null ? null : settingsChanges(found.activated, found.settings)
    drifts.push({ kind: 'drift', what: 'settings', outcome, changes })
  }
  return drifts
}

function processChanges({ next }: PlannedNode, observed: ObservedNode): NodeChange[] {
  return differencesOf(observed, next).flatMap((difference) =>
    difference.kind === 'down' ? [{ kind: 'process', from: difference.how, to: 'running' }] : [],
  )
}

type ReleaseFiles = NonNullable<Contents['release']>

function artifactChanges(
  from: ReleaseFiles | null,
  to: ReleaseFiles | null,
): ArtifactChange[] | null {
  if (from === null || to === null) return null
  return pairsOf(from, to).flatMap(([path, was, becomes]) => {
    if (was?.sha256 === becomes?.sha256) return []
    const [fromBytes, toBytes] = [was?.bytes ?? null, becomes?.bytes ?? null]
    return [{ path, change: signOf(was, becomes), fromBytes, toBytes }]
  })
}

const ENV_FILE = '.env'

function settingsChanges(from: readonly ShownFile[], to: readonly ShownFile[]): SettingsChange[] {
  const pairs = pairsOf(from, to)
  const variables = pairs.flatMap(([path, was, becomes]) =>
    path === ENV_FILE && was !== undefined && becomes !== undefined
      ? variablesOf(was.text, becomes.text)
      : [],
  )
  const files = pairs.flatMap(([path, was, becomes]): FileChange[] => {
    const change = fileChange(path, was, becomes, variables.length > 0)
    return change === null ? [] : [{ ...change, follows: followedBy(change, variables) }]
  })
  return [
    ...variables.map((change) => Object.assign({ kind: 'variable' as const }, change)),
    ...files.map((change) => Object.assign({ kind: 'file' as const }, change)),
  ]
}

const variablesOf = (from: string | null, to: string | null): VariableChange[] =>
  from === null || to === null ? [] : variableChanges(from, to)

/** @param isTold its variables are told one by one */
function fileChange(
  path: string,
  was: ShownFile | undefined,
  becomes: ShownFile | undefined,
  isTold: boolean,
): Omit<FileChange, 'follows'> | null {
  const isBoth = was !== undefined && becomes !== undefined
  const mode = isBoth && was.mode !== becomes.mode ? { from: was.mode, to: becomes.mode } : null
  const isSame = was?.sha256 === becomes?.sha256 || (path === ENV_FILE && isBoth && isTold)
  if (isSame && mode === null) return null
  const change = { path, change: signOf(was, becomes), mode, hunks: null }
  if (isSame) return { ...change, what: 'mode' }
  if (was?.text === null || becomes?.text === null) return { ...change, what: 'secret' }
  if (path === ENV_FILE) return { ...change, what: isBoth ? 'comments' : 'text' }
  return { ...change, what: 'text', hunks: textHunks(was?.text ?? '', becomes?.text ?? '') }
}

/** The list that changes by just the lines that the file changes by. */
function followedBy(
  { hunks }: Omit<FileChange, 'follows'>,
  variables: readonly VariableChange[],
): string | null {
  const lines = hunks?.flatMap((hunk) => hunk.lines) ?? []
  const marked = (sign: string): string =>
    lines
      .filter((line) => line.startsWith(sign))
      .map((line) => line.slice(1))
      .toSorted()
      .join('\n')
  const followed = variables.find(
    ({ items }) =>
      items !== null &&
      items.added.length + items.removed.length > 0 &&
      marked('+') === items.added.toSorted().join('\n') &&
      marked('-') === items.removed.toSorted().join('\n'),
  )
  return followed?.name ?? null
}

/** Both sides of every path, by path. */
function pairsOf<T extends { path: string }>(
  from: readonly T[],
  to: readonly T[],
): [path: string, was: T | undefined, becomes: T | undefined][] {
  const [old, next] = [from, to].map((files) => new Map(files.map((file) => [file.path, file])))
  const paths = [...new Set([...from, ...to].map((file) => file.path))].toSorted()
  return paths.map((path) => [path, old?.get(path), next?.get(path)])
}

const signOf = (was: unknown, becomes: unknown): Sign =>
  was === undefined ? 'added' : becomes === undefined ? 'removed' : 'changed'
