import { authorIdOf, type AuthorId } from './author.ts'
import { toHex } from './bytes.ts'
import {
  asArray,
  asBytes,
  asText,
  asUint,
  decodeCanonical,
  encodeCanonical,
  WireError,
  type Cbor,
} from './cbor.ts'
import { HASH_BYTES } from './entry.ts'
import { decodeFrontier, encodeFrontier, type Frontier } from './frontier.ts'
import { WIRE_VERSION } from './protocol.ts'
import {
  peerIdOf,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  tags,
  type Sign,
  type Verify,
} from './signature.ts'

export const NONCE_BYTES = 16
export const INSTANCE_BYTES = 8

/**
 * A node's signed answer to a caller's nonce: who it is, what it runs and what it holds, now. A cache,
 * a replay, a load balancer or a page of HTML cannot make one.
 */
export interface Attestation {
  /** The caller's nonce, 32 hex. */
  nonce: string
  /** Lattice id, 64 hex. */
  lattice: string
  publicKey: Uint8Array
  /** The node's name in nodes.yaml. */
  name: string
  /** Random id of this process, 16 hex: two addresses with one instance are one node. */
  instance: string
  /** Random id of the data directory, 16 hex: two nodes with one incarnation share their data. */
  incarnation: string
  /** Where the data directory really is (hash of machine, device and inode), 64 hex. */
  dataLocation: string
  /** Release id, or `unreleased` for a node started without a manifest. */
  release: string
  /** Digest of the settings in force, 64 hex. */
  configDigest: string
  /** What the node holds and the root over it. */
  frontier: Frontier
  root: string
  stateRoot: string
  /** The cut that the caller asked about and the root at it; null when it asked for none. */
  cut: { frontier: Frontier; root: string } | null
  /** The node's wall clock when the question came and when the answer left, milliseconds. */
  receivedMs: number
  sentMs: number
}

export interface SignedAttestation {
  attestation: Attestation
  peerId: string
  bytes: Uint8Array
  signature: Uint8Array
}

/** The author that this node writes as. */
export const authorOf = (attestation: Attestation): AuthorId =>
  authorIdOf(attestation.publicKey, Buffer.from(attestation.incarnation, 'hex'))

export function signAttestation(attestation: Attestation, sign: Sign): SignedAttestation {
  const hex = (text: string): Uint8Array => Buffer.from(text, 'hex')
  const bytes = encodeCanonical([
    WIRE_VERSION,
    hex(attestation.nonce),
    hex(attestation.lattice),
    attestation.publicKey,
    attestation.name,
    hex(attestation.instance),
    hex(attestation.incarnation),
    hex(attestation.dataLocation),
    attestation.release,
    hex(attestation.configDigest),
    encodeFrontier(attestation.frontier),
    hex(attestation.root),
    hex(attestation.stateRoot),
    attestation.cut === null
      ? null
      : [encodeFrontier(attestation.cut.frontier), hex(attestation.cut.root)],
    attestation.receivedMs,
    attestation.sentMs,
  ])
  return {
    attestation,
    peerId: peerIdOf(attestation.publicKey),
    bytes,
    signature: sign(tags.attestation, bytes),
  }
}

/** Throws `WireError` for bad bytes and for a signature that is not the named key's. */
export function decodeAttestation(
  bytes: Uint8Array,
  signature: Uint8Array,
  verify: Verify,
): SignedAttestation {
  const fields = asArray(decodeCanonical(bytes), 'attestation', 16)
  if (fields[0] !== WIRE_VERSION)
    throw new WireError('wrong-version', `attestation version ${String(fields[0])}`)
  const hash = (index: number, field: string): string =>
    toHex(asBytes(fields[index], field, HASH_BYTES))
  const attestation: Attestation = {
    nonce: toHex(asBytes(fields[1], 'nonce', NONCE_BYTES)),
    lattice: hash(2, 'lattice'),
    publicKey: asBytes(fields[3], 'public key', PUBLIC_KEY_BYTES),
    name: asText(fields[4], 'name', 128),
    instance: toHex(asBytes(fields[5], 'instance', INSTANCE_BYTES)),
    incarnation: toHex(asBytes(fields[6], 'incarnation', 8)),
    dataLocation: hash(7, 'data location'),
    release: asText(fields[8], 'release', 128),
    configDigest: hash(9, 'config digest'),
    frontier: decodeFrontier(fields[10]),
    root: hash(11, 'root'),
    stateRoot: hash(12, 'state root'),
    cut: cutOf(fields[13]),
    receivedMs: asUint(fields[14], 'received'),
    sentMs: asUint(fields[15], 'sent'),
  }
  asBytes(signature, 'signature', SIGNATURE_BYTES)
  if (!verify(attestation.publicKey, tags.attestation, bytes, signature)) {
    throw new WireError('bad-signature', 'attestation not signed by its key')
  }
  return { attestation, peerId: peerIdOf(attestation.publicKey), bytes, signature }
}

function cutOf(value: Cbor | undefined): Attestation['cut'] {
  if (value === null) return null
  const [frontier, root] = asArray(value, 'cut', 2)
  return { frontier: decodeFrontier(frontier), root: toHex(asBytes(root, 'cut root', HASH_BYTES)) }
}
