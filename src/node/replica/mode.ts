import type { SyncMode, SyncPolicy } from '../../wire/protocol.ts'

/** How a peer looks over P2P; `off` while the lung does not run. */
export type P2pLife = 'alive' | 'suspect' | 'dead' | 'off'

/** The libp2p lung itself. */
export type LungState = 'off' | 'starting' | 'running' | 'failed'

export interface ModeEvidence {
  policy: SyncPolicy
  lung: LungState
  peers: readonly { p2p: P2pLife; isHttpFresh: boolean }[]
}

/** How the node exchanges entries, and why, from what it has observed. P2P is left when its last peer is dead. */
export function activeMode({ policy, lung, peers }: ModeEvidence): {
  active: SyncMode
  reason: string
} {
  if (peers.length === 0) return { active: 'NONE', reason: 'the lattice has no other member' }
  let [live, fresh] = [0, 0]
  for (const { p2p, isHttpFresh } of peers) {
    if (p2p === 'alive' || p2p === 'suspect') live += 1
    if (isHttpFresh) fresh += 1
  }
  if (policy !== 'http' && live > 0)
    return { active: 'P2P', reason: `${live} of ${peers.length} peers over P2P` }
  const p2pReason = {
    off: policy === 'http' ? 'policy is http' : 'P2P is off',
    starting: 'P2P is starting',
    running: policy === 'http' ? 'policy is http' : 'no P2P peer',
    failed: 'P2P did not start',
  }[lung]
  if (policy === 'p2p') return { active: 'NONE', reason: `${p2pReason}, policy is p2p` }
  return fresh > 0
    ? { active: 'HTTP', reason: `${p2pReason}, ${fresh} of ${peers.length} peers over HTTP` }
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
