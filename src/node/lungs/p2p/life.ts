import type { LifeState, P2pTiming } from './contract.ts'

/** What one connection shows at one moment. Times are of one monotonic clock, in milliseconds. */
export interface LinkEvidence {
  /** The last byte of heartbeat or gossip, or the handshake. */
  heardAtMs: number
  /** When gossip was last seen to flow both ways, or the handshake. */
  meshedAtMs: number
  subscribed: boolean
}

/** `link` null: no connection. */
export function lifeStateOf(
  link: LinkEvidence | null,
  nowMs: number,
  timing: P2pTiming,
): LifeState {
  if (link === null) return 'dead'
  const silentMs = nowMs - link.heardAtMs
  if (silentMs >= timing.deadAfterMs) return 'dead'
  return silentMs < timing.suspectAfterMs && link.subscribed ? 'alive' : 'suspect'
}

/** Why a connection has to go: it carries no bytes, or no gossip. Null: it may stay. */
export function linkFaultOf(
  link: LinkEvidence,
  nowMs: number,
  timing: P2pTiming,
): 'silent' | 'mute' | null {
  if (nowMs - link.heardAtMs >= timing.deadAfterMs) return 'silent'
  if (!link.subscribed && nowMs - link.meshedAtMs >= timing.mutedAfterMs) return 'mute'
  return null
}

/**
 * Milliseconds by which a check came late. While this process was blocked it heard nobody, which
 * says nothing about the peers: the caller moves all its evidence forward by as much.
 */
export const lagOf = (nowMs: number, dueMs: number): number => Math.max(0, nowMs - dueMs)
