import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { P2pStartError } from './errors.ts'

const SEED_BYTES = 32
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The libp2p key of an Ed25519 seed. libp2p's own derivation is the same, but asynchronous. */
export function privateKeyOf(seed: Uint8Array): PrivateKey {
  if (seed.length !== SEED_BYTES) {
    throw new P2pStartError(
      'bad-key',
      `the node key has ${seed.length} bytes, not ${SEED_BYTES}`,
      'make the key with `aethel-lattice keys`',
    )
  }
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = createPublicKey(key)
    .export({ format: 'der', type: 'spki' })
    .subarray(-SEED_BYTES)
  return privateKeyFromRaw(Buffer.concat([seed, publicKey]))
}
