import type { SyncMode, SyncPolicy } from '../../wire/protocol.ts'

/** How a peer looks over P2P; `off` while the lung does not run. */
export type P2pLife = 'alive' | 'suspect' | 'dead' | 'off'

/** The libp2p lung itself. */
export type LungState = 'off' | 'starting' | 'running' | 'failed'

export interface ModeEvidence {
  policy: SyncPolicy
  lung: LungState
  peers: number
  /** Peers that P2P still serves, and those that have lately been heard over HTTP. */
  live: number
  fresh: number
}

/** Whether P2P still serves a peer. */
export const isLive = (p2p: P2pLife): boolean => p2p === 'alive' || p2p === 'suspect'

/** How the node exchanges entries, and why, from what it has observed. P2P is left when its last peer is dead. */
export function activeMode({ policy, lung, peers, live, fresh }: ModeEvidence): {
  active: SyncMode
  reason: string
} {
  if (peers === 0) return { active: 'NONE', reason: 'the lattice has no other member' }
  if (policy !== 'http' && live > 0)
    return { active: 'P2P', reason: `${live} of ${peers} peers over P2P` }
  const p2pReason = {
    off: policy === 'http' ? 'policy is http' : 'P2P is off',
    starting: 'P2P is starting',
    running: policy === 'http' ? 'policy is http' : 'no P2P peer',
    failed: 'P2P did not start',
  }[lung]
  if (policy === 'p2p') return { active: 'NONE', reason: `${p2pReason}, policy is p2p` }
  return fresh > 0
    ? { active: 'HTTP', reason: `${p2pReason}, ${fresh} of ${peers} peers over HTTP` }
    : { active: 'NONE', reason: `${p2pReason}, no HTTP peer` }
}

/** Whether the HTTP lung should serve this peer now. In auto it starts at the first doubt about P2P. */
export function isHttpWanted(
  policy: SyncPolicy,
  lung: LungState,
  p2p: P2pLife,
  isSettling: boolean,
): boolean {
  switch (policy) {
    case 'http':
      return true
    case 'p2p':
      return false
    case 'auto':
      if (p2p === 'alive') return false
      return p2p === 'suspect' || lung === 'off' || lung === 'failed' || !isSettling
  }
}
