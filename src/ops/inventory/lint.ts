import { BlockList } from 'node:net'
import { isHostName, isIpv4, isIpv6 } from '../../wire/settings-readers.ts'
import type { Finding } from './document.ts'
import type { LatticeSpec, LocalSpec, NodeSpec, ServerSpec } from './inventory.ts'
import { hostOf, isProxied, portOf } from './origins.ts'
import { SPACE_OUTBOUND_PORTS } from './space.ts'

/** The parts of an inventory that are sound by themselves; null stands for one that is not. */
export interface SoundParts {
  lattice: LatticeSpec | null
  local: LocalSpec | null
  /** In the order of nodes.yaml. */
  nodes: readonly (NodeSpec | null)[]
}

/** What is wrong between values that are each sound. */
export function lint({ lattice, local, nodes }: SoundParts): Finding[] {
  const sound = nodes.flatMap((node, index) => (node === null ? [] : [{ node, index }]))
  const servers = sound.flatMap(({ node, index }) =>
    node.kind === 'server' ? [{ node, index }] : [],
  )
  const hasSpace = sound.some(({ node }) => node.kind === 'space')
  const slips = [
    ...twins(sound, 'name', ({ name }) => name),
    ...twins(sound, 'url', ({ url }) => url),
    ...servers.flatMap((server) => lintHost(server, sound)),
  ]
  // A node with another's url or host clashes in everything that follows from them.
  const ownServers = servers.filter(({ index }) => !slips.some(({ at }) => at[1] === index))
  return [
    ...(lattice === null ? [] : lintPolicy(lattice)),
    ...(local === null ? [] : lintLocalPorts(local, nodes.length)),
    ...lintRoles(nodes),
    ...slips,
    ...servers.flatMap((server) => [
      ...lintPorts(server),
      ...lintProxy(server),
      ...lintFirewall(server, servers),
      ...(hasSpace ? lintForSpaces(server) : []),
    ]),
    ...twins(ownServers, 'p2p_port', ({ host, p2pPort }) => `${host} port ${p2pPort}`),
    ...twins(ownServers, 'web_socket_port', ({ url, webSocketPort }) =>
      webSocketPort === null ? null : `${hostOf(url)} port ${webSocketPort}`,
    ),
    ...lintSharedMachines(ownServers),
    ...twins(ownServers, 'root', ({ ssh, root }) => `${machineOf(ssh)} folder ${root}`),
  ]
}

interface Placed<Spec extends NodeSpec = NodeSpec> {
  node: Spec
  index: number
}

const machineOf = ({ host, port }: ServerSpec['ssh']): string =>
  port === null || port === 22 ? host : `${host} (SSH port ${port})`

const value = (at: Finding['at'], message: string, hint: string): Finding => ({
  at,
  on: 'value',
  message,
  hint,
})

/** Nodes that share what each needs for itself. Told at each but the first. */
function twins<Spec extends NodeSpec>(
  nodes: readonly Placed<Spec>[],
  key: string,
  keyOf: (node: Spec) => string | null,
): Finding[] {
  const firsts = new Map<string, Spec>()
  return nodes.flatMap(({ node, index }) => {
    const shared = keyOf(node)
    const first = shared === null ? undefined : firsts.get(shared)
    if (shared === null) return []
    if (first === undefined) {
      firsts.set(shared, node)
      return []
    }
    const owner = key === 'name' ? 'another node' : first.name
    return [
      value(
        ['nodes', index, key],
        `${key}: ${shared} is taken by ${owner}`,
        'each node needs its own',
      ),
    ]
  })
}

function lintPolicy({ isP2pEnabled, syncPolicy }: LatticeSpec): Finding[] {
  if (isP2pEnabled || syncPolicy !== 'p2p') return []
  return [
    value(
      ['lattice', 'policy'],
      'policy: p2p, but p2p is false: nothing would sync',
      'write policy: auto, or p2p: true',
    ),
  ]
}

function lintRoles(nodes: SoundParts['nodes']): Finding[] {
  if (nodes.length === 0 || nodes.some((node) => node === null || node.role !== 'backup')) return []
  return [
    value(
      ['nodes', 0, 'role'],
      'role: every node is a backup',
      'make one node primary or public; a soft launch starts with those',
    ),
  ]
}

/** Node i takes `http_port + i` and `p2p_port + i`. */
function lintLocalPorts({ httpPort, p2pPort }: LocalSpec, nodeCount: number): Finding[] {
  const tooHigh = Object.entries({ http_port: httpPort, p2p_port: p2pPort })
    .filter(([, port]) => port + nodeCount - 1 > 65_535)
    .map(([key, port]) =>
      value(
        ['local', key],
        `${key}: ${nodeCount} nodes from ${port} on pass 65535`,
        `at most ${65_536 - nodeCount}`,
      ),
    )
  if (tooHigh.length > 0 || Math.abs(httpPort - p2pPort) >= nodeCount) return tooHigh
  const range = (port: number): string => `${port} to ${port + nodeCount - 1}`
  return [
    value(
      ['local', 'p2p_port'],
      `p2p_port: ${range(p2pPort)} overlaps http_port's ${range(httpPort)}`,
      `keep them at least ${nodeCount} apart`,
    ),
  ]
}

/** The ports that one machine listens on. */
function lintPorts({ node, index }: Placed<ServerSpec>): Finding[] {
  const urlPort = portOf(node.url)
  if (!isProxied(node.url) && node.httpPort !== urlPort) {
    return [
      value(
        ['nodes', index, 'http_port'],
        `http_port: ${node.httpPort}, but the url is plain http on port ${urlPort}`,
        `leave http_port out, or write the url that a proxy serves as https`,
      ),
    ]
  }
  const listeners: [key: string, port: number | null, what: string][] = [
    ['url', urlPort, isProxied(node.url) ? 'the proxy' : 'the node'],
    ['http_port', isProxied(node.url) ? node.httpPort : null, 'the node’s HTTP'],
    ['p2p_port', node.p2pPort, 'libp2p'],
    ['web_socket_port', node.webSocketPort === urlPort ? null : node.webSocketPort, 'the proxy'],
  ]
  const taken = new Map<number, string>()
  if (node.ssh.host === node.host) taken.set(node.ssh.port ?? 22, 'SSH')
  return listeners.flatMap(([key, port, what]) => {
    if (port === null) return []
    const other = taken.get(port)
    taken.set(port, other ?? what)
    if (other === undefined) return []
    return [
      value(
        ['nodes', index, key],
        `${key}: port ${port} is taken by ${other}`,
        'choose another port',
      ),
    ]
  })
}

/** What Caddy can serve, with which certificate. */
function lintProxy({ node, index }: Placed<ServerSpec>): Finding[] {
  const { proxy, url, webSocketPort } = node
  if (proxy === null) return []
  const say = (key: string, message: string, hint: string): Finding[] => [
    value(['nodes', index, key], message, hint),
  ]
  const host = hostOf(url)
  if (!isProxied(url)) {
    return say('proxy', 'proxy: caddy serves https, but the url is plain http', 'write https')
  }
  if (webSocketPort !== portOf(url)) {
    return say(
      'web_socket_port',
      `web_socket_port: ${webSocketPort}, but Caddy serves WebSockets where it serves the url, on ${portOf(url)}`,
      'leave web_socket_port out',
    )
  }
  if (proxy.tls === null && (!isHostName(host) || isIpv4(host) || !host.includes('.'))) {
    return say(
      'proxy',
      `proxy: caddy gets no certificate for ${host} from a public authority`,
      'write a url with a public name, or give tls a certificate and its key',
    )
  }
  return []
}

/** Other servers that are named by their addresses must be let through; those with names may be. */
function lintFirewall(
  { node, index }: Placed<ServerSpec>,
  servers: readonly Placed<ServerSpec>[],
): Finding[] {
  if (node.firewall === null) return []
  const allowed = new BlockList()
  for (const network of node.firewall.allow) {
    const [address = '', bits] = network.split('/')
    const family = isIpv4(address) ? 'ipv4' : 'ipv6'
    allowed.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family)
  }
  const shutOut = servers.filter(({ node: { name, host } }) => {
    if (name === node.name || !(isIpv4(host) || isIpv6(host))) return false
    return !allowed.check(host, isIpv4(host) ? 'ipv4' : 'ipv6')
  })
  return shutOut.map(({ node: other }) =>
    value(
      ['nodes', index, 'firewall'],
      `firewall: ${other.name} (${other.host}) is not allowed to reach ${node.name}`,
      'add its address to allow',
    ),
  )
}

/** Nodes on one machine listen on ports of their own. */
function lintSharedMachines(servers: readonly Placed<ServerSpec>[]): Finding[] {
  const owners = new Map<string, ServerSpec>()
  return servers.flatMap(({ node, index }) =>
    Object.entries({ http_port: node.httpPort, p2p_port: node.p2pPort }).flatMap(([key, port]) => {
      const place = `${machineOf(node.ssh)} port ${port}`
      const owner = owners.get(place) ?? node
      owners.set(place, owner)
      if (owner === node) return []
      return [
        value(
          ['nodes', index, key],
          `${key}: ${place} is taken by ${owner.name}`,
          'each node needs its own',
        ),
      ]
    }),
  )
}

/** What a Space must reach lies on ports that it can dial. */
function lintForSpaces({ node, index }: Placed<ServerSpec>): Finding[] {
  const ports = SPACE_OUTBOUND_PORTS.join(', ')
  return Object.entries({ url: portOf(node.url), web_socket_port: node.webSocketPort }).flatMap(
    ([key, port]) =>
      port === null || SPACE_OUTBOUND_PORTS.includes(port) || isSaidAtUrl(key, node)
        ? []
        : [
            value(
              ['nodes', index, key],
              `${key}: a Space cannot dial port ${port}`,
              `a Space dials ${ports} only; let the proxy listen on one of them`,
            ),
          ],
  )
}

const isSaidAtUrl = (key: string, { url, webSocketPort }: ServerSpec): boolean =>
  key !== 'url' && webSocketPort === portOf(url)

/** A host of its own is sound (a CDN may stand before the url), another node's is a slip. */
function lintHost({ node, index }: Placed<ServerSpec>, all: readonly Placed[]): Finding[] {
  if (node.host === hostOf(node.url)) return []
  const owner = all.find(
    ({ node: other }) => other !== node && hostOf(other.url) === node.host,
  )?.node
  if (owner === undefined) return []
  return [
    value(
      ['nodes', index, 'host'],
      `host: ${node.host} is in the url of ${owner.name}; the url here is ${node.url}`,
      'leave host out to dial the url’s host',
    ),
  ]
}
