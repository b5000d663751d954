import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frontier, hash } from '../../test/simulation/arbitraries.ts'
import { emptyRoot } from '../merkle/index.ts'
import { toHex } from './bytes.ts'
import { decodeCanonical, encodeCanonical, WireError, type Cbor } from './cbor.ts'
import {
  authorsOf,
  commonCut,
  covers,
  decodeFrontier,
  EMPTY_FRONTIER,
  encodeFrontier,
  equalFrontiers,
  frontierObject,
  latticeRoot,
  missingRanges,
  sizeAt,
  totalOf,
  type Frontier,
} from './frontier.ts'
import { AUTHORS_MAX } from './limits.ts'

/** Two that name the same authors: what differs is a size, not an author. */
const near = frontier.chain((first) =>
  fc
    .array(fc.integer({ min: 1, max: 3 }), { minLength: first.size, maxLength: first.size })
    .map((sizes): [Frontier, Frontier] => [
      first,
      new Map(authorsOf(first).map((author, index) => [author, sizes[index] ?? 1])),
    ]),
)
const two = fc.oneof(fc.tuple(frontier, frontier), near)
const three = fc.tuple(two, frontier).map(([[a, b], c]) => [a, b, c] as const)

describe('covers is a partial order', () => {
  it('reflexive, with the empty frontier at the bottom', () => {
    fc.assert(
      fc.property(frontier, (a) => {
        expect(covers(a, a)).toBe(true)
        expect(covers(a, EMPTY_FRONTIER)).toBe(true)
        expect(covers(EMPTY_FRONTIER, a)).toBe(a.size === 0)
      }),
    )
  })

  it('antisymmetric', () => {
    fc.assert(
      fc.property(two, ([a, b]) => {
        expect(covers(a, b) && covers(b, a)).toBe(equalFrontiers(a, b))
        expect(equalFrontiers(a, b)).toBe(
          JSON.stringify(frontierObject(a)) === JSON.stringify(frontierObject(b)),
        )
      }),
    )
  })

  it('transitive', () => {
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        const upper = new Map([
          ...a,
          ...[...b].map(([k, v]) => [k, Math.max(v, sizeAt(a, k))] as const),
        ])
        expect(covers(upper, a) && covers(upper, b)).toBe(true)
        expect(!(covers(a, b) && covers(b, c)) || covers(a, c)).toBe(true)
        expect(!covers(b, c) || covers(upper, c)).toBe(true)
      }),
    )
  })
})

describe('two frontiers', () => {
  const [a, b] = ['a'.repeat(80), 'b'.repeat(80)] as const
  const table: [string, [string, number][], [string, number][], boolean][] = [
    ['both empty', [], [], true],
    [
      'the same',
      [
        [a, 1],
        [b, 2],
      ],
      [
        [b, 2],
        [a, 1],
      ],
      true,
    ],
    ['the same authors, another size', [[a, 2]], [[a, 1]], false],
    [
      'the same total',
      [
        [a, 2],
        [b, 1],
      ],
      [
        [a, 1],
        [b, 2],
      ],
      false,
    ],
    ['other authors', [[a, 1]], [[b, 1]], false],
    [
      'an author more',
      [
        [a, 1],
        [b, 1],
      ],
      [[a, 1]],
      false,
    ],
  ]
  it.each(table)('are equal only when every size is: %s', (_name, first, second, expected) => {
    expect(equalFrontiers(new Map(first), new Map(second))).toBe(expected)
    expect(equalFrontiers(new Map(second), new Map(first))).toBe(expected)
  })
})

describe('the common cut', () => {
  it('is the greatest that all cover', () => {
    fc.assert(
      fc.property(fc.array(frontier, { minLength: 1, maxLength: 4 }), frontier, (all, other) => {
        const cut = commonCut(all)
        expect(all.every((one) => covers(one, cut))).toBe(true)
        expect(covers(cut, other)).toBe(all.every((one) => covers(one, other)))
        expect([...cut.values()].every((size) => size > 0)).toBe(true)
      }),
    )
  })

  it('knows no order and no repetition', () => {
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        expect(equalFrontiers(commonCut([a, b, c]), commonCut([c, a, b, a]))).toBe(true)
        expect(equalFrontiers(commonCut([a, commonCut([b, c])]), commonCut([a, b, c]))).toBe(true)
        expect(equalFrontiers(commonCut([a, a]), a)).toBe(true)
      }),
    )
  })

  it('of none is empty', () => {
    expect(commonCut([]).size).toBe(0)
  })
})

describe('missing ranges', () => {
  it('are exactly what closes the gap, in author order', () => {
    fc.assert(
      fc.property(two, ([behind, ahead]) => {
        const ranges = missingRanges(behind, ahead)
        const after = new Map(behind)
        for (const { author, from, to } of ranges) {
          expect(sizeAt(behind, author)).toBe(from)
          expect(to).toBeGreaterThan(from)
          after.set(author, to)
        }
        expect(covers(after, ahead)).toBe(true)
        expect(totalOf(after) - totalOf(behind)).toBe(
          ranges.reduce((sum, range) => sum + range.to - range.from, 0),
        )
        expect(ranges.map((range) => range.author)).toEqual(
          ranges.map((range) => range.author).toSorted(),
        )
        expect(ranges.length === 0).toBe(covers(behind, ahead))
      }),
    )
  })
})

describe('encoding', () => {
  it('round trips, whatever the order of insertion', () => {
    fc.assert(
      fc.property(frontier, (a) => {
        const bytes = encodeCanonical(encodeFrontier(a))
        const reversed: Frontier = new Map([...a].toReversed())
        expect(encodeCanonical(encodeFrontier(reversed))).toEqual(bytes)
        expect(equalFrontiers(decodeFrontier(decodeCanonical(bytes)), a)).toBe(true)
      }),
    )
  })

  const author = (last: number): Uint8Array => new Uint8Array(40).fill(last, 39)
  const refused: [string, Cbor, string][] = [
    ['no array', 1, 'malformed'],
    ['a pair that is none', [[author(1)]], 'malformed'],
    ['an author of 39 bytes', [[new Uint8Array(39), 1]], 'malformed'],
    ['a size of 0', [[author(1), 0]], 'not-canonical'],
    ['a negative size', [[author(1), -1]], 'malformed'],
    [
      'authors out of order',
      [
        [author(2), 1],
        [author(1), 1],
      ],
      'not-canonical',
    ],
    [
      'an author twice',
      [
        [author(1), 1],
        [author(1), 2],
      ],
      'not-canonical',
    ],
    [
      'too many authors',
      Array.from({ length: AUTHORS_MAX + 1 }, () => [author(1), 1]),
      'too-large',
    ],
  ]
  it.each(refused)('refuses %s', (_name, value, code) => {
    expect(() => decodeFrontier(value)).toThrow(
      expect.objectContaining({ name: 'WireError', code }),
    )
    expect(() => decodeFrontier(value)).toThrow(WireError)
  })

  it('takes as many authors as the limit says', () => {
    const pairs = Array.from({ length: AUTHORS_MAX }, (_, index) => {
      const bytes = Buffer.alloc(40)
      bytes.writeUInt32BE(index, 36)
      return [new Uint8Array(bytes), 1]
    })
    expect(decodeFrontier(pairs).size).toBe(AUTHORS_MAX)
  })
})

describe('the lattice root', () => {
  const rootOf = (_author: string, size: number): Uint8Array => new Uint8Array(32).fill(size)

  it('of nothing is the empty tree’s', () => {
    expect(toHex(latticeRoot(EMPTY_FRONTIER, rootOf))).toBe(toHex(emptyRoot()))
  })

  it('is the same for the same frontier, and another for another', () => {
    fc.assert(
      fc.property(two, ([a, b]) => {
        const isEqual = toHex(latticeRoot(a, rootOf)) === toHex(latticeRoot(b, rootOf))
        expect(isEqual).toBe(equalFrontiers(a, b))
      }),
    )
  })

  it('depends on every author’s root', () => {
    fc.assert(
      fc.property(frontier, hash, (a, other) => {
        for (const author of authorsOf(a)) {
          const changed = latticeRoot(a, (one, size) =>
            one === author ? other : rootOf(one, size),
          )
          expect(toHex(changed)).not.toBe(toHex(latticeRoot(a, rootOf)))
        }
      }),
    )
  })
})
