import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalBytes, fromHex, toHex } from './bytes.ts'
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

const { cbor } = fc.letrec<{ cbor: Cbor }>((tie) => ({
  cbor: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('cbor'), { maxLength: 30 }),
  ),
}))

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex')

function decoded(bytes: Uint8Array): Cbor | WireError {
  try {
    return decodeCanonical(bytes)
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
}

function refusalOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
  return 'accepted'
}

describe('canonical CBOR', () => {
  it('gives back every value of the model', () => {
    fc.assert(
      fc.property(cbor, (value) => {
        expect(decodeCanonical(encodeCanonical(value))).toStrictEqual(value)
      }),
    )
  })

  it('is what another encoder makes of it', () => {
    fc.assert(
      fc.property(cbor, (value) => {
        expect(toHex(encodeCanonical(value))).toBe(toHex(encode(value, rfc8949EncodeOptions)))
      }),
      { numRuns: 1000 },
    )
  })

  const edges = [23, 24, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000]
  it.each([0, -0, -1, ...edges, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])(
    'is that at the edge %d',
    (number) => {
      const values: Cbor[] = [number, [[number], 'a', true, false, null, -number]]
      const count = Math.abs(number)
      if (count < 0x2_0000)
        values.push(
          'a'.repeat(count),
          'ä'.repeat(count),
          Buffer.alloc(count, 7),
          Array(count).fill(1),
        )
      for (const value of values)
        expect(equalBytes(encodeCanonical(value), encode(value, rfc8949EncodeOptions))).toBe(true)
    },
  )

  it('is that where it is too long for the short way', () => {
    for (let length = 128 * 1024 - 20; length < 128 * 1024 + 2; length++) {
      for (const value of [
        ['a'.repeat(length), 1, 2 ** 40],
        [new Uint8Array(length), 1, 2 ** 40],
      ])
        expect(equalBytes(encodeCanonical(value), encode(value, rfc8949EncodeOptions))).toBe(true)
    }
  })

  it('keeps no hold of what it gave out', () => {
    const first = encodeCanonical(['one'])
    const copy = Uint8Array.from(first)
    encodeCanonical(['two'])
    expect(first).toEqual(copy)
  })

  it('keeps what it gave out as it is, however much it gives out after', () => {
    const given = Array.from({ length: 200 }, (_, index) => ['x'.repeat(index * 7), index])
    const all = given.map(encodeCanonical)
    expect(all.map(decodeCanonical)).toStrictEqual(given)
  })

  it('accepts any bytes at all only when they are the one encoding of what it read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const value = decoded(bytes)
        expect(value instanceof WireError || equalBytes(encodeCanonical(value), bytes)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('gives two encodings of one value never the same standing', () => {
    fc.assert(
      fc.property(cbor, fc.nat(), fc.integer({ min: 0, max: 7 }), (value, at, bit) => {
        const bytes = new Uint8Array(encodeCanonical(value))
        const index = at % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit)
        expect(decoded(bytes)).not.toStrictEqual(value)
      }),
      { numRuns: 1000 },
    )
  })

  const refused: [string, string, string][] = [
    ['nothing', '', 'malformed'],
    ['two values', '01 01', 'malformed'],
    ['an integer in two bytes that fits one', '18 00', 'malformed'],
    ['an integer in five bytes that fits two', '1a 00000018', 'malformed'],
    ['an integer beyond the safe ones', '1b 0020000000000000', 'malformed'],
    ['a negative beyond the safe ones', '3b 0020000000000000', 'malformed'],
    ['bytes with a length that is too long', '58 01 00', 'malformed'],
    ['text with a length that is too long', '78 01 61', 'malformed'],
    ['an array with a length that is too long', '98 01 00', 'malformed'],
    ['an array without an end', '9f 01 ff', 'malformed'],
    ['bytes without an end', '5f 41 01 ff', 'malformed'],
    ['text without an end', '7f 61 61 ff', 'malformed'],
    ['a map without an end', 'bf ff', 'malformed'],
    ['an array that is cut off', '82 01', 'malformed'],
    ['bytes that are cut off', '44 0102', 'malformed'],
    ['text that is cut off', '62 61', 'malformed'],
    ['an array that promises 2^32 items', '9a ffffffff', 'malformed'],
    ['bytes that promise 2^32', '5a ffffffff', 'malformed'],
    ['undefined', 'f7', 'malformed'],
    ['not a number', 'f9 7e00', 'malformed'],
    ['infinity', 'f9 7c00', 'malformed'],
    ['a date', 'c0 74 323031332d30332d32315432303a30343a30305a', 'malformed'],
    ['a big integer', 'c2 41 01', 'malformed'],
    ['a self-described value', 'd9 d9f7 01', 'malformed'],
    ['an unassigned simple value', 'f0', 'malformed'],
    ['a whole number as a half float', 'f9 3c00', 'not-canonical'],
    ['a whole number as a double', 'fb 3ff0000000000000', 'not-canonical'],
    ['minus zero', 'f9 8000', 'not-canonical'],
    ['a fraction as a double that fits a half', 'fb 3ff8000000000000', 'not-canonical'],
    ['text that is not UTF-8', '62 c328', 'not-canonical'],
    ['text with an overlong slash', '62 c0af', 'not-canonical'],
    ['text with half a surrogate pair', '63 eda080', 'not-canonical'],
    ['a map with a key twice', 'a2 6161 01 6161 02', 'malformed'],
    ['a map out of order', 'a2 6162 01 6161 02', 'not-canonical'],
  ]
  it.each(refused)('refuses %s', (_name, hex, code) => {
    expect(refusalOf(() => decodeCanonical(bytesOf(hex)))).toBe(code)
  })

  it('refuses nesting of any depth without a crash', () => {
    for (const depth of [10_000, 200_000]) {
      const bytes = Buffer.concat([Buffer.alloc(depth, 0x81), Buffer.of(1)])
      expect(refusalOf(() => asArray(decodeCanonical(bytes), 'entry', 8))).toBe('malformed')
    }
  })

  it('agrees with plain CBOR about the meaning', () => {
    fc.assert(
      fc.property(cbor, (value) => {
        expect(decode(encodeCanonical(value))).toStrictEqual(decode(encode(value)))
      }),
    )
  })
})

describe('readers of fields', () => {
  const table: [string, () => unknown][] = [
    ['an array for a text', () => asText([], 'f', 10)],
    ['a text that is too long', () => asText('12345', 'f', 4)],
    ['a number for an array', () => asArray(1, 'f')],
    ['an array that is too short', () => asArray([1], 'f', 2)],
    ['an array that is too long', () => asArray([1, 2, 3], 'f', 2)],
    ['nothing for an array', () => asArray(undefined, 'f')],
    ['a negative for a whole number', () => asUint(-1, 'f')],
    ['a fraction for a whole number', () => asUint(1.5, 'f')],
    ['a number above the largest', () => asUint(11, 'f', 10)],
    ['a text for a number', () => asUint('1', 'f')],
    ['nothing for a number', () => asUint(undefined, 'f')],
    ['text for bytes', () => asBytes('00', 'f')],
    ['too few bytes', () => asBytes(new Uint8Array(31), 'f', 32)],
    ['too many bytes', () => asBytes(new Uint8Array(33), 'f', 32)],
    ['an array for bytes', () => asBytes([0], 'f')],
  ]
  it.each(table)('refuse %s', (_name, act) => {
    expect(refusalOf(act)).toBe('malformed')
  })

  it('name the field', () => {
    expect(() => asUint(-1, 'hlc')).toThrow(/^hlc: /)
  })
})

describe('hex', () => {
  it('round trips', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).toStrictEqual(bytes)
      }),
    )
  })

  it.each(['0', 'AB', '0x00', 'zz', ' 00', '00 ', '00\n', 'é0'])('refuses %j', (text) => {
    expect(fromHex(text)).toBeNull()
  })

  it('refuses another length', () => {
    expect(fromHex('0011', 1)).toBeNull()
    expect(fromHex('0011', 3)).toBeNull()
    expect(fromHex('0011', 2)).toStrictEqual(Uint8Array.of(0, 0x11))
  })
})
