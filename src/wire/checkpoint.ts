import { toHex } from './bytes.ts'
import { asArray, asBytes, asUint, decodeCanonical, encodePassing, WireError } from './cbor.ts'
import { HASH_BYTES } from './entry.ts'
import { decodeFrontier, encodeFrontier, type Frontier } from './frontier.ts'
import { SYNC_REQUEST_BYTES_MAX } from './limits.ts'
import { WIRE_VERSION } from './protocol.ts'
import { remembered } from './remembered.ts'
import { decodeSeals, encodeSeals, type Seals } from './seal.ts'
import {
  peerIdOf,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  tags,
  type Sign,
  type Verify,
} from './signature.ts'

/** A node's signed promise: this is what I hold, and every later checkpoint of mine extends it, up to where a seal ends a log. */
export interface Checkpoint {
  /** Lattice id, 64 hex. */
  lattice: string
  /** The node's public key. */
  publicKey: Uint8Array
  /** Random id of the node's data directory, 16 hex: a new one may start over. */
  incarnation: string
  frontier: Frontier
  /** The ends of logs that the node heeds; each proven to it, and given on with its proof. */
  seals: Seals
  /** Lattice root at `frontier`, 64 hex. */
  root: string
  /** Root over the accounts after all entries of `frontier`, 64 hex. */
  stateRoot: string
  /** The node will write no entry whose clock is below this (hybrid clock, microseconds). */
  clockFloor: number
  /** The node's wall clock, milliseconds. For people; nothing is decided by it. */
  wallMs: number
}

export interface SignedCheckpoint {
  checkpoint: Checkpoint
  peerId: string
  bytes: Uint8Array
  signature: Uint8Array
}

/** Of what one node says in all its checkpoints. */
const knownBytes = remembered((hex) => Buffer.from(hex, 'hex'))

/** `peerId`: that of its key, for one who knows it already. */
export function signCheckpoint(
  checkpoint: Checkpoint,
  sign: Sign,
  peerId = peerIdOf(checkpoint.publicKey),
): SignedCheckpoint {
  const bytes = encodePassing([
    WIRE_VERSION,
    knownBytes(checkpoint.lattice),
    checkpoint.publicKey,
    knownBytes(checkpoint.incarnation),
    encodeFrontier(checkpoint.frontier),
    encodeSeals(checkpoint.seals),
    Buffer.from(checkpoint.root, 'hex'),
    Buffer.from(checkpoint.stateRoot, 'hex'),
    checkpoint.clockFloor,
    checkpoint.wallMs,
  ])
  return { checkpoint, peerId, bytes, signature: sign(tags.checkpoint, bytes) }
}

/** Throws `WireError` for bad bytes and for a signature that is not the named key's. */
export function decodeCheckpoint(
  bytes: Uint8Array,
  signature: Uint8Array,
  verify: Verify,
): SignedCheckpoint {
  if (bytes.length > SYNC_REQUEST_BYTES_MAX)
    throw new WireError('too-large', `checkpoint of ${bytes.length} bytes`)
  const fields = asArray(decodeCanonical(bytes), 'checkpoint', 10)
  if (fields[0] !== WIRE_VERSION)
    throw new WireError('wrong-version', `checkpoint version ${String(fields[0])}`)
  const checkpoint: Checkpoint = {
    lattice: toHex(asBytes(fields[1], 'lattice', HASH_BYTES)),
    publicKey: asBytes(fields[2], 'public key', PUBLIC_KEY_BYTES),
    incarnation: toHex(asBytes(fields[3], 'incarnation', 8)),
    frontier: decodeFrontier(fields[4]),
    seals: decodeSeals(fields[5]),
    root: toHex(asBytes(fields[6], 'root', HASH_BYTES)),
    stateRoot: toHex(asBytes(fields[7], 'state root', HASH_BYTES)),
    clockFloor: asUint(fields[8], 'clock floor'),
    wallMs: asUint(fields[9], 'wall clock'),
  }
  asBytes(signature, 'signature', SIGNATURE_BYTES)
  if (!verify(checkpoint.publicKey, tags.checkpoint, bytes, signature)) {
    throw new WireError('bad-signature', 'checkpoint not signed by its key')
  }
  return { checkpoint, peerId: peerIdOf(checkpoint.publicKey), bytes, signature }
}
