import { join } from 'node:path'
import type { Owner } from '../../host/durable-file.ts'
import type { Generation } from '../target.ts'

/**
 * Where things lie in a node's folder, on this machine and on servers. The room `placement` owns the
 * files of releases and generations in such a folder and the one link that is switched. It must not
 * know processes, services or how the folder was reached.
 *
 *     blobs/<sha256>                 content of release files, hard-linked into releases
 *     releases/<id>/                 one artifact
 *     generations/<id>-<settings>/   release -> ../../releases/<id>, settings/, generation.json
 *     current -> generations/…       the one link that is switched
 *     shared/                        the node's working directory: data/, .env -> ../current/settings/.env, …
 *     run/                           fence, and what else the kind of target keeps of its process
 */
export const layoutOf = (root: string, host: PlaceOnHost = onlyHere) => ({
  root,
  blobs: join(root, 'blobs'),
  releases: join(root, 'releases'),
  generations: join(root, 'generations'),
  current: join(root, 'current'),
  currentRelease: join(root, 'current', 'release'),
  // Spelt here and not taken from wire/manifest.ts: the supervisor carries no schema library.
  currentManifest: join(root, 'current', 'release', 'manifest.json'),
  currentSettings: join(root, 'current', 'settings'),
  shared: join(root, 'shared'),
  data: join(root, 'shared', 'data'),
  run: join(root, 'run'),
  fence: join(root, 'run', 'fence'),
  owner: host.owner,
  /** Where a settings file is looked for by what reads it. */
  inForce: (path: string): string => host.copyOf(path) ?? join(root, 'shared', path),
})
export type Layout = ReturnType<typeof layoutOf>

/** What a folder has to do with the rest of its host. */
interface PlaceOnHost {
  /** The user that the node runs as; null: the one that places the files. */
  owner: Owner | null
  /** Where on the host a settings file is copied to when it is activated; null: nowhere. */
  copyOf: (path: string) => string | null
}

const onlyHere: PlaceOnHost = { owner: null, copyOf: () => null }

export const GENERATION_FILE = 'generation.json'

export const generationFolder = ({ release, settings }: Generation): string =>
  `${release}-${settings.slice(0, 12)}`
