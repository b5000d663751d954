import { fromHex, toHex } from './bytes.ts'
import { remembered } from './remembered.ts'
import { isSoundPublicKey, peerIdOf, PUBLIC_KEY_BYTES } from './signature.ts'

export const INCARNATION_BYTES = 8
export const AUTHOR_BYTES = PUBLIC_KEY_BYTES + INCARNATION_BYTES

/**
 * Who writes a log: a node's public key and the random incarnation of its data directory, as 80
 * characters of lower-case hex. A directory that was lost comes back as another incarnation, so the
 * key never signs two entries with one sequence number. The key is in the id, so an entry's own
 * signature proves the author; there is no separate certificate to lose.
 */
export type AuthorId = string

export const authorIdOf = (publicKey: Uint8Array, incarnation: Uint8Array): AuthorId =>
  toHex(publicKey) + toHex(incarnation)

export const authorBytes = remembered((author: AuthorId): Uint8Array => {
  const bytes = fromHex(author, AUTHOR_BYTES)
  if (bytes === null) throw new TypeError(`not an author id: ${author}`)
  return bytes
})

/** The key that an author's entries are signed with; null for anything that is no author id. */
export const authorKey = remembered(
  (author: AuthorId): Uint8Array | null =>
    fromHex(author, AUTHOR_BYTES)?.subarray(0, PUBLIC_KEY_BYTES) ?? null,
)

/** The parts of an author id; null for anything that is not one, or whose key is unsound. */
export function parseAuthorId(
  author: string,
): { publicKey: Uint8Array; peerId: string; incarnation: string } | null {
  const bytes = fromHex(author, AUTHOR_BYTES)
  if (bytes === null) return null
  const publicKey = bytes.slice(0, PUBLIC_KEY_BYTES)
  if (!isSoundPublicKey(publicKey)) return null
  return {
    publicKey,
    peerId: peerIdOf(publicKey),
    incarnation: toHex(bytes.slice(PUBLIC_KEY_BYTES)),
  }
}

/** The hex of the key that an author's entries are signed with. */
export const authorKeyHex = (author: AuthorId): string => author.slice(0, PUBLIC_KEY_BYTES * 2)
