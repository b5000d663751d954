import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hexOf, intent } from '../../test/simulation/arbitraries.ts'
import { realKey } from '../../test/simulation/members.ts'
import { authorBytes, authorIdOf } from './author.ts'
import { decodeCanonical, encodeCanonical, WireError, type Cbor } from './cbor.ts'
import {
  compareEntries,
  decodeEntry,
  encodeEntry,
  isSigned,
  NO_PREVIOUS,
  signEntry,
  type Entry,
} from './entry.ts'
import type { Intent } from './intent.ts'
import { ACCOUNT_CHARS_MAX, AMOUNT_MAX, ENTRY_BYTES_MAX, NOTE_CHARS_MAX } from './limits.ts'
import { verifySignature } from './signature.ts'

const key = realKey(1)
const author = authorIdOf(key.publicKey, new Uint8Array(8))

const entryOf = (one: Intent): Entry => ({
  lattice: 'ab'.repeat(32),
  author,
  seq: 7,
  prev: 'cd'.repeat(32),
  hlc: 1_700_000_000_000_000,
  intent: one,
})

const anyEntry: fc.Arbitrary<Entry> = fc.record({
  lattice: hexOf(32),
  author: hexOf(8).map((incarnation) => author.slice(0, 64) + incarnation),
  seq: fc.maxSafeNat(),
  prev: fc.oneof(fc.constant(NO_PREVIOUS), hexOf(32)),
  hlc: fc.maxSafeNat(),
  intent,
})

/** Whether these bytes pass for an entry that its author signed. */
function isTaken(bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return isSigned(decodeEntry(bytes, signature), verifySignature)
  } catch (error) {
    if (error instanceof WireError) return false
    throw error
  }
}

describe('entries', () => {
  it('round trip, and stay signed', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const signed = signEntry(entry, key.sign)
        const decoded = decodeEntry(signed.bytes, signed.signature)
        expect(decoded).toEqual(signed)
        expect(isSigned(decoded, verifySignature)).toBe(true)
        expect(signed.bytes.length).toBeLessThanOrEqual(ENTRY_BYTES_MAX)
      }),
    )
  })

  it('fit the limit at their largest', () => {
    const name = (last: string): string => '𝒜'.repeat(ACCOUNT_CHARS_MAX / 2 - 1) + last
    const largest = {
      kind: 'transfer',
      from: name('aa'),
      to: name('bb'),
      amount: AMOUNT_MAX,
    } as const
    const entry = {
      ...entryOf(largest),
      seq: Number.MAX_SAFE_INTEGER,
      hlc: Number.MAX_SAFE_INTEGER,
    }
    const signed = signEntry(entry, key.sign)
    expect(signed.bytes.length).toBeLessThanOrEqual(ENTRY_BYTES_MAX)
    expect(decodeEntry(signed.bytes, signed.signature).entry).toEqual(entry)
  })

  it('are refused after any change of one bit', () => {
    const intents: Intent[] = [
      { kind: 'transfer', from: 'Alice', to: 'Bob', amount: 100 },
      { kind: 'issue', to: 'Alice', amount: 1 },
      { kind: 'noop', note: 'canary 1' },
    ]
    for (const signed of intents.map((one) => signEntry(entryOf(one), key.sign))) {
      for (let bit = 0; bit < signed.bytes.length * 8; bit += 1) {
        const bytes = new Uint8Array(signed.bytes)
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(isTaken(bytes, signed.signature), `bit ${bit}`).toBe(false)
      }
    }
  })

  it('are refused under another tag, another key and with no signature', () => {
    const signed = signEntry(entryOf({ kind: 'noop', note: '' }), key.sign)
    const asCheckpoint = key.sign('aethel/checkpoint/1', signed.bytes)
    expect(isSigned({ ...signed, signature: asCheckpoint }, verifySignature)).toBe(false)
    const byOther = realKey(2).sign('aethel/entry/1', signed.bytes)
    expect(isSigned({ ...signed, signature: byOther }, verifySignature)).toBe(false)
    for (const length of [0, 63, 65]) {
      expect(() => decodeEntry(signed.bytes, new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'bad-signature' }),
      )
    }
  })

  it('cannot be encoded with ids that are none', () => {
    const entry = entryOf({ kind: 'noop', note: '' })
    expect(() => encodeEntry({ ...entry, lattice: 'ab' })).toThrow(TypeError)
    expect(() => encodeEntry({ ...entry, prev: 'AB'.repeat(32) })).toThrow(TypeError)
    expect(() => encodeEntry({ ...entry, author: 'x' })).toThrow(TypeError)
  })
})

describe('what is no entry', () => {
  const signature = new Uint8Array(64)
  const hash = new Uint8Array(32)
  const fields = (changes: Record<number, Cbor>): Cbor[] => {
    const good: Cbor[] = [1, hash, authorBytes(author), 0, hash, 5, 2, ['Alice', 'Bob', 1]]
    return good.map((field, index) => changes[index] ?? field)
  }
  const payload = (kind: number, value: Cbor): Cbor[] => fields({ 6: kind, 7: value })

  it('the table’s base is one', () => {
    expect(decodeEntry(encodeCanonical(fields({})), signature).entry.intent.kind).toBe('transfer')
  })

  const table: [string, Cbor, string][] = [
    ['a number', 1, 'malformed'],
    ['an empty array', [], 'malformed'],
    ['seven fields', fields({}).slice(1), 'malformed'],
    ['nine fields', [...fields({}), 0], 'malformed'],
    ['version 0', fields({ 0: 0 }), 'wrong-version'],
    ['version 2', fields({ 0: 2 }), 'wrong-version'],
    ['a version of text', fields({ 0: '1' }), 'wrong-version'],
    ['a lattice of 31 bytes', fields({ 1: new Uint8Array(31) }), 'malformed'],
    ['a lattice of text', fields({ 1: 'lattice' }), 'malformed'],
    ['an author of 32 bytes', fields({ 2: hash }), 'malformed'],
    ['a negative seq', fields({ 3: -1 }), 'malformed'],
    ['a prev of 33 bytes', fields({ 4: new Uint8Array(33) }), 'malformed'],
    ['a negative clock', fields({ 5: -1 }), 'malformed'],
    ['an unknown kind', payload(3, []), 'malformed'],
    ['a negative kind', payload(-1, ['']), 'malformed'],
    ['a noop without a note', payload(0, []), 'malformed'],
    ['a noop with two notes', payload(0, ['', '']), 'malformed'],
    ['a note that is a number', payload(0, [1]), 'malformed'],
    ['a note that is too long', payload(0, ['x'.repeat(NOTE_CHARS_MAX + 1)]), 'malformed'],
    ['a note with a line end', payload(0, ['a\nb']), 'malformed'],
    ['a note with an escape', payload(0, ['\u001B[2J']), 'malformed'],
    ['an issue of 0', payload(1, ['Alice', 0]), 'malformed'],
    ['an issue of a negative amount', payload(1, ['Alice', -5]), 'malformed'],
    ['an issue above the limit', payload(1, ['Alice', AMOUNT_MAX + 1]), 'malformed'],
    ['an issue of text', payload(1, ['Alice', '1']), 'malformed'],
    ['an issue to nobody', payload(1, ['', 1]), 'malformed'],
    ['an issue to a number', payload(1, [1, 1]), 'malformed'],
    ['an issue to __proto__', payload(1, ['__proto__', 1]), 'malformed'],
    ['an issue to a name with a space', payload(1, ['Al ice', 1]), 'malformed'],
    ['an issue to a name that is not composed', payload(1, ['Jose\u0301', 1]), 'malformed'],
    ['an issue to a name that is too long', payload(1, ['x'.repeat(65), 1]), 'malformed'],
    ['a transfer to oneself', payload(2, ['Bob', 'Bob', 1]), 'malformed'],
    ['a transfer without an amount', payload(2, ['Alice', 'Bob']), 'malformed'],
    ['a payload that is no array', payload(2, 'Alice'), 'malformed'],
  ]
  it.each(table)('%s', (_name, value, code) => {
    expect(() => decodeEntry(encodeCanonical(value), signature)).toThrow(
      expect.objectContaining({ name: 'WireError', code }),
    )
  })

  it('more bytes than the limit, before they are read', () => {
    expect(() => decodeEntry(new Uint8Array(ENTRY_BYTES_MAX + 1), signature)).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    )
  })

  it('any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeEntry(bytes, signature)).toThrow(WireError)
      }),
    )
  })

  it('an array of any values', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(), fc.string(), fc.uint8Array())), (values) => {
        const bytes = encodeCanonical(values)
        expect(decodeCanonical(bytes)).toEqual(values)
        expect(() => decodeEntry(bytes, signature)).toThrow(WireError)
      }),
    )
  })
})

describe('the order of entries', () => {
  const near: fc.Arbitrary<Entry> = fc.record({
    lattice: fc.constant('ab'.repeat(32)),
    author: fc.constantFrom(author, 'f'.repeat(80), '0'.repeat(80)),
    seq: fc.nat(3),
    prev: fc.constant(NO_PREVIOUS),
    hlc: fc.oneof(fc.nat(3), fc.constant(Number.MAX_SAFE_INTEGER)),
    intent: fc.constant({ kind: 'noop' as const, note: '' }),
  })

  it('is total: antisymmetric, transitive, and 0 only for one place', () => {
    fc.assert(
      fc.property(near, near, near, (a, b, c) => {
        const sign = Math.sign(compareEntries(a, b))
        expect(Math.sign(compareEntries(b, a)) + sign).toBe(0)
        expect(sign === 0).toBe(a.hlc === b.hlc && a.author === b.author && a.seq === b.seq)
        const isAscending = sign <= 0 && compareEntries(b, c) <= 0
        expect(!isAscending || compareEntries(a, c) <= 0).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
