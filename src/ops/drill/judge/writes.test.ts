import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VerifyAnswer } from '../../client/node-client.ts'
import {
  availabilityOfWrites,
  countWrites,
  cutOf,
  keyOf,
  lostEntries,
  outcomeOfAnswer,
  outcomeOfError,
  type AcknowledgedEntry,
  type HeldEntries,
  type Write,
  type WriteOutcome,
} from './writes.ts'

const entry = (author: string, seq: number, id = `${author}/${seq}`): AcknowledgedEntry => ({
  node: author,
  author,
  seq,
  id,
  sentMs: 0,
  ackedMs: 1,
})

const write = (outcome: WriteOutcome, tookMs = 1): Write => ({
  node: 'node1',
  sentMs: 100,
  endedMs: 100 + tookMs,
  outcome,
})
const acknowledged = { kind: 'acknowledged', author: 'a', seq: 0, id: 'x' } as const
const indeterminate = { kind: 'indeterminate', why: '' } as const
const failed = { kind: 'failed', why: '' } as const

const answer = (status: VerifyAnswer['status'], hasReceipt: boolean): VerifyAnswer => ({
  success: status === 'PROVED',
  status,
  message: '',
  intents: [
    {
      name: 'noop',
      status,
      message: '',
      receipt: hasReceipt
        ? {
            author: 'a',
            seq: 3,
            id: 'f'.repeat(64),
            level: 'local',
            replicas: 1,
            outcome: 'applied',
            provisional: true,
            reason: null,
            via: 'local',
            age_ms: 0,
          }
        : null,
    },
  ],
  errors: null,
  merkle_root: null,
})

describe('what came of a write', () => {
  it.each([
    ['PROVED', true, 'acknowledged'],
    ['PROVED', false, 'indeterminate'],
    ['FAILED', false, 'failed'],
    ['PARSE_ERROR', false, 'failed'],
    // "The store failed; whether anything was written is not known."
    ['ERROR', false, 'indeterminate'],
  ] as const)('%s, receipt %s: %s', (status, hasReceipt, kind) => {
    expect(outcomeOfAnswer(answer(status, hasReceipt)).kind).toBe(kind)
  })

  it.each([
    ['refused', 400, 'failed'],
    ['refused', 429, 'failed'],
    ['refused', 503, 'indeterminate'],
    ['refused', null, 'indeterminate'],
    ['timeout', null, 'indeterminate'],
    ['unreachable', null, 'indeterminate'],
    ['too-large', 200, 'indeterminate'],
  ] as const)('an error %s with status %s: %s', (code, status, kind) => {
    expect(outcomeOfError({ code, status, message: '' }).kind).toBe(kind)
  })
})

describe('counting writes', () => {
  it('tells every write once', () => {
    const kinds = fc.constantFrom<WriteOutcome>(acknowledged, indeterminate, failed)
    fc.assert(
      fc.property(fc.array(kinds), (outcomes) => {
        const counts = countWrites(
          outcomes.map((outcome) => write(outcome)),
          null,
        )
        expect(counts.attempted).toBe(outcomes.length)
        expect(counts.succeeded + counts.indeterminate + counts.failed).toBe(outcomes.length)
        expect(counts.lost).toBeNull()
      }),
    )
  })

  it('counts an indeterminate write as tried and not as a success', () => {
    const writes = [
      write(acknowledged, 5),
      write(indeterminate, 2000),
      write(failed),
      write(acknowledged, 7),
    ]
    expect(availabilityOfWrites(writes)).toEqual({
      attempted: 4,
      succeeded: 2,
      share: 0.5,
      failure_rate_below: null,
      latency_ms: { n: 2, p50: 5, p95: 7, p99: 7, max: 7 },
    })
  })

  it.each([
    [0, null, null],
    [1, 1, 1],
    [300, 1, 0.01],
  ])('of %d successes the share is %s and the failure rate below %s', (n, share, below) => {
    const writes = Array.from({ length: n }, () => write(acknowledged))
    expect(availabilityOfWrites(writes)).toMatchObject({ share, failure_rate_below: below })
  })
})

describe('lost entries', () => {
  const held = (...entries: AcknowledgedEntry[]): HeldEntries =>
    new Map(entries.map(({ author, seq, id }) => [keyOf(author, seq), id]))
  const [a0, a1, b0] = [entry('a', 0), entry('a', 1), entry('b', 0)]

  it.each<[string, AcknowledgedEntry[], [string, HeldEntries | null][], number | null]>([
    ['nothing acknowledged', [], [['n1', held()]], 0],
    [
      'all held by all',
      [a0, a1, b0],
      [
        ['n1', held(a0, a1, b0)],
        ['n2', held(a0, a1, b0)],
      ],
      0,
    ],
    [
      'one missing on one node',
      [a0, a1],
      [
        ['n1', held(a0, a1)],
        ['n2', held(a0)],
      ],
      1,
    ],
    [
      'one missing everywhere counts once',
      [a0, a1],
      [
        ['n1', held(a0)],
        ['n2', held(a0)],
      ],
      1,
    ],
    [
      'another one in its place',
      [a0],
      [
        ['n1', held(a0)],
        ['n2', held(entry('a', 0, 'else'))],
      ],
      1,
    ],
    [
      'a node that was not read',
      [a0],
      [
        ['n1', held(a0)],
        ['n2', null],
      ],
      null,
    ],
    ['no node', [a0], [], null],
  ])('%s', (_what, acks, nodes, count) => {
    expect(lostEntries(acks, new Map(nodes))?.length ?? null).toBe(count)
  })

  it('are exactly those that were taken away, wherever that was', () => {
    const acks = fc.uniqueArray(
      fc.record({ author: fc.constantFrom('a', 'b', 'c'), seq: fc.nat(20) }),
      { selector: ({ author, seq }) => keyOf(author, seq) },
    )
    fc.assert(
      fc.property(
        acks,
        fc.array(fc.tuple(fc.nat(60), fc.nat(2), fc.boolean())),
        (named, damage) => {
          const all = named.map(({ author, seq }) => entry(author, seq))
          const nodes = ['n1', 'n2', 'n3'].map((name) => [name, new Map(held(...all))] as const)
          const harmed = new Set<string>()
          for (const [which, where, isReplaced] of damage) {
            const victim = all[which]
            if (victim === undefined) continue
            const key = keyOf(victim.author, victim.seq)
            if (isReplaced) nodes[where]?.[1].set(key, 'else')
            else nodes[where]?.[1].delete(key)
            harmed.add(key)
          }
          const lost = lostEntries(all, new Map(nodes)) ?? []
          expect(new Set(lost.map((one) => keyOf(one.entry.author, one.entry.seq)))).toEqual(harmed)
          expect(lost.length).toBe(harmed.size)
        },
      ),
    )
  })
})

it('a cut covers all its entries and not one more', () => {
  expect(cutOf([])).toEqual(new Map())
  expect(cutOf([entry('a', 4), entry('a', 2), entry('b', 0)])).toEqual(
    new Map([
      ['a', 5],
      ['b', 1],
    ]),
  )
})
