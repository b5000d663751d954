import { createPublicKey, hash, verify } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { toHex } from './bytes.ts'
import { remembered } from './remembered.ts'

/** Bytes of Ed25519 public keys and signatures. */
export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** What a signature or a hash is for: it is hashed and signed in front of the bytes, so that none serves twice. */
export const tags = {
  entry: 'aethel/entry/1',
  checkpoint: 'aethel/checkpoint/1',
  retirement: 'aethel/retirement/1',
  snapshot: 'aethel/snapshot/1',
  attestation: 'aethel/attestation/1',
  lattice: 'aethel/lattice/1',
  account: 'aethel/account/1',
  author: 'aethel/author/1',
  config: 'aethel/config/1',
  caller: 'aethel/caller/1',
  possession: 'aethel/possession/1',
} as const
export type Tag = (typeof tags)[keyof typeof tags]

/** `tag`, a zero byte, `bytes`: what is hashed and signed. */
export const tagged = (tag: Tag, bytes: Uint8Array): Uint8Array =>
  Buffer.concat([prefixOf(tag), bytes])

const prefixOf = remembered((tag) => Buffer.from(`${tag}\0`, 'latin1'))

/** SHA-256 over tagged bytes, 64 hex. */
export const taggedHash = (tag: Tag, bytes: Uint8Array): string =>
  hash('sha256', tagged(tag, bytes), 'hex')

/** Makes the signature of tagged bytes with this process's node key. */
export type Sign = (tag: Tag, bytes: Uint8Array) => Uint8Array

/** Whether `signature` is `publicKey`'s over tagged bytes. The same answer on every node, always. */
export type Verify = (
  publicKey: Uint8Array,
  tag: Tag,
  bytes: Uint8Array,
  signature: Uint8Array,
) => boolean

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Points of small order, in every encoding that a verifier may accept. As a key one proves nothing; as
 * the R of a signature it is refused by some verifiers and not by others, and Node.js itself went from
 * the one to the other between its major versions.
 */
const SMALL_ORDER_POINTS = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
])

const keyObjectOf = remembered((publicKeyHex) =>
  createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, Buffer.from(publicKeyHex, 'hex')]),
    format: 'der',
    type: 'spki',
  }),
)

/** Whether these bytes can be a member's key: the right length and not of small order. */
export const isSoundPublicKey = (publicKey: Uint8Array): boolean =>
  publicKey.length === PUBLIC_KEY_BYTES && !SMALL_ORDER_POINTS.has(toHex(publicKey))

/** Whether these bytes can be a signature by a member's key at all: the rules that verifiers disagree about. */
const isEligible = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  signature.length === SIGNATURE_BYTES &&
  isSoundPublicKey(publicKey) &&
  !SMALL_ORDER_POINTS.has(toHex(signature.subarray(0, 32)))

/** Ed25519 by the one verifier that every part of this project uses. Total: false for any bad input. */
export const verifySignature: Verify = (publicKey, tag, bytes, signature) => {
  if (!isEligible(publicKey, signature)) return false
  try {
    return verify(null, tagged(tag, bytes), keyObjectOf(toHex(publicKey)), signature)
  } catch {
    return false
  }
}

/** The same answer, worked out on another thread. */
export function verifySignatureAside(
  publicKey: Uint8Array,
  tag: Tag,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (!isEligible(publicKey, signature)) return Promise.resolve(false)
  return new Promise((resolve) => {
    try {
      verify(null, tagged(tag, bytes), keyObjectOf(toHex(publicKey)), signature, (error, isValid) =>
        resolve(error === null && isValid),
      )
    } catch {
      resolve(false)
    }
  })
}

/** An Ed25519 public key inside a libp2p peer id: identity multihash of the protobuf-framed key. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** The libp2p peer id (base58, `12D3KooW…`) of an Ed25519 public key. */
export const peerIdOf = (publicKey: Uint8Array): string => peerIdOfHex(toHex(publicKey))

const peerIdOfHex = remembered((publicKeyHex) =>
  base58btc.baseEncode(Buffer.concat([PEER_ID_PREFIX, Buffer.from(publicKeyHex, 'hex')])),
)

/** The Ed25519 public key inside a peer id; null when the text is none, or the key is unsound. */
export function publicKeyOf(peerId: string): Uint8Array | null {
  if (!/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(peerId)) return null
  let bytes: Uint8Array
  try {
    bytes = base58btc.baseDecode(peerId)
  } catch {
    return null
  }
  if (bytes.length !== PEER_ID_PREFIX.length + PUBLIC_KEY_BYTES) return null
  if (PEER_ID_PREFIX.some((byte, index) => bytes[index] !== byte)) return null
  const publicKey = bytes.slice(PEER_ID_PREFIX.length)
  return isSoundPublicKey(publicKey) ? publicKey : null
}
