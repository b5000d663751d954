import type { NodeSpec, ServerSpec } from '../inventory/inventory.ts'
import { hostOf, isProxied, portOf } from '../inventory/origins.ts'
import type { WantedDial, WantedPort } from './evidence.ts'

/** What is looked at of nodes that nodes.yaml describes. */

/** Where Caddy answers plain HTTP: with a redirect, and to authorities that give certificates. */
const PLAIN_HTTP_PORT = 80

/** The ports of a server; `front` is where a proxy serves its url, `plain` where Caddy leads there. */
export const serverPorts = ({ url, httpPort, p2pPort, proxy }: ServerSpec): WantedPort[] => [
  { name: 'http', port: httpPort },
  { name: 'p2p', port: p2pPort },
  ...(isProxied(url) ? [{ name: 'front', port: portOf(url) } as const] : []),
  ...(proxy === null ? [] : [{ name: 'plain', port: PLAIN_HTTP_PORT } as const]),
]

/** The names and addresses that somebody has to look up to reach a node, each once. */
export const namesOf = (spec: NodeSpec): string[] => [
  ...new Set(spec.kind === 'server' ? [hostOf(spec.url), spec.host] : [hostOf(spec.url)]),
]

/** Where a server will dial the other nodes. A Space has one port for all that it serves. */
export const dialsOf = (
  self: ServerSpec,
  all: readonly NodeSpec[],
  isP2pEnabled: boolean,
): WantedDial[] =>
  all
    .filter(({ name }) => name !== self.name)
    .flatMap((other): WantedDial[] => [
      { to: other.name, transport: 'http', host: hostOf(other.url), port: portOf(other.url) },
      ...(other.kind === 'server' && isP2pEnabled
        ? [{ to: other.name, transport: 'p2p', host: other.host, port: other.p2pPort } as const]
        : []),
    ])
