import { join } from 'node:path'
import type { Generation } from '../target.ts'

/**
 * Where things lie in a node's folder:
 *
 *     blobs/<sha256>                 content of release files, hard-linked into releases
 *     releases/<id>/                 one artifact
 *     generations/<id>-<settings>/   release -> ../../releases/<id>, settings/, generation.json
 *     current -> generations/…       the one link that is switched
 *     shared/                        the node's working directory: data/, .env -> ../current/settings/.env, …
 *     run/                           supervisor.json, launch, fence
 *     log/                           node.log, node.log.1, supervisor.log
 */
export const layoutOf = (root: string) => ({
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
  supervisorState: join(root, 'run', 'supervisor.json'),
  launch: join(root, 'run', 'launch'),
  fence: join(root, 'run', 'fence'),
  log: join(root, 'log'),
  nodeLog: join(root, 'log', 'node.log'),
  olderNodeLog: join(root, 'log', 'node.log.1'),
  supervisorLog: join(root, 'log', 'supervisor.log'),
})
export type Layout = ReturnType<typeof layoutOf>

export const GENERATION_FILE = 'generation.json'

export const generationFolder = ({ release, settings }: Generation): string =>
  `${release}-${settings.slice(0, 12)}`
