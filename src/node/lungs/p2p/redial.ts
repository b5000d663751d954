import type { Multiaddr } from '@multiformats/multiaddr'
import type { P2pLog, P2pTiming } from './contract.ts'
import { within } from './deadline.ts'
import { dialWaitMs, type DialRole } from './dialling.ts'
import { reasonOf } from './errors.ts'
import type { Links } from './links.ts'

export interface Target {
  name: string
  peerId: string
  role: DialRole
  addresses: Multiaddr[]
}

export interface Dialling {
  links: Links
  timing: P2pTiming
  random: () => number
  log: P2pLog
  /** Rejects when `signal` aborts. */
  sleep: (ms: number, signal: AbortSignal) => Promise<unknown>
  dial: (address: Multiaddr, signal: AbortSignal) => Promise<unknown>
}

/**
 * Keeps one peer connected for ever, until `signal` aborts. libp2p's own reconnect queue gives up
 * after five tries and opens duplicates after short outages.
 */
export async function keepDialling(
  target: Target,
  dialling: Dialling,
  signal: AbortSignal,
): Promise<void> {
  const { role } = target
  if (role === 'listener') return
  let failedRounds = 0
  let isFailureLogged = false
  try {
    for (;;) {
      const lost = await dialling.links.untilGone(target.peerId, signal)
      if (lost?.wasOfUse === true) {
        failedRounds = 0
        isFailureLogged = false
      }
      const waitMs = dialWaitMs(role, failedRounds, dialling.random(), dialling.timing)
      await dialling.sleep(waitMs, signal)
      if (dialling.links.of(target.peerId) !== null) continue
      failedRounds += 1
      const reason = await dialOnce(target, dialling, signal)
      if (reason !== null && !isFailureLogged) {
        isFailureLogged = true
        dialling.log.warn(
          { peer: target.name, reason },
          '[LATTICE_P2P] cannot reach peer; will keep dialling',
        )
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** One round over the peer's addresses: null when one answered, else why the last did not. */
async function dialOnce(
  target: Target,
  { dial, links, timing }: Dialling,
  signal: AbortSignal,
): Promise<string | null> {
  let reason = 'no address'
  for (const address of target.addresses) {
    // The peer may have dialled us meanwhile.
    if (links.of(target.peerId) !== null) return null
    try {
      await within(timing.dialTimeoutMs, signal, (deadline) => dial(address, deadline))
      return null
    } catch (error) {
      signal.throwIfAborted()
      reason = `${address.toString()}: ${reasonOf(error)}`
    }
  }
  return reason
}
