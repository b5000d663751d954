import { readBounded } from './bounded-file.ts'
import type { HostKeyKnowledge } from './judge-host-key.ts'
import { parseKnownHosts } from './known-hosts.ts'
import { KNOWN_HOSTS_BYTES_MAX } from './limits.ts'
import type { ResolvedHost } from './resolve-host.ts'

/**
 * What the files say about a host's keys.
 *
 * @throws OperatorError for a file that is there and cannot be read: it could revoke a key
 */
export async function knowledgeOf(host: ResolvedHost): Promise<HostKeyKnowledge> {
  const files = await Promise.all(
    host.knownHostsFiles.map(async (path) => {
      const file = await readBounded(path, KNOWN_HOSTS_BYTES_MAX)
      return file === null ? [] : parseKnownHosts(file.text, path)
    }),
  )
  return { name: host.knownAs, pins: host.pins, lines: files.flat() }
}
