import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { STRANGERS_REMEMBERED_MAX } from './limits.ts'

/**
 * Lets in and dials only these peer ids. A peer proves its id in the noise handshake, so a stranger
 * is refused right after it, before any protocol of ours. `onStranger` hears of each one once.
 */
export function allowOnly(
  peerIds: ReadonlySet<string>,
  onStranger: (peerId: string) => void,
): ConnectionGater {
  const seen = new Set<string>()
  const isStranger = (peerId: PeerId): boolean => {
    const id = peerId.toString()
    if (peerIds.has(id)) return false
    if (!seen.has(id) && seen.size < STRANGERS_REMEMBERED_MAX) {
      seen.add(id)
      onStranger(id)
    }
    return true
  }
  return {
    denyDialPeer: isStranger,
    denyInboundEncryptedConnection: isStranger,
    denyOutboundEncryptedConnection: isStranger,
  }
}
