import { fromHex } from './bytes.ts'
import { encodeCanonical } from './cbor.ts'
import { CALLER_AGE_MS_MAX } from './limits.ts'
import { WIRE_VERSION } from './protocol.ts'
import { publicKeyOf, tags, type Sign, type Verify } from './signature.ts'

/** The header by which a member says who asks, so that strangers cannot take its place. */
export const CALLER_HEADER = 'x-aethel-caller'

const NONCE_BYTES = 8

/** What is signed: who is asked, when, and something that is there once. */
export interface Call {
  /** Lattice id, 64 hex. */
  lattice: string
  /** Peer id of who is asked: what was said to one node proves nothing to another. */
  to: string
  /** The caller's wall clock, milliseconds. */
  wallMs: number
  /** Random, 16 hex. */
  nonce: string
}

/** The header's text. `peerId` is the caller's. */
export const signCall = (call: Call, peerId: string, sign: Sign): string =>
  [
    peerId,
    call.wallMs,
    call.nonce,
    Buffer.from(sign(tags.caller, bytesOf(call))).toString('base64url'),
  ].join(' ')

/**
 * Who says so in a header's text; null when nobody does, or not now, or not to `to`. A text proves
 * something once: the caller of this remembers the nonces of `CALLER_AGE_MS_MAX`.
 */
export function parseCall(
  text: string,
  { lattice, to, nowMs }: { lattice: string; to: string; nowMs: number },
  verify: Verify,
): { peerId: string; nonce: string } | null {
  const [, peerId = '', wall = '', nonce = '', signature = ''] =
    /^(12D3KooW\w{44}) (\d{1,16}) ([0-9a-f]{16}) ([\w-]{86})$/.exec(text) ?? []
  const publicKey = publicKeyOf(peerId)
  const wallMs = Number(wall)
  if (publicKey === null || !Number.isSafeInteger(wallMs)) return null
  if (Math.abs(nowMs - wallMs) > CALLER_AGE_MS_MAX) return null
  const bytes = bytesOf({ lattice, to, wallMs, nonce })
  const isSigned = verify(publicKey, tags.caller, bytes, Buffer.from(signature, 'base64url'))
  return isSigned ? { peerId, nonce } : null
}

const bytesOf = ({ lattice, to, wallMs, nonce }: Call): Uint8Array =>
  encodeCanonical([
    WIRE_VERSION,
    fromHex(lattice) ?? new Uint8Array(),
    to,
    wallMs,
    fromHex(nonce, NONCE_BYTES) ?? new Uint8Array(),
  ])
