import { dirname, join } from 'node:path'
import { LocalTarget } from './local-target.ts'
import { namesIn } from '../placement/releases.ts'

export interface LocalNodes {
  /** Folder that holds a folder for each node, absolute. Beside it lies `runtime`, what they run with. */
  directory: string
  /** The supervisor's program, absolute: `dist/cli/supervisor.mjs`. */
  supervisor: string
}

/** The nodes `names` on this machine, in that order. */
export const localTargets = (place: LocalNodes, names: readonly string[]): LocalTarget[] =>
  names.map(
    (name) =>
      new LocalTarget({
        name,
        root: join(place.directory, name),
        supervisor: place.supervisor,
        runtime: join(dirname(place.directory), 'runtime'),
      }),
  )

/** Nodes that have a folder here but are not among `names`: taken out of nodes.yaml while deployed. */
export async function strayLocalTargets(
  place: LocalNodes,
  names: readonly string[],
): Promise<LocalTarget[]> {
  const found = await namesIn(place.directory)
  return localTargets(place, found.filter((name) => !names.includes(name)).toSorted())
}
