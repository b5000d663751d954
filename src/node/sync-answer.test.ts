import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { signCheckpoint } from '../wire/checkpoint.ts'
import { compareEntries, NO_PREVIOUS, signEntry, type SignedEntry } from '../wire/entry.ts'
import type { Frontier } from '../wire/frontier.ts'
import { NO_SEALS } from '../wire/seal.ts'
import { verifySignature } from '../wire/signature.ts'
import { readFrames } from '../wire/sync.ts'
import { nodeKeyOf } from './keys.ts'
import { syncAnswer } from './sync-answer.ts'

const LATTICE = 'ab'.repeat(32)
const keys = [1, 2, 3].map((fill) => nodeKeyOf(new Uint8Array(32).fill(fill)))

/** A log of `sizes.length` authors; clocks are given, and rise within an author. */
function logsOf(clocks: readonly (readonly number[])[]): Map<string, SignedEntry[]> {
  return new Map(
    clocks.map((steps, index) => {
      const key = keys[index % keys.length]
      if (key === undefined) throw new Error('no key')
      const author = `${Buffer.from(key.publicKey).toString('hex')}${'0'.repeat(15)}${index}`
      let hlc = 0
      const entries = steps.map((step, seq) => {
        hlc += step
        const intent = { kind: 'noop' as const, note: '' }
        return signEntry(
          { lattice: LATTICE, author, seq, prev: NO_PREVIOUS, hlc, intent },
          key.sign,
        )
      })
      return [author, entries] as const
    }),
  )
}

async function answered(
  logs: Map<string, SignedEntry[]>,
  has: Frontier,
): Promise<{ entries: SignedEntry[]; end: number }> {
  const [key] = keys
  if (key === undefined) throw new Error('no key')
  const frontier = new Map(
    [...logs]
      .filter(([, entries]) => entries.length > 0)
      .map(([author, entries]) => [author, entries.length]),
  )
  const checkpoint = signCheckpoint(
    {
      lattice: LATTICE,
      publicKey: key.publicKey,
      incarnation: '00'.repeat(8),
      frontier,
      seals: NO_SEALS,
      root: '00'.repeat(32),
      stateRoot: '00'.repeat(32),
      clockFloor: 0,
      wallMs: 0,
    },
    key.sign,
  )
  const source = {
    checkpoint,
    frontier,
    sealsBeyond: () => [],
    entries: (author: string, from: number, to: number) => (logs.get(author) ?? []).slice(from, to),
  }
  const request = { lattice: LATTICE, frontier: has, seals: NO_SEALS, checkpoint: null }
  const entries: SignedEntry[] = []
  let end = -1
  for await (const frame of readFrames(
    syncAnswer(request, source, new AbortController().signal),
    verifySignature,
  )) {
    if (frame.kind === 'entries') entries.push(...frame.entries)
    if (frame.kind === 'end') end = frame.entryCount
  }
  return { entries, end }
}

const clocks = fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 20 }), {
  maxLength: 3,
})

test('an answer is exactly what is missing, in the order of application', async () => {
  await fc.assert(
    fc.asyncProperty(
      clocks,
      fc.array(fc.nat({ max: 20 }), { minLength: 3, maxLength: 3 }),
      async (steps, held) => {
        const logs = logsOf(steps)
        const has = new Map(
          [...logs.keys()]
            .map((author, index) => [author, held[index] ?? 0] as const)
            .filter(([, size]) => size > 0),
        )
        const { entries, end } = await answered(logs, has)
        const missing = [...logs].flatMap(([author, all]) => all.slice(has.get(author) ?? 0))
        const expected = missing
          .toSorted((a, b) => compareEntries(a.entry, b.entry))
          .map((entry) => entry.id)
        expect(entries.map((entry) => entry.id)).toEqual(expected)
        expect(end).toBe(expected.length)
      },
    ),
    { numRuns: 60 },
  )
})

test('a long answer comes in frames that each fit', async () => {
  const { entries, end } = await answered(logsOf([Array.from({ length: 700 }, () => 1)]), new Map())
  expect(entries).toHaveLength(700)
  expect(end).toBe(700)
})
