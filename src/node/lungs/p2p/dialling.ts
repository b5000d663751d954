import type { P2pPeer, P2pTiming } from './contract.ts'
import { FIRST_DIAL_WAIT_MS, REDIAL_FACTOR, REDIAL_JITTER, STANDBY_GRACE_MS } from './limits.ts'

/** `standby` dials only when nobody else did for a while; `listener` never. */
export type DialRole = 'dialler' | 'standby' | 'listener'

export function dialRoleOf(
  selfId: string,
  peer: Pick<P2pPeer, 'peerId' | 'multiaddrs' | 'dial'>,
): DialRole {
  if (peer.multiaddrs.length === 0 || peer.dial === 'never') return 'listener'
  if (peer.dial === 'always') return 'dialler'
  return selfId < peer.peerId ? 'dialler' : 'standby'
}

/**
 * Milliseconds to wait before the next round of dials. `failedRounds`: since the peer was last of
 * use. `unit`: a random number in [0, 1), so that two nodes that failed together do not retry together.
 */
export function dialWaitMs(
  role: Exclude<DialRole, 'listener'>,
  failedRounds: number,
  unit: number,
  timing: Pick<P2pTiming, 'redialMinMs' | 'redialMaxMs'>,
): number {
  if (failedRounds === 0) return role === 'dialler' ? FIRST_DIAL_WAIT_MS : STANDBY_GRACE_MS
  const pauseMs = Math.min(
    timing.redialMaxMs,
    timing.redialMinMs * REDIAL_FACTOR ** (failedRounds - 1),
  )
  return pauseMs * (1 - REDIAL_JITTER + 2 * REDIAL_JITTER * unit)
}
