import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { authorOf, chainOf, keyOf, makeLattice } from '../../../test/simulation/members.ts'
import { leafHash, rootOfLeaves } from '../../merkle/index.ts'
import { fromHex, toHex } from '../../wire/bytes.ts'
import { NO_PREVIOUS, signEntry, type Entry, type SignedEntry } from '../../wire/entry.ts'
import { latticeRoot } from '../../wire/frontier.ts'
import type { Intent } from '../../wire/intent.ts'
import { AUTHORS_MAX } from '../../wire/limits.ts'
import { CLOCK_AHEAD_US_MAX } from './limits.ts'
import { Logs, type Placement } from './logs.ts'

const lattice = makeLattice(3, { isReal: true })
const noop: Intent = { kind: 'noop', note: '' }
const nowUs = 1_000_000_000
const chain = chainOf(lattice, 0, [
  [10, noop],
  [20, { kind: 'noop', note: 'second' }],
  [30, { kind: 'noop', note: 'third' }],
])
const at = (index: number): SignedEntry => chain[index] as SignedEntry

const emptyLogs = (): Logs =>
  new Logs(
    lattice.id,
    lattice.keys.slice(0, 2).map((key) => key.publicKey),
    lattice.verify,
  )
const logsWith = (entries: readonly SignedEntry[]): Logs => {
  const logs = emptyLogs()
  for (const entry of entries) logs.append(entry)
  return logs
}

/** The second entry of the chain, but with these fields, signed by its author or by member `by`. */
const variant = (changes: Partial<Entry>, by = 0): SignedEntry =>
  signEntry({ ...at(1).entry, ...changes }, keyOf(lattice, by).sign)

const forged = (signed: SignedEntry): SignedEntry => ({ ...signed, signature: new Uint8Array(64) })

describe('where an entry belongs', () => {
  const placements: [string, readonly SignedEntry[], SignedEntry, Placement][] = [
    ['the first', [], at(0), 'next'],
    ['the one after the last', [at(0)], at(1), 'next'],
    ['the last again', [at(0), at(1)], at(1), 'held'],
    ['an early one again', chain, at(0), 'held'],
    ['one again with another signature', chain, forged(at(0)), 'held'],
    ['one too early', [at(0)], at(2), 'gap'],
    ['not the first, of an author not known', [], at(1), 'gap'],
    ['one too early with a bad signature', [at(0)], forged(at(2)), 'gap'],
    [
      'as far in the future as is allowed',
      [at(0)],
      variant({ hlc: nowUs + CLOCK_AHEAD_US_MAX }),
      'next',
    ],
    ['far in the past', [], chainOf(lattice, 1, [[1, noop]])[0] as SignedEntry, 'next'],
  ]
  it.each(placements)('%s: %s', (_name, held, signed, expected) => {
    expect(logsWith(held).place(signed, nowUs)).toBe(expected)
  })

  const refusals: [string, readonly SignedEntry[], SignedEntry, string][] = [
    ['another lattice', [at(0)], variant({ lattice: 'ab'.repeat(32) }), 'wrong-lattice'],
    ['a stranger', [], chainOf(lattice, 2, [[10, noop]])[0] as SignedEntry, 'unknown-author'],
    ['signed by another member', [at(0)], variant({}, 1), 'bad-signature'],
    ['with no signature', [at(0)], forged(at(1)), 'bad-signature'],
    ['the first with a previous one', [], variant({ seq: 0 }), 'broken-chain'],
    [
      'after another entry than the last',
      [at(0)],
      variant({ prev: 'cd'.repeat(32) }),
      'broken-chain',
    ],
    ['after nothing, but not the first', [at(0)], variant({ prev: NO_PREVIOUS }), 'broken-chain'],
    ['with the clock of the one before', [at(0)], variant({ hlc: 10 }), 'broken-chain'],
    ['with a clock that goes back', [at(0)], variant({ hlc: 9 }), 'broken-chain'],
    ['with a clock of 0', [], variant({ seq: 0, prev: NO_PREVIOUS, hlc: 0 }), 'broken-chain'],
    [
      'too far in the future',
      [at(0)],
      variant({ hlc: nowUs + CLOCK_AHEAD_US_MAX + 1 }),
      'clock-ahead',
    ],
    [
      'in the place of another',
      chain,
      variant({ intent: { kind: 'noop', note: 'other' } }),
      'equivocation',
    ],
    [
      'in the place of another, but not signed',
      chain,
      forged(variant({ hlc: 21 })),
      'bad-signature',
    ],
    ['in the place of another, signed by another', chain, variant({ hlc: 21 }, 1), 'bad-signature'],
  ]
  it.each(refusals)('refused: %s', (_name, held, signed, code) => {
    const logs = logsWith(held)
    const root = logs.root()
    expect(() => logs.place(signed, nowUs)).toThrow(
      expect.objectContaining({ name: 'WireError', code }),
    )
    expect(logs.root()).toBe(root)
    expect(logs.sizeOf(signed.entry.author)).toBe(
      held.filter((one) => one.entry.author === signed.entry.author).length,
    )
  })

  it('a clock too far ahead is only held back: later the same entry is taken', () => {
    const logs = logsWith([at(0)])
    const future = variant({ hlc: nowUs + CLOCK_AHEAD_US_MAX + 1 })
    expect(() => logs.place(future, nowUs)).toThrow(
      expect.objectContaining({ code: 'clock-ahead' }),
    )
    expect(logs.place(future, nowUs + 1)).toBe('next')
  })

  it('a member has no more incarnations than a frontier may name', () => {
    const logs = emptyLogs()
    for (let number = 0; number < AUTHORS_MAX; number += 1) {
      const [first] = chainOf(lattice, 0, [[10, noop]], { incarnation: number }) as [SignedEntry]
      logs.append(first)
    }
    const [over] = chainOf(lattice, 0, [[10, noop]], { incarnation: AUTHORS_MAX }) as [SignedEntry]
    expect(() => logs.place(over, nowUs)).toThrow(expect.objectContaining({ code: 'too-large' }))
  })
})

describe('roots', () => {
  const logsOfTwo = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }))
  const fake = makeLattice(2)
  const chains = [0, 1].map((index) =>
    chainOf(
      fake,
      index,
      Array.from({ length: 6 }, (_, seq) => [seq + 1, { kind: 'noop', note: `${index}` }] as const),
    ),
  ) as [SignedEntry[], SignedEntry[]]
  const filled = (sizes: readonly number[], isReversed = false): Logs => {
    const logs = new Logs(
      fake.id,
      fake.keys.map((key) => key.publicKey),
      fake.verify,
    )
    const parts = sizes.map((size, index) => (chains[index] ?? []).slice(0, size))
    for (const part of isReversed ? parts.toReversed() : parts) {
      for (const entry of part) logs.append(entry)
    }
    return logs
  }

  it('are RFC 6962 roots over entry ids, in author order', () => {
    fc.assert(
      fc.property(logsOfTwo, (sizes) => {
        const logs = filled(sizes)
        const expected = latticeRoot(logs.frontier(), (author, size) => {
          const ids = chains
            .flat()
            .filter(({ entry }) => entry.author === author)
            .slice(0, size)
            .map(({ id }) => leafHash(fromHex(id) ?? new Uint8Array()))
          return rootOfLeaves(ids)
        })
        expect(logs.root()).toBe(toHex(expected))
      }),
    )
  })

  it('are the same for the same content in any order, and differ for any other', () => {
    fc.assert(
      fc.property(logsOfTwo, logsOfTwo, (a, b) => {
        expect(filled(a).root()).toBe(filled(a, true).root())
        const isEqual = a[0] === b[0] && a[1] === b[1]
        expect(filled(a).root() === filled(b).root()).toBe(isEqual)
      }),
    )
  })

  it('at an earlier cut are what they were then; beyond what is held there are none', () => {
    fc.assert(
      fc.property(logsOfTwo, logsOfTwo, (held, cut) => {
        const before = filled(cut)
        const reaches = cut[0] <= held[0] && cut[1] <= held[1]
        expect(filled(held).rootAt(before.frontier())).toBe(reaches ? before.root() : null)
      }),
    )
  })

  it('are the same however they were asked for before', () => {
    const asks = fc.array(fc.tuple(logsOfTwo, fc.boolean()), { maxLength: 12 })
    fc.assert(
      fc.property(asks, fc.integer({ min: 0, max: 6 }), (steps, end) => {
        const logs = filled([0, 0])
        const sizes: [number, number] = [0, 0]
        for (const [cut, isGrowing] of steps) {
          if (isGrowing) {
            for (const index of [0, 1] as const) {
              for (const entry of chains[index].slice(sizes[index], cut[index])) logs.append(entry)
              sizes[index] = Math.max(sizes[index], cut[index])
            }
          }
          const reaches = cut[0] <= sizes[0] && cut[1] <= sizes[1]
          const before = filled(cut)
          expect(logs.rootAt(before.frontier())).toBe(reaches ? before.root() : null)
          expect(logs.frontier()).toEqual(filled(sizes).frontier())
          expect(logs.root()).toBe(filled(sizes).root())
        }
        const author = authorOf(fake, 0)
        const proof = {
          kind: 'retirement' as const,
          bytes: new Uint8Array(),
          signature: new Uint8Array(),
        }
        logs.seal({ lattice: fake.id, author, size: end, proof })
        const left = filled([Math.min(end, sizes[0]), sizes[1]])
        expect(logs.frontier()).toEqual(left.frontier())
        expect(logs.root()).toBe(left.root())
      }),
    )
  })

  it('name no author without entries', () => {
    expect(filled([0, 2]).frontier()).toEqual(new Map([[authorOf(fake, 1), 2]]))
    expect(filled([0, 0]).frontier().size).toBe(0)
  })

  it('a frontier that was handed out stays as it was', () => {
    const logs = filled([1, 0])
    const frontier = logs.frontier()
    for (const entry of chains[1]) logs.append(entry)
    expect(frontier.size).toBe(1)
  })

  it('know the last id and the largest clock', () => {
    const logs = filled([2, 5])
    expect(logs.lastId(authorOf(fake, 0))).toBe(chains[0][1]?.id)
    expect(logs.lastId('b'.repeat(80))).toBe(NO_PREVIOUS)
    expect(logs.lastHlc()).toBe(5)
    expect(filled([0, 0]).lastHlc()).toBe(0)
  })
})
