import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { TCP, WebSockets, WebSocketsSecure } from '@multiformats/multiaddr-matcher'
import type { P2pPeer } from './contract.ts'
import { P2pStartError } from './errors.ts'

export const isWebSocketAddress = (address: Multiaddr): boolean =>
  WebSockets.exactMatch(address) || WebSocketsSecure.exactMatch(address)

/** An address to listen on. Throws `P2pStartError`. */
export function parseListenAddress(text: string): Multiaddr {
  const address = parse(text, 'listen address')
  if (isWebSocketAddress(address)) {
    throw new P2pStartError(
      'bad-multiaddr',
      `listen address ${text} is a WebSocket`,
      'WebSocket shares the HTTP port by itself; leave it out of AETHEL_P2P_LISTEN',
    )
  }
  if (!TCP.exactMatch(address) || peerIdIn(address) !== undefined) {
    throw new P2pStartError(
      'bad-multiaddr',
      `listen address ${text} is not a TCP address`,
      'write it like /ip4/0.0.0.0/tcp/9000',
    )
  }
  return address
}

/** An address to tell others. Throws `P2pStartError`. */
export const parseAnnounceAddress = (text: string): Multiaddr => parse(text, 'announced address')

/** The addresses of a peer, each ending in its peer id. Throws `P2pStartError`. */
export function parsePeerAddresses(peer: P2pPeer): Multiaddr[] {
  return peer.multiaddrs.map((text) => {
    const address = parse(text, `address of ${peer.name}`)
    const peerId = peerIdIn(address)
    if (peerId !== undefined && peerId !== peer.peerId) {
      throw new P2pStartError(
        'bad-multiaddr',
        `address ${text} of ${peer.name} names the peer ${peerId}, not ${peer.peerId}`,
        'a member has one peer id; correct the address or the member list',
      )
    }
    if (!TCP.exactMatch(address) && !isWebSocketAddress(address)) {
      throw new P2pStartError(
        'bad-multiaddr',
        `address ${text} of ${peer.name} is neither TCP nor WebSocket`,
        'write it like /dns4/host/tcp/9000 or /dns4/host/tcp/443/tls/ws',
      )
    }
    return peerId === undefined ? address.encapsulate(`/p2p/${peer.peerId}`) : address
  })
}

function parse(text: string, what: string): Multiaddr {
  try {
    return multiaddr(text)
  } catch (error) {
    throw new P2pStartError(
      'bad-multiaddr',
      `${what} ${JSON.stringify(text)} is no multiaddr`,
      '/ip4 and /ip6 take a number, not a name; use /dns4/<host>/tcp/<port>',
      { cause: error },
    )
  }
}

const peerIdIn = (address: Multiaddr): string | undefined =>
  address.getComponents().findLast((component) => component.name === 'p2p')?.value
