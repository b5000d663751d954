const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** An identity multihash of 36 bytes: a protobuf of key type Ed25519 and 32 bytes of key. */
const PREFIX = '002408011220'

/** The Ed25519 key (64 hex) inside a libp2p peer id; null when the text is none. */
export function keyInPeerId(peerId: string): string | null {
  // Base 58 writes a leading zero byte as "1", and the prefix begins with one.
  if (peerId.length !== 52 || !peerId.startsWith('1')) return null
  let value = 0n
  for (const character of peerId) {
    const digit = ALPHABET.indexOf(character)
    if (digit === -1) return null
    value = value * 58n + BigInt(digit)
  }
  const hex = value.toString(16).padStart(76, '0')
  return hex.length === 76 && hex.startsWith(PREFIX) ? hex.slice(PREFIX.length) : null
}
