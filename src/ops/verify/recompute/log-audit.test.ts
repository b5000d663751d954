import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signCheckpoint } from '../../../wire/checkpoint.ts'
import { signEntry, type SignedEntry } from '../../../wire/entry.ts'
import type { Frontier } from '../../../wire/frontier.ts'
import {
  equivocationOf,
  NO_SEALS,
  signRetirement,
  type Seal,
  type Seals,
} from '../../../wire/seal.ts'
import { FakeReplica, keyOf } from '../../client/fakes/fake-replica.ts'
import { LogAudit, type AuditedLog, type AuditTerms } from './log-audit.ts'

const LATTICE = '1'.repeat(64)

const written = (count: number): { replica: FakeReplica; entries: SignedEntry[] } => {
  const replica = new FakeReplica('node1', LATTICE)
  return { replica, entries: Array.from({ length: count }, () => replica.write()) }
}

const auditOf = (
  replica: FakeReplica,
  entries: readonly SignedEntry[],
  { cut = replica.frontier(), ...terms }: Partial<AuditTerms> & { cut?: Frontier } = {},
): AuditedLog => {
  const audit = new LogAudit({
    lattice: LATTICE,
    genesis: replica.genesis,
    memberPeerIds: [keyOf('node1').peerId, keyOf('node2').peerId],
    frontiers: { held: replica.frontier(), cut, saved: null },
    verified: new Set(),
    ...terms,
  })
  audit.takeCheckpoint(replica.checkpoint())
  audit.take(entries)
  return audit.result()
}

describe('the audit of a log', () => {
  it('comes to the roots that the node signs', () => {
    const { replica, entries } = written(20)
    const other = new FakeReplica('node2', LATTICE)
    const theirs = Array.from({ length: 7 }, () => other.write())
    for (const entry of theirs) replica.take(entry)
    const cut = new Map([
      [replica.author, 13],
      [other.author, 7],
    ])
    const result = auditOf(replica, [...theirs, ...entries], { cut })
    expect(result).toMatchObject({
      entries: 27,
      problemCount: 0,
      problems: [],
      signaturesVerified: 27,
      rootAtHeld: replica.rootAt(replica.frontier()),
      rootAtCut: replica.rootAt(cut),
    })
    expect(result.stateRootAtHeld).toBe(replica.stateRoot())
    expect(result.checkpoint).toMatchObject({
      root: result.rootAtHeld,
      recomputedRoot: result.rootAtHeld,
      recomputedStateRoot: result.stateRootAtHeld,
    })
  })

  it('gives no root where the entries do not reach', () => {
    const { replica, entries } = written(5)
    const cut = new Map([[replica.author, 3]])
    const result = auditOf(replica, entries.slice(0, 4), { cut })
    expect(result.rootAtHeld).toBeNull()
    expect(result.rootAtCut).toBe(replica.rootAt(cut))
  })

  const lies: [string, (entries: SignedEntry[], replica: FakeReplica) => SignedEntry[], RegExp][] =
    [
      ['a dropped entry', (all) => all.toSpliced(2, 1), /position 2|does not follow/],
      [
        'two entries swapped',
        (all) => all.with(1, all[2] as SignedEntry).with(2, all[1] as SignedEntry),
        /position/,
      ],
      ['an entry twice', (all) => all.toSpliced(2, 0, all[2] as SignedEntry), /position/],
      [
        'another signature',
        (all) => all.with(2, { ...(all[2] as SignedEntry), signature: new Uint8Array(64) }),
        /not signed/,
      ],
      [
        'an edited entry, signed by another key',
        (all) => {
          const { entry } = all[2] as SignedEntry
          const intent = { kind: 'noop', note: 'edited' } as const
          return all.with(2, signEntry({ ...entry, intent }, keyOf('stranger').sign))
        },
        /not signed/,
      ],
      [
        'an edited entry, signed by its author, without the ones after it',
        (all, replica) => {
          const { entry } = all[2] as SignedEntry
          const intent = { kind: 'noop', note: 'edited' } as const
          return all.with(2, signEntry({ ...entry, intent }, replica.key.sign))
        },
        /does not follow/,
      ],
      [
        'a clock that goes back',
        (all, replica) => {
          const { entry } = all.at(-1) as SignedEntry
          return all.toSpliced(-1, 1, signEntry({ ...entry, hlc: 1 }, replica.key.sign))
        },
        /clock goes back/,
      ],
      [
        'an entry of another lattice',
        (all, replica) => {
          const { entry } = all.at(-1) as SignedEntry
          return all.toSpliced(
            -1,
            1,
            signEntry({ ...entry, lattice: '2'.repeat(64) }, replica.key.sign),
          )
        },
        /another lattice/,
      ],
      [
        'an author who is no member',
        (all) => [...all, new FakeReplica('stranger', LATTICE).write()],
        /no member/,
      ],
    ]
  it.each(lies)('sees %s', (_what, lie, problem) => {
    const { replica, entries } = written(5)
    const result = auditOf(replica, lie(entries, replica))
    expect(result.problemCount).toBeGreaterThan(0)
    expect(result.problems.join()).toMatch(problem)
  })

  it('never comes to the signed root with any one entry changed', () => {
    const { replica, entries } = written(12)
    fc.assert(
      fc.property(fc.nat(11), fc.string({ maxLength: 5 }), (index, text) => {
        const { entry } = entries[index] as SignedEntry
        const note = `edited ${text.replaceAll(/\P{L}/gu, '')}`
        const forged = signEntry({ ...entry, intent: { kind: 'noop', note } }, replica.key.sign)
        const result = auditOf(replica, entries.with(index, forged))
        expect(result.rootAtHeld).not.toBe(replica.rootAt(replica.frontier()))
      }),
      { numRuns: 30 },
    )
  })

  it('verifies each signature once, and remembers none that is wrong', () => {
    const { replica, entries } = written(10)
    const verified = new Set<string>()
    expect(auditOf(replica, entries, { verified }).signaturesVerified).toBe(10)
    expect(verified.size).toBe(10)
    const never = (): boolean => false
    expect(auditOf(replica, entries, { verified, verify: never }).problems).toEqual([
      'its checkpoint: is not signed by the key that it names',
    ])

    const forged = { ...(entries[2] as SignedEntry), signature: new Uint8Array(64) }
    expect(auditOf(replica, entries.with(2, forged), { verified }).problemCount).toBe(1)
    expect(verified.size).toBe(10)
  })

  describe('of ends of logs', () => {
    const { replica, entries } = written(5)
    const { lattice, author, key } = replica
    const retired = (size: number): Seal => signRetirement({ lattice, author, size }, key.sign)
    const sealedAudit = (seals: readonly Seal[], ends: Seals, given = entries): AuditedLog => {
      const frontier = new Map([[author, given.length]])
      const audit = new LogAudit({
        lattice,
        genesis: replica.genesis,
        memberPeerIds: [key.peerId],
        frontiers: { held: frontier, cut: frontier, saved: null },
        verified: new Set(),
      })
      const { checkpoint } = replica.checkpoint()
      audit.takeCheckpoint(signCheckpoint({ ...checkpoint, frontier, seals: ends }, key.sign))
      audit.takeSeals(seals)
      audit.take(given)
      return audit.result()
    }

    it('takes what is proven, the first end of each log', () => {
      const { problems, ends } = sealedAudit([retired(9), retired(5)], new Map([[author, 5]]))
      expect(problems).toEqual([])
      expect(ends).toEqual(new Map([[author, 5]]))
    })

    it('takes two entries in one place for an end', () => {
      const [, second] = entries as [SignedEntry, SignedEntry]
      const note = { kind: 'noop', note: 'other' } as const
      const twin = signEntry({ ...second.entry, intent: note }, key.sign)
      const seal = equivocationOf(second, twin) as Seal
      const { problems, ends } = sealedAudit([seal], new Map([[author, 1]]), entries.slice(0, 1))
      expect(problems).toEqual([])
      expect(ends).toEqual(new Map([[author, 1]]))
    })

    const { sign } = keyOf('node2')
    const forged = signRetirement({ lattice, author, size: 5 }, sign)
    const elsewhere = signRetirement({ lattice: '2'.repeat(64), author, size: 5 }, key.sign)
    const stranger = new FakeReplica('stranger', LATTICE)
    const strange = signRetirement({ lattice, author: stranger.author, size: 5 }, stranger.key.sign)
    it.each<[string, readonly Seal[], Seals, RegExp]>([
      ['entries behind an end', [retired(4)], NO_SEALS, /ends before it/],
      ['an end that nothing proves', [], new Map([[author, 5]]), /nothing proves/],
      ['an end that is proven later only', [retired(6)], new Map([[author, 5]]), /nothing proves/],
      ['a forged end', [forged], NO_SEALS, /not signed/],
      ['an end in another lattice', [elsewhere], NO_SEALS, /another lattice/],
      ['an end of a stranger’s log', [strange], NO_SEALS, /no member/],
    ])('sees %s', (_what, seals, ends, problem) => {
      expect(sealedAudit(seals, ends).problems.join()).toMatch(problem)
    })
  })

  it('lists few of many problems', () => {
    const { replica, entries } = written(50)
    const result = auditOf(replica, entries.toReversed())
    expect(result.problemCount).toBeGreaterThan(50)
    expect(result.problems).toHaveLength(10)
  })
})
