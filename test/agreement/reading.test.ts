import { encode } from 'cborg'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCheckpoint } from '../../src/ops/verify/recompute/checkpoint.ts'
import { readEntry } from '../../src/ops/verify/recompute/entry.ts'
import { ed25519 } from '../../src/ops/verify/recompute/signature.ts'
import { readSeal } from '../../src/ops/verify/recompute/seal.ts'
import type { Cbor } from '../../src/wire/cbor.ts'
import { decodeCheckpoint } from '../../src/wire/checkpoint.ts'
import { decodeEntry, type SignedEntry } from '../../src/wire/entry.ts'
import {
  decodeSeal,
  equivocationOf,
  signRetirement,
  type Seal,
  type SealProof,
} from '../../src/wire/seal.ts'
import { tags } from '../../src/wire/signature.ts'
import { accountName } from '../simulation/arbitraries.ts'
import { authorOf, chainOf, keyOf } from '../simulation/members.ts'
import { agree, checkpointOf, fake, flipped, hex, real, verifyFake } from './rig.ts'

/** What a reader makes of bytes; null when it refuses them with the error that is meant for that. */
function readBy<T>(read: () => T, refusal: string): T | null {
  try {
    return read()
  } catch (error) {
    if ((error as Error).name === refusal) return null
    throw error
  }
}

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 20, arbitrary: fc.uint8Array({ minLength: length, maxLength: length }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: length + 1 }) },
  )
const odd = fc.constantFrom<unknown>(
  null,
  true,
  -1,
  0.5,
  2n ** 53n,
  2n ** 64n - 1n,
  'text',
  [],
  {},
  undefined,
  Infinity,
)
const count = fc.oneof(
  { weight: 20, arbitrary: fc.maxSafeNat() },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, 1, 23, 24, 255, 256, 65_535, 65_536, Number.MAX_SAFE_INTEGER),
  },
  { weight: 1, arbitrary: odd },
)
const oddNames = [
  '',
  '__proto__',
  '_',
  '1a',
  'a b',
  'a\n',
  'e\u0301',
  '\u00e9',
  'ª',
  'Ⅷ',
  'a\u200d',
  'a\u0085',
  'a\u2028',
  '\u{e0041}',
  'x'.repeat(64),
  'x'.repeat(65),
  '𝒳'.repeat(32),
  '𝒳'.repeat(33),
]
const text = fc.oneof(
  { weight: 4, arbitrary: accountName },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 70 }) },
  { weight: 1, arbitrary: fc.constantFrom(...oddNames) },
)
const units = fc.oneof(count, fc.constantFrom(1, 1_000_000_000_000_000, 1_000_000_000_000_001))
const payloads = [
  fc.tuple(text),
  fc.tuple(text, units),
  fc.tuple(text, text, units),
  fc.tuple(text, units).map(([name, one]) => [name, name, one]),
  odd,
]
/** Mostly a kind and the payload that belongs to it. */
const ask = fc.oneof(
  ...payloads.map((payload, kind) => ({
    weight: 5,
    arbitrary: fc.tuple(fc.constant<unknown>(Math.min(kind, 2)), payload),
  })),
  { weight: 2, arbitrary: fc.tuple(count, fc.oneof(...payloads)) },
)
const version = fc.oneof(
  { weight: 30, arbitrary: fc.constant<unknown>(1) },
  { weight: 1, arbitrary: count },
)
const entryFields = fc
  .tuple(version, bytesOf(32), bytesOf(40), count, bytesOf(32), count, ask)
  .map(([first, lattice, author, seq, prev, hlc, [kind, payload]]) => [
    first,
    lattice,
    author,
    seq,
    prev,
    hlc,
    kind,
    payload,
  ])

describe('both read the same bytes, and the same out of them', () => {
  const signature = new Uint8Array(64)
  const compareEntry = (bytes: Uint8Array): boolean => {
    const theirs = readBy(() => decodeEntry(bytes, signature), 'WireError')
    const ours = readBy(() => readEntry(bytes), 'UnsoundBytesError')
    agree(
      `entry of ${hex(bytes)}`,
      theirs && { entry: theirs.entry, id: theirs.id },
      ours && { entry: ours.entry, id: ours.id },
    )
    return theirs !== null
  }

  it('entries with odd fields', () => {
    let readCount = 0
    fc.assert(
      fc.property(entryFields, (fields) => {
        if (compareEntry(encode(fields))) readCount += 1
      }),
      { numRuns: 5000 },
    )
    // Both kinds have to be among them, or nothing was compared.
    expect(readCount).toBeGreaterThan(500)
    expect(readCount).toBeLessThan(4500)
  })

  const [sample] = chainOf(fake, 0, [
    [1_700_000_000_000_000, { kind: 'transfer', from: 'Alice', to: 'João', amount: 300 }],
  ])
  const edit = fc.record({
    at: fc.nat(),
    drop: fc.integer({ min: 0, max: 2 }),
    put: fc.uint8Array({ maxLength: 3 }),
  })
  const edited = (
    bytes: Uint8Array,
    edits: readonly { at: number; drop: number; put: Uint8Array }[],
  ): Uint8Array =>
    edits.reduce<Uint8Array>((all, { at, drop, put }) => {
      const from = at % (all.length + 1)
      return Buffer.concat([all.subarray(0, from), put, all.subarray(from + drop)])
    }, bytes)

  it('entries with bytes changed, put in and left out', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        compareEntry(edited(sample?.bytes ?? new Uint8Array(), edits))
      }),
      { numRuns: 10_000 },
    )
  })

  it('entries with any one byte changed', () => {
    const bytes = new Uint8Array(sample?.bytes ?? [])
    expect(compareEntry(bytes)).toBe(true)
    for (const [at, before] of bytes.entries()) {
      for (const value of [
        before ^ 1,
        before ^ 0x20,
        before ^ 0x80,
        0,
        0x18,
        0x5f,
        0xf7,
        0xfb,
        0xff,
      ]) {
        compareEntry(bytes.with(at, value))
      }
    }
  })

  it('checkpoints with bytes changed, put in and left out', () => {
    const frontier = new Map([
      ['a'.repeat(80), 3],
      ['b'.repeat(80), 300],
    ])
    const roots = { root: '1'.repeat(64), stateRoot: '2'.repeat(64) }
    const seals = new Map([['c'.repeat(80), 0]])
    const { bytes } = checkpointOf(fake, { frontier, ...roots }, seals)
    const compare = (changed: Uint8Array): void => {
      const theirs = readBy(() => decodeCheckpoint(changed, signature, () => true), 'WireError')
      const ours = readBy(() => readCheckpoint(changed, signature, () => true), 'UnsoundBytesError')
      const plain = (one: object | undefined): unknown =>
        one && { ...one, publicKey: hex((one as { publicKey: Uint8Array }).publicKey) }
      agree(
        `checkpoint of ${hex(changed)}`,
        plain(theirs?.checkpoint) ?? null,
        plain(ours ?? undefined) ?? null,
      )
    }
    compare(bytes)
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 2 }), (edits) => compare(edited(bytes, edits))),
      { numRuns: 5000 },
    )
  })

  const [one, other] = ['one', 'other'].flatMap((note) =>
    chainOf(fake, 0, [[1, { kind: 'noop', note }]]),
  ) as [SignedEntry, SignedEntry]
  const author = authorOf(fake, 1)
  const proven: Seal[] = [
    signRetirement({ lattice: fake.id, author, size: 300 }, keyOf(fake, 1).sign),
    equivocationOf(one, other) as Seal,
  ]

  it.each(proven)('seals with bytes changed, put in and left out: $proof.kind', (seal) => {
    const compare = (proof: SealProof): boolean => {
      const parts = proof.kind === 'retirement' ? [1, proof.bytes, proof.signature] : undefined
      const pairs = proof.kind === 'equivocation' ? proof.entries : []
      const value = parts ?? [0, ...pairs.map(({ bytes, signature: by }) => [bytes, by])]
      const theirs = readBy(() => decodeSeal(value as Cbor, fake.verify), 'WireError')
      const ours = readBy(() => readSeal(proof, verifyFake), 'UnsoundBytesError')
      const end = theirs && { lattice: theirs.lattice, author: theirs.author, size: theirs.size }
      agree('seal', end, ours)
      return theirs !== null
    }
    const { proof } = seal
    expect(compare(proof)).toBe(true)
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 2 }), fc.boolean(), (edits, isSigned) => {
        const changed = edited(proof.kind === 'retirement' ? proof.bytes : one.bytes, edits)
        const sign = keyOf(fake, proof.kind === 'retirement' ? 1 : 0).sign
        const tag = proof.kind === 'retirement' ? tags.retirement : tags.entry
        const by = isSigned ? sign(tag, changed) : flipped(sign(tag, changed), 7)
        if (proof.kind === 'retirement') {
          compare({ kind: 'retirement', bytes: changed, signature: by })
        } else {
          const first = readBy(() => decodeEntry(changed, by), 'WireError')
          if (first === null || first.id === other.id) return
          const entries =
            first.id < other.id ? ([first, other] as const) : ([other, first] as const)
          compare({ kind: 'equivocation', entries })
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('a checkpoint only with its signature', () => {
    const fields = { frontier: new Map(), root: '1'.repeat(64), stateRoot: '2'.repeat(64) }
    const { bytes, signature: good } = checkpointOf(real, fields)
    const verify = ed25519()
    expect(readCheckpoint(bytes, good, verify).root).toBe(fields.root)
    fc.assert(
      fc.property(fc.nat({ max: 511 }), (bit) => {
        const bad = flipped(good, bit)
        expect(readBy(() => decodeCheckpoint(bytes, bad, real.verify), 'WireError')).toBeNull()
        expect(readBy(() => readCheckpoint(bytes, bad, verify), 'UnsoundBytesError')).toBeNull()
      }),
    )
  })
})
