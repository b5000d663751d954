import type { Health, PeerView } from '../../wire/api.ts'
import type { SyncMode } from '../../wire/protocol.ts'
import { isWell, type NodeEvidence } from '../../wire/verdict.ts'

/**
 * What one node can say of the lattice: itself, and each peer as its own link shows it. A peer's own
 * answer is not in it, so a peer counts as silent unless an exchange with it works, only the link to
 * it is known of its links, and its policy is taken to be ours, since it is we who chose the link.
 */
export function evidenceOf(health: Health, isAccepting: boolean): NodeEvidence[] {
  const { sync, node, peers } = health
  const self: NodeEvidence = {
    name: node.name,
    answer: {
      ageMs: 0,
      policy: sync.policy,
      active: sync.active,
      isP2pEnabled: sync.p2p_enabled,
      isDiverged: health.diverged,
      isHealthy: isAccepting && isWell(health),
      reaches: new Map(peers.map((peer) => [peer.name, linkTo(peer)])),
    },
  }
  return [self, ...peers.map((peer) => linkEvidence(peer, health))]
}

function linkEvidence(peer: PeerView, { sync, node }: Health): NodeEvidence {
  const ageMs = heardAgoMs(peer)
  if (ageMs === null) return { name: peer.name, answer: null }
  return {
    name: peer.name,
    answer: {
      ageMs,
      policy: sync.policy,
      active: linkTo(peer),
      isP2pEnabled: sync.p2p_enabled && peer.p2p.state !== 'off',
      isDiverged: peer.root_match === false,
      isHealthy: true,
      reaches: new Map([[node.name, linkTo(peer)]]),
    },
  }
}

/**
 * What works between us and the peer. The node keeps to HTTP through a few failures in a row, which
 * is right for syncing; for a verdict the last attempt counts.
 */
const linkTo = ({ transport, http }: PeerView): SyncMode =>
  transport === 'HTTP' && http.state === 'failing' ? 'NONE' : transport

/** Age of the last sign of life over that link; null when none works. */
function heardAgoMs(peer: PeerView): number | null {
  const { p2p, http } = peer
  switch (linkTo(peer)) {
    case 'P2P':
      return p2p.heard_ago_ms
    case 'HTTP':
      return http.ok_ago_ms
    case 'NONE':
      return null
  }
}
