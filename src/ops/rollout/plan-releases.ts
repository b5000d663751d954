import { hash } from 'node:crypto'
import type { Generation, HeldGeneration, ObservedNode } from '../targets/target.ts'
import type { Plan } from './plan.ts'

/** A rollout after which the whole lattice passed its gates and its verification. */
export interface ProvenRelease {
  release: string
  version: string
  /** Id of the lattice, 64 hex. */
  lattice: string
  /** When it was last deployed and proven, ISO 8601. */
  provenAt: string
  /** It was rolled back from: only asked for by name. */
  isWithdrawn: boolean
  /** What each node ran, by name. */
  nodes: Readonly<Record<string, { settings: string; configDigest: string }>>
}

/** Releases that a rollback can choose from. Failed ones never count. */
const RELEASES_KEPT = 5
/** Settings that one release is kept with. */
const SETTINGS_KEPT = 5

const isSame = (a: ProvenRelease, b: ProvenRelease): boolean =>
  a.release === b.release &&
  a.lattice === b.lattice &&
  Object.keys(a.nodes).length === Object.keys(b.nodes).length &&
  Object.entries(a.nodes).every(([name, node]) => b.nodes[name]?.settings === node.settings)

/**
 * The register, oldest first, after `fresh` was proven. A deploy is the newest from then on; a
 * rollback keeps its place and withdraws what is newer, so that the next rollback goes further back.
 */
export function withProven(
  proven: readonly ProvenRelease[],
  fresh: ProvenRelease,
  kind: 'deploy' | 'rollback',
): readonly ProvenRelease[] {
  const place = proven.findIndex((one) => isSame(one, fresh))
  const isNewest = place !== -1 && place === proven.length - 1
  if (isNewest && proven[place]?.isWithdrawn === false) return proven
  if (kind === 'rollback' && place !== -1) {
    return proven.map((one, index) =>
      index < place ? one : Object.assign({}, one, { isWithdrawn: index > place }),
    )
  }
  return trimmed([...proven.filter((_one, index) => index !== place), fresh])
}

/** The register after what `plan` led to was proven; the same one when that says nothing new. */
export function afterProof(
  proven: readonly ProvenRelease[],
  { release, nodes, lattice, kind }: Plan,
  now: Date,
): readonly ProvenRelease[] {
  if (nodes.some((node) => node.next.release !== release.id)) return proven
  const fresh: ProvenRelease = {
    release: release.id,
    version: release.version,
    lattice,
    provenAt: now.toISOString(),
    isWithdrawn: false,
    nodes: Object.fromEntries(
      nodes.map(({ name, next, configDigest }) => [
        name,
        { settings: next.settings, configDigest },
      ]),
    ),
  }
  return withProven(proven, fresh, kind)
}

/** The newest of each of the last releases; a withdrawn one takes no other's place. */
function trimmed(proven: readonly ProvenRelease[]): ProvenRelease[] {
  const kept = new Map<string, number>()
  const newestFirst = proven.toReversed().filter((one) => {
    const settings = kept.get(one.release) ?? 0
    const others = [...kept.keys()].filter((release) => release !== one.release).length
    if (settings >= SETTINGS_KEPT || others >= RELEASES_KEPT) return false
    if (!one.isWithdrawn) kept.set(one.release, settings + 1)
    return true
  })
  return newestFirst.toReversed()
}

/** What each node must go on holding: all that a rollback may choose. */
export const keptGenerations =
  (proven: readonly ProvenRelease[]) =>
  (name: string): Generation[] =>
    proven.flatMap(({ release, nodes }) => {
      const node = nodes[name]
      return node === undefined ? [] : [{ release, settings: node.settings }]
    })

export interface ReleaseRow {
  id: string
  version: string
  /** Tells apart what one release was proven with: of all nodes' settings, 8 hex; null: never proven. */
  settings: string | null
  /** Null: held somewhere, never proven. */
  provenAt: string | null
  isProven: boolean
  isWithdrawn: boolean
  /** Names of the nodes that run it, with the settings that it was proven with if it was. */
  currentOn: string[]
}

const digestOf = (nodes: ProvenRelease['nodes']): string => {
  const settings = Object.entries(nodes).map(([name, node]) => `${name} ${node.settings}`)
  return hash('sha256', settings.toSorted().join('\n')).slice(0, 8)
}

/** Every release that is proven or held, newest first; those never proven at the end. */
export function releaseRows(
  proven: readonly ProvenRelease[],
  observed: readonly ObservedNode[],
): ReleaseRow[] {
  const runs = (release: string, settingsOf: (name: string) => string | undefined): string[] =>
    observed
      .filter(({ name, current }) => {
        if (current?.release !== release) return false
        const settings = settingsOf(name)
        return settings === undefined || settings === current.settings
      })
      .map((node) => node.name)

  const rows = proven.toReversed().map((one) => ({
    id: one.release,
    version: one.version,
    settings: digestOf(one.nodes),
    provenAt: one.provenAt,
    isProven: true,
    isWithdrawn: one.isWithdrawn,
    currentOn: runs(one.release, (name) => one.nodes[name]?.settings ?? ''),
  }))
  const others = new Map<string, HeldGeneration>(
    observed
      .flatMap((node) => node.held)
      .filter((held) => !proven.some((one) => one.release === held.release))
      .map((held) => [held.release, held]),
  )
  return [
    ...rows,
    ...[...others.values()].map(({ release, version }) => ({
      id: release,
      version,
      settings: null,
      provenAt: null,
      isProven: false,
      isWithdrawn: false,
      currentOn: runs(release, () => undefined),
    })),
  ]
}
