import { decode, encode } from 'cborg'
import { hexOf } from './hash.ts'

/** Bytes that are not what they should be; the message is a clause about them. */
export class UnsoundBytesError extends Error {
  override readonly name = 'UnsoundBytesError'
}

/** The canonical CBOR of a value made of whole numbers, text, bytes, null and arrays. */
export const cbor = (value: unknown): Uint8Array => encode(value)

/**
 * The fields of one array in canonical CBOR, of the length given. Canonical is what encodes to the same
 * bytes again; which types stand where is for the readers below, and none of them takes a float.
 */
export function arrayIn(bytes: Uint8Array, length: number): unknown[] {
  let value: unknown
  let again: Uint8Array
  try {
    value = decode(bytes)
    again = encode(value)
  } catch (error) {
    throw new UnsoundBytesError(`cannot be read: ${(error as Error).message}`)
  }
  if (Buffer.compare(again, bytes) !== 0) {
    throw new UnsoundBytesError('is not in its canonical encoding')
  }
  return arrayOf(value, length)
}

export function arrayOf(value: unknown, length?: number): unknown[] {
  if (Array.isArray(value) && (length === undefined || value.length === length)) return value
  throw new UnsoundBytesError(`holds no array of ${length ?? 'pairs'} where one should be`)
}

/** A whole number from 0 that JavaScript keeps exact. */
export function countOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new UnsoundBytesError('holds no whole number where one should be')
}

/** Exactly `length` bytes, as hex. */
export function hexIn(value: unknown, length: number): string {
  if (value instanceof Uint8Array && value.length === length) return hexOf(value)
  throw new UnsoundBytesError(`holds no ${length} bytes where they should be`)
}

export function textOf(value: unknown, charsMax: number): string {
  if (typeof value === 'string' && value.length <= charsMax) return value
  throw new UnsoundBytesError(`holds no text of at most ${charsMax} characters where one should be`)
}

/** The version that everything of the lattice begins with. */
export function checkVersion(value: unknown): void {
  if (value !== 1) throw new UnsoundBytesError('is of another version')
}
