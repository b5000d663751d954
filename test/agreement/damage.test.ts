import { encode } from 'cborg'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEntry, type SignedEntry } from '../../src/wire/entry.ts'
import { chainOf, keyOf } from '../simulation/members.ts'
import { auditOf, fake, flipped, intent, nodeLogs } from './rig.ts'

type Damage = (
  chain: readonly SignedEntry[],
  at: number,
  bit: number,
) => { bytes: Uint8Array; signature: Uint8Array }[]

/** The chain with the entry at `at` signed anew, with other fields. */
const otherwise =
  (
    change: (entry: SignedEntry['entry'], before: SignedEntry | undefined) => object,
    memberIndex = 0,
  ): Damage =>
  (chain, at) => {
    const { entry } = chain[at] as SignedEntry
    const changed = { ...entry, ...change(entry, chain[at - 1]) }
    const [forged] = resigned(changed, memberIndex)
    return chain.toSpliced(at, 1, forged as SignedEntry)
  }

function resigned(entry: SignedEntry['entry'], memberIndex: number): SignedEntry[] {
  const bytes = encode([
    1,
    Buffer.from(entry.lattice, 'hex'),
    Buffer.from(entry.author, 'hex'),
    entry.seq,
    Buffer.from(entry.prev, 'hex'),
    entry.hlc,
    0,
    ['damaged'],
  ])
  const signature = keyOf(fake, memberIndex).sign('aethel/entry/1', bytes)
  return [{ entry, id: '', bytes, signature }]
}

const withBytes =
  (change: (bytes: Uint8Array, bit: number) => Uint8Array): Damage =>
  (chain, at, bit) => {
    const bytes = change((chain[at] as SignedEntry).bytes, bit)
    return chain.toSpliced(at, 1, {
      ...(chain[at] as SignedEntry),
      bytes,
      signature: keyOf(fake, 0).sign('aethel/entry/1', bytes),
    })
  }

const damages: Record<string, Damage> = {
  'a flipped bit': (chain, at, bit) => {
    const { bytes, ...rest } = chain[at] as SignedEntry
    return chain.toSpliced(at, 1, { ...rest, bytes: flipped(bytes, bit) })
  },
  'a flipped bit in a signature': (chain, at, bit) => {
    const { signature, ...rest } = chain[at] as SignedEntry
    return chain.toSpliced(at, 1, { ...rest, signature: flipped(signature, bit) })
  },
  'a signature that is too short': (chain, at) => {
    const { signature, ...rest } = chain[at] as SignedEntry
    return chain.toSpliced(at, 1, { ...rest, signature: signature.subarray(0, 63) })
  },
  'a gap': (chain, at) => chain.toSpliced(at, 1),
  'a wrong prev': otherwise((_, before) => ({
    prev: before === undefined ? '1'.repeat(64) : '0'.repeat(64),
  })),
  'a clock that stands': otherwise((_, before) => ({ hlc: before?.entry.hlc ?? 0 })),
  'a wrong place': otherwise(({ seq }) => ({ seq: seq + 1 })),
  'another lattice': otherwise(() => ({ lattice: '2'.repeat(64) })),
  'an author who is no member': otherwise(() => ({ author: '3'.repeat(80) })),
  'another member’s signature': otherwise(() => ({}), 1),
  'an array of unknown length': withBytes((bytes) =>
    Buffer.concat([Uint8Array.of(0x9f), bytes.subarray(1), Uint8Array.of(0xff)]),
  ),
  'a number in more bytes than it needs': withBytes((bytes) =>
    Buffer.concat([bytes.subarray(0, 1), Uint8Array.of(0x18, 0x01), bytes.subarray(2)]),
  ),
  'another version': withBytes((bytes) =>
    Buffer.concat([bytes.subarray(0, 1), Uint8Array.of(0x02), bytes.subarray(2)]),
  ),
  'a byte too many': withBytes((bytes) => Buffer.concat([bytes, Uint8Array.of(0)])),
  'a byte too few': withBytes((bytes) => bytes.subarray(0, -1)),
}

describe('both refuse', () => {
  it.each(Object.entries(damages))('%s', (_what, damage) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), intent), { minLength: 2, maxLength: 6 }),
        fc.nat(),
        fc.nat({ max: 10_000 }),
        (links, where, bit) => {
          let hlc = 0
          const chain = chainOf(
            fake,
            0,
            links.map(([step, one]) => [(hlc += step), one] as const),
          )
          // Without an entry after it, a missing last one is no gap.
          const damaged = damage(chain, where % (chain.length - 1), bit)
          expect(isTakenByNode(damaged)).toBe(false)
          const audit = auditOf(fake, { held: new Map(), cut: new Map(), saved: null })
          audit.take(damaged)
          expect(audit.result().problemCount).toBeGreaterThan(0)
        },
      ),
      { numRuns: 200 },
    )
  })

  function isTakenByNode(
    entries: readonly { bytes: Uint8Array; signature: Uint8Array }[],
  ): boolean {
    const logs = nodeLogs(fake)
    try {
      for (const { bytes, signature } of entries) {
        const read = decodeEntry(bytes, signature)
        if (logs.place(read, 1) !== 'next') return false
        logs.append(read)
      }
    } catch (error) {
      if ((error as Error).name === 'WireError') return false
      throw error
    }
    return true
  }
})
