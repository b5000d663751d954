import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { equalBytes } from './bytes.ts'
import { lasting, passing, writtenCbor, type Cbor } from './cbor-writer.ts'

export type { Cbor } from './cbor-writer.ts'

/** The one encoding of a value (RFC 8949, core deterministic). Throws on floats and other types outside the model. */
export function encodeCanonical(value: Cbor): Uint8Array {
  const written = writtenCbor(value)
  return written === null ? encode(value, rfc8949EncodeOptions) : lasting.keep(written)
}

/** The same, for what is sent and then forgotten, or soon replaced. */
export function encodePassing(value: Cbor): Uint8Array {
  const written = writtenCbor(value)
  return written === null ? encode(value, rfc8949EncodeOptions) : passing.keep(written)
}

/** The same, for one who is done with it before the next value is encoded. */
export const encodedForNow = (value: Cbor): Uint8Array =>
  writtenCbor(value) ?? encode(value, rfc8949EncodeOptions)

/**
 * The value of canonical bytes. Throws `WireError` when they are not CBOR, not of the model, or not
 * the one encoding of their value: two encodings of one value would have two hashes.
 */
export function decodeCanonical(bytes: Uint8Array): Cbor {
  let value: Cbor
  try {
    value = decode(bytes, {
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
      strict: true,
      useMaps: false,
    }) as Cbor
  } catch (error) {
    throw new WireError('malformed', `not CBOR: ${(error as Error).message}`)
  }
  let again: Uint8Array
  try {
    again = encodedForNow(value)
  } catch (error) {
    throw new WireError('malformed', `outside the data model: ${(error as Error).message}`)
  }
  if (!equalBytes(again, bytes))
    throw new WireError('not-canonical', 'not the canonical encoding of its value')
  return value
}

/** Why something received is refused; counted by `code`, told by `message`. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode

  constructor(code: WireErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export const wireErrorCodes = [
  'malformed',
  'not-canonical',
  'too-large',
  'wrong-version',
  'wrong-lattice',
  'unknown-author',
  'bad-signature',
  'broken-chain',
  'clock-ahead',
  'equivocation',
  'truncated',
] as const
export type WireErrorCode = (typeof wireErrorCodes)[number]

/** Readers of the fields of a decoded array. Each throws `WireError` naming the field. */
export function asArray(value: Cbor | undefined, field: string, length?: number): readonly Cbor[] {
  if (!Array.isArray(value)) throw new WireError('malformed', `${field}: not an array`)
  const array = value as readonly Cbor[]
  if (length !== undefined && array.length !== length) {
    throw new WireError('malformed', `${field}: ${array.length} items, not ${length}`)
  }
  return array
}

export function asUint(
  value: Cbor | undefined,
  field: string,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new WireError('malformed', `${field}: not a whole number from 0 to ${max}`)
  }
  return value
}

export function asBytes(value: Cbor | undefined, field: string, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new WireError('malformed', `${field}: not bytes`)
  if (length !== undefined && value.length !== length) {
    throw new WireError('malformed', `${field}: ${value.length} bytes, not ${length}`)
  }
  return value
}

export function asText(value: Cbor | undefined, field: string, charsMax: number): string {
  if (typeof value !== 'string' || value.length > charsMax) {
    throw new WireError('malformed', `${field}: not a text of at most ${charsMax} characters`)
  }
  return value
}
