import { createPublicKey, verify, type KeyObject } from 'node:crypto'

/** Whether `signature` is `publicKey`'s over `message`. Total: false for bytes of any other shape. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

// RFC 8032 §5.1: the prime of the field, the constant of the curve, the order of its base point.
const P = 2n ** 255n - 19n
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/**
 * Ed25519 by the rule of the lattice: the equation without the cofactor, `s` below the order, `R` in its
 * canonical encoding, and no key of small order. Each is decided here but for the equation itself, whose
 * comparison of `R` as bytes is OpenSSL's. Remembers the keys it has met.
 */
export function ed25519(): Verify {
  const keys = new Map<string, KeyObject | null>()
  return (publicKey, message, signature) => {
    if (publicKey.length !== 32 || signature.length !== 64) return false
    if (littleEndian(signature.subarray(32)) >= ORDER) return false
    const name = Buffer.from(publicKey).toString('base64url')
    let key = keys.get(name)
    if (key === undefined) keys.set(name, (key = keyOf(publicKey, name)))
    return key !== null && isVerified(key, message, signature)
  }
}

function isVerified(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, message, key, signature)
  } catch {
    return false
  }
}

/** Null for a key that proves nothing, whatever it signs. */
function keyOf(publicKey: Uint8Array, x: string): KeyObject | null {
  const y = littleEndian(publicKey) & (2n ** 255n - 1n)
  if (isOfSmallOrder(y % P)) return null
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

/** Whether 8 times the point is the identity. Doubling needs no x: the curve gives its square from y. */
const isOfSmallOrder = (y: bigint): boolean => doubled(doubled(doubled(y))) === 1n

/** The y of the double: (y² + x²) / (1 − d·x²·y²) with x² = (y² − 1) / (d·y² + 1). */
function doubled(y: bigint): bigint {
  const yy = y * y
  const xx = modulo((yy - 1n) * inverse(D * yy + 1n))
  return modulo((yy + xx) * inverse(1n - D * xx * yy))
}

const modulo = (value: bigint): bigint => ((value % P) + P) % P

/** By Fermat: value^(p − 2). */
function inverse(value: bigint): bigint {
  let result = 1n
  let power = modulo(value)
  for (let exponent = P - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * power) % P
    power = (power * power) % P
  }
  return result
}

const littleEndian = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
