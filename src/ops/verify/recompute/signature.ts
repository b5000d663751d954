import { createPublicKey, verify, type KeyObject } from 'node:crypto'

/** Whether `signature` is `publicKey`'s over `message`. Total: false for bytes of any other shape. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

// RFC 8032 §5.1: the prime of the field, the constant of the curve, the order of its base point.
const P = 2n ** 255n - 19n
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/**
 * Ed25519 by the rule of the lattice: the equation without the cofactor, `s` below the order, `R` in its
 * canonical encoding, and neither `R` nor the key of small order. All is decided here but the equation
 * itself, whose comparison of `R` as bytes is OpenSSL's. Remembers the keys it has met.
 */
export function ed25519(): Verify {
  const keys = new Map<string, KeyObject | null>()
  return (publicKey, message, signature) => {
    if (publicKey.length !== 32 || signature.length !== 64) return false
    if (littleEndian(signature.subarray(32)) >= ORDER) return false
    if (isOfSmallOrder(signature.subarray(0, 32))) return false
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
  if (isOfSmallOrder(publicKey)) return null
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

/** Whether 8 times the point is the identity, which is the point with y = 1. */
function isOfSmallOrder(encoded: Uint8Array): boolean {
  let y: Fraction = [(littleEndian(encoded) & (2n ** 255n - 1n)) % P, 1n]
  for (let doublings = 0; doublings < 3; doublings += 1) y = doubled(y)
  return y[0] === y[1]
}

type Fraction = readonly [above: bigint, below: bigint]

/**
 * The y of the double, (y² + x²) / (1 − d·x²·y²), with x² = (y² − 1) / (d·y² + 1) by the curve: doubling
 * needs no x, and as a fraction no division.
 */
function doubled([above, below]: Fraction): Fraction {
  const [aa, bb] = [above * above, below * below]
  const [aaaa, aabb, bbbb] = [aa * aa, 2n * aa * bb, bb * bb]
  return [modulo(D * aaaa + aabb - bbbb), modulo(bbbb + D * (aabb - aaaa))]
}

const modulo = (value: bigint): bigint => ((value % P) + P) % P

const littleEndian = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
