import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signEntry, type SignedEntry } from '../../wire/entry.ts'
import { FakeReplica, keyOf } from '../client/fakes/fake-replica.ts'
import { LogAudit, type AuditTerms } from './judge-log.ts'

const LATTICE = '1'.repeat(64)

const written = (count: number): { replica: FakeReplica; entries: SignedEntry[] } => {
  const replica = new FakeReplica('node1', LATTICE)
  return { replica, entries: Array.from({ length: count }, () => replica.write()) }
}

const auditOf = (
  replica: FakeReplica,
  entries: readonly SignedEntry[],
  terms: Partial<AuditTerms> = {},
): ReturnType<LogAudit['result']> => {
  const audit = new LogAudit({
    lattice: LATTICE,
    memberPeerIds: new Set([keyOf('node1').peerId, keyOf('node2').peerId]),
    held: replica.frontier(),
    cut: replica.frontier(),
    signaturesPerAuthor: Number.MAX_SAFE_INTEGER,
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
    expect(result.checkpoint?.root).toBe(result.rootAtHeld)
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

  it('verifies the newest signatures one by one, and each of them once', () => {
    const { replica, entries } = written(10)
    const verified = new Set<string>()
    expect(auditOf(replica, entries, { signaturesPerAuthor: 4, verified }).signaturesVerified).toBe(
      4,
    )
    expect(verified.size).toBe(4)
    auditOf(replica, entries, { verified })
    expect(verified.size).toBe(10)

    const forged = { ...(entries[2] as SignedEntry), signature: new Uint8Array(64) }
    expect(auditOf(replica, entries.with(2, forged), { verified }).problemCount).toBe(1)
  })

  it('lists few of many problems', () => {
    const { replica, entries } = written(50)
    const result = auditOf(replica, entries.toReversed())
    expect(result.problemCount).toBeGreaterThan(50)
    expect(result.problems).toHaveLength(10)
  })
})
