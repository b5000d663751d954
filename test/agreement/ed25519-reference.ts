import { hash } from 'node:crypto'

/**
 * Ed25519 as RFC 8032 §5.1 writes it, in whole numbers: slow, in no hurry to be safe, and a third opinion
 * beside the two verifiers. It makes the signatures that no honest signer makes.
 */
const P = 2n ** 255n - 19n
export const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

const modulo = (value: bigint, by = P): bigint => ((value % by) + by) % by

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = modulo(base), rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}
const inverse = (value: bigint): bigint => power(value, P - 2n)
const D = modulo(-121665n * inverse(121666n))

/** In extended coordinates: x = X/Z, y = Y/Z, x·y = T/Z. */
export type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint]

export const IDENTITY: Point = [0n, 1n, 1n, 0n]

/** §5.1.4; complete, so it doubles as well. */
export function add([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = modulo((y1 - x1) * (y2 - x2))
  const b = modulo((y1 + x1) * (y2 + x2))
  const c = modulo(2n * D * t1 * t2)
  const d = modulo(2n * z1 * z2)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return [modulo(e * f), modulo(g * h), modulo(f * g), modulo(e * h)]
}

export function multiply(scalar: bigint, point: Point): Point {
  let result = IDENTITY
  for (let doubled = point, rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, doubled)
    doubled = add(doubled, doubled)
  }
  return result
}

export const areEqual = ([x1, y1, z1]: Point, [x2, y2, z2]: Point): boolean =>
  modulo(x1 * z2 - x2 * z1) === 0n && modulo(y1 * z2 - y2 * z1) === 0n

export const negated = ([x, y, z, t]: Point): Point => [modulo(-x), y, z, modulo(-t)]

export function bytesOf(value: bigint): Uint8Array {
  const big = Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
  return new Uint8Array(big.toReversed())
}
export const numberOf = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)

/** The one canonical encoding, §5.1.2. */
export function encoded([x, y, z]: Point): Uint8Array {
  const [affineX, affineY] = [modulo(x * inverse(z)), modulo(y * inverse(z))]
  return bytesOf(affineY | ((affineX & 1n) << 255n))
}

/** Any encoding of a point, canonical or not; null when the bytes are none. */
export function decoded(bytes: Uint8Array): Point | null {
  const value = numberOf(bytes)
  const y = (value & (2n ** 255n - 1n)) % P
  const square = modulo((y * y - 1n) * inverse(D * y * y + 1n))
  const candidate = power(square, (P + 3n) / 8n)
  const root = [candidate, modulo(candidate * power(2n, (P - 1n) / 4n))].find(
    (one) => modulo(one * one) === square,
  )
  if (root === undefined) return null
  const x = (root & 1n) === value >> 255n ? root : modulo(-root)
  return [x, y, 1n, modulo(x * y)]
}

const onCurve = decoded(bytesOf(modulo(4n * inverse(5n))))
if (onCurve === null) throw new Error('the base point is none')
export const BASE: Point = onCurve

/** SHA-512 of `R`, `A` and the message, as a number below the order. */
export const challenge = (r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint =>
  modulo(
    numberOf(new Uint8Array(hash('sha512', Buffer.concat([r, key, message]), 'buffer'))),
    ORDER,
  )

/** Whether the equation holds as bytes, with `s` below the order: what the first verifiers asked. */
export function isEqual(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const [r, s] = [signature.slice(0, 32), numberOf(signature.slice(32))]
  const point = decoded(key)
  if (point === null || s >= ORDER) return false
  return Buffer.compare(encoded(impliedR(point, s, challenge(r, key, message))), r) === 0
}

const isOfSmallOrder = (bytes: Uint8Array): boolean => {
  const point = decoded(bytes)
  return point !== null && areEqual(multiply(8n, point), IDENTITY)
}

/** The lattice's rule: that, and neither the key nor R of small order. */
export const isAccepted = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  isEqual(key, message, signature) &&
  !isOfSmallOrder(key) &&
  !isOfSmallOrder(signature.slice(0, 32))

/** Whether the equation holds when both sides are multiplied by 8: what other verifiers ask. */
export function isAcceptedWithCofactor(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const [r, s] = [signature.slice(0, 32), numberOf(signature.slice(32))]
  const [keyPoint, rPoint] = [decoded(key), decoded(r)]
  if (keyPoint === null || rPoint === null) return false
  const implied = impliedR(keyPoint, s, challenge(r, key, message))
  return areEqual(multiply(8n, implied), multiply(8n, rPoint))
}

const impliedR = (key: Point, s: bigint, h: bigint): Point =>
  add(multiply(s, BASE), negated(multiply(h, key)))
