import { isHostName, isIpv4 } from '../../wire/settings-readers.ts'
import type { LocalSpec, NodeSpec } from '../inventory/inventory.ts'
import { hostOf, isProxied } from '../inventory/origins.ts'
import { SPACE_HTTP_PORT, SPACE_OUTBOUND_PORTS } from '../inventory/space.ts'

/** Where a node listens and by which addresses it can be reached, before anyone asks who dials. */
export interface Place {
  kind: 'local' | 'server' | 'space'
  url: string
  httpHost: string
  httpPort: number
  /** Multiaddrs that libp2p listens on; none: only WebSocket, on the HTTP port. */
  listen: readonly string[]
  /** Multiaddrs that lead to it from outside, the best first. */
  reach: readonly Address[]
}

interface Address {
  multiaddr: string
  port: number
}

const LOOPBACK = '127.0.0.1'

/** The place of the node that is the `index`th of those on this machine. */
export function localPlace(local: LocalSpec, index: number): Place {
  const [httpPort, p2pPort] = [local.httpPort + index, local.p2pPort + index]
  const address = tcp(LOOPBACK, p2pPort)
  return {
    kind: 'local',
    url: `http://${LOOPBACK}:${httpPort}`,
    httpHost: LOOPBACK,
    httpPort,
    listen: [address.multiaddr],
    reach: [address],
  }
}

/** The place of a node in production. */
export function placeOf(node: NodeSpec): Place {
  const { kind, url } = node
  if (kind === 'space') {
    const reach = [secureWebSocket(hostOf(url), 443)]
    return { kind, url, httpHost: '0.0.0.0', httpPort: SPACE_HTTP_PORT, listen: [], reach }
  }
  const everywhere = isHostName(node.host) || isIpv4(node.host) ? '0.0.0.0' : '::'
  const webSocket =
    node.webSocketPort === null ? [] : [secureWebSocket(hostOf(url), node.webSocketPort)]
  return {
    kind,
    url,
    httpHost: isProxied(url) ? LOOPBACK : everywhere,
    httpPort: node.httpPort,
    listen: [tcp(everywhere, node.p2pPort).multiaddr],
    reach: [tcp(node.host, node.p2pPort), ...webSocket],
  }
}

/**
 * The multiaddrs by which `dialer` reaches `listener`, without peer id. Servers and local nodes use
 * TCP; a Space is reached over WebSocket with TLS, and uses only ports that it can dial itself.
 */
export function addressesFor(dialer: Place, listener: Place): readonly string[] {
  const [best, ...others] = listener.reach
  if (best === undefined) return []
  const usable =
    dialer.kind === 'space'
      ? [best, ...others].filter(({ port }) => SPACE_OUTBOUND_PORTS.includes(port))
      : [best]
  return usable.map(({ multiaddr }) => multiaddr)
}

interface Peer {
  place: Place
  peerId: string
}

/**
 * Whether `self` is the one of a pair that dials: servers dial Spaces, otherwise the smaller peer id
 * dials; never one that has no address for the other. Exactly one of a pair does, if either can.
 */
export function dials(self: Peer, other: Peer): boolean {
  const canSelf = addressesFor(self.place, other.place).length > 0
  const canOther = addressesFor(other.place, self.place).length > 0
  if (!canSelf || !canOther) return canSelf
  const [isSpace, isToSpace] = [self, other].map(({ place }) => place.kind === 'space')
  return isSpace === isToSpace ? self.peerId < other.peerId : isToSpace === true
}

const tcp = (host: string, port: number): Address => ({
  multiaddr: `${hostPart(host)}/tcp/${port}`,
  port,
})

const secureWebSocket = (host: string, port: number): Address => ({
  multiaddr: `${hostPart(host)}/tcp/${port}/tls/ws`,
  port,
})

/** A name behind /ip4 is no multiaddr. */
function hostPart(host: string): string {
  if (isIpv4(host)) return `/ip4/${host}`
  return isHostName(host) ? `/dns4/${host}` : `/ip6/${host}`
}
