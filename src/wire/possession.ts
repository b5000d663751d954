import { fromHex } from './bytes.ts'
import { encodeCanonical } from './cbor.ts'
import { WIRE_VERSION } from './protocol.ts'
import { tags, type Sign, type Verify } from './signature.ts'

/**
 * That a node has its key, and nothing more: what a node with a damaged store can still prove, when it
 * can attest nothing of what it holds. `nonce`: the caller's, 32 hex; `lattice`: its id, 64 hex.
 */
export const signPossession = (
  { nonce, lattice }: { nonce: string; lattice: string },
  sign: Sign,
): Uint8Array => sign(tags.possession, bytesOf(nonce, lattice))

export const isPossessed = (
  { nonce, lattice, publicKey }: { nonce: string; lattice: string; publicKey: Uint8Array },
  signature: Uint8Array,
  verify: Verify,
): boolean => verify(publicKey, tags.possession, bytesOf(nonce, lattice), signature)

const bytesOf = (nonce: string, lattice: string): Uint8Array =>
  encodeCanonical([
    WIRE_VERSION,
    fromHex(nonce) ?? new Uint8Array(),
    fromHex(lattice) ?? new Uint8Array(),
  ])
