import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frontier, seals } from '../../test/simulation/arbitraries.ts'
import { authorOf, chainOf, keyOf, makeLattice } from '../../test/simulation/members.ts'
import { decodeCanonical, encodeCanonical, type Cbor } from './cbor.ts'
import { signEntry, type SignedEntry } from './entry.ts'
import { covers, EMPTY_FRONTIER } from './frontier.ts'
import {
  clip,
  coversSeals,
  decodeSeal,
  decodeSeals,
  encodeSeal,
  encodeSeals,
  equivocationOf,
  signRetirement,
  type Seal,
} from './seal.ts'

const lattice = makeLattice(2)
const key = keyOf(lattice, 0)
const author = authorOf(lattice, 0)
const [one, other] = ['one', 'other'].map(
  (note) => chainOf(lattice, 0, [[1, { kind: 'noop', note }]])[0],
) as [SignedEntry, SignedEntry]
const equivocation = equivocationOf(one, other) as Seal
const retirement = signRetirement({ lattice: lattice.id, author, size: 3 }, key.sign)

const decoded = (value: Cbor): Seal =>
  decodeSeal(decodeCanonical(encodeCanonical(value)), lattice.verify)

describe('a seal', () => {
  it.each([
    ['of two entries in one place', equivocation, 0],
    ['of a directory that is gone', retirement, 3],
  ])('%s round trips', (_name, seal, size) => {
    expect(decoded(encodeSeal(seal))).toMatchObject({ lattice: lattice.id, author, size })
    expect(encodeCanonical(encodeSeal(decoded(encodeSeal(seal))))).toEqual(
      encodeCanonical(encodeSeal(seal)),
    )
  })

  it('is the same whichever of the two entries came first', () => {
    expect(equivocationOf(other, one)).toEqual(equivocation)
  })

  it('is not proven by one entry twice, by two places, two authors or two lattices', () => {
    const next = chainOf(lattice, 0, [[2, { kind: 'noop', note: '' }]], { after: [one] })
    const foreign = chainOf(lattice, 1, [[1, { kind: 'noop', note: '' }]])
    const elsewhere = signEntry({ ...other.entry, lattice: 'ab'.repeat(32) }, key.sign)
    for (const second of [one, ...next, ...foreign, elsewhere])
      expect(equivocationOf(one, second)).toBeNull()
  })

  const pair = ({ bytes, signature }: SignedEntry): Cbor => [bytes, signature]
  const [first, second] = [one, other].toSorted((a, b) => (a.id < b.id ? -1 : 1)) as [
    SignedEntry,
    SignedEntry,
  ]
  const stranger = keyOf(lattice, 1)
  const forged = signRetirement({ lattice: lattice.id, author, size: 3 }, stranger.sign)
  const refused: [string, Cbor, string][] = [
    ['its entries out of order', [0, pair(second), pair(first)], 'not-canonical'],
    ['one entry twice', [0, pair(first), pair(first)], 'not-canonical'],
    ['a forged entry', [0, pair(first), [second.bytes, first.signature]], 'bad-signature'],
    ['the word of another key', encodeSeal(forged), 'bad-signature'],
    ['an unknown kind', [2, new Uint8Array(), new Uint8Array()], 'malformed'],
    ['too few parts', [0, pair(first)], 'malformed'],
  ]
  it.each(refused)('with %s is refused', (_name, value, code) => {
    expect(() => decoded(value)).toThrow(expect.objectContaining({ code }))
  })
})

describe('the ends of logs', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(seals, (ends) => {
        expect(decodeSeals(decodeCanonical(encodeCanonical(encodeSeals(ends))))).toEqual(ends)
      }),
    )
  })

  it('leave of a frontier what lies before them, and nothing else out', () => {
    fc.assert(
      fc.property(frontier, seals, (held, ends) => {
        const left = clip(held, ends)
        expect(covers(held, left)).toBe(true)
        for (const [name, size] of held)
          expect(left.get(name) ?? 0).toBe(Math.min(size, ends.get(name) ?? size))
        expect([...left.values()].every((size) => size > 0)).toBe(true)
        expect(clip(left, ends)).toEqual(left)
      }),
    )
    expect(clip(EMPTY_FRONTIER, new Map([[author, 0]]))).toEqual(EMPTY_FRONTIER)
  })

  it('are covered by the same or earlier ones', () => {
    const [at2, at3] = [2, 3].map((size) => new Map([[author, size]]))
    expect(coversSeals(at2 ?? new Map(), at3 ?? new Map())).toBe(true)
    expect(coversSeals(at3 ?? new Map(), at2 ?? new Map())).toBe(false)
    expect(coversSeals(new Map(), new Map())).toBe(true)
    expect(coversSeals(new Map(), at2 ?? new Map())).toBe(false)
  })
})
