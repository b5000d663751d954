import { beforeEach, describe, expect, it } from 'vitest'
import {
  authorOf,
  chainOf,
  incarnationOf,
  keyOf,
  makeLattice,
} from '../../../test/simulation/members.ts'
import { Rig } from '../../../test/simulation/rig.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import type { Intent } from '../../wire/intent.ts'
import { NO_SEALS, signRetirement, type Seal } from '../../wire/seal.ts'

const lattice = makeLattice(3)
const [b, c] = [keyOf(lattice, 1).peerId, keyOf(lattice, 2).peerId] as const
const cheat = authorOf(lattice, 1)
const pay = (amount: number, to = 'Bob'): Intent => ({
  kind: 'transfer',
  from: 'Alice',
  to,
  amount,
})

/** Member 1 pays 10, 20, 30; or, after the first, 500 to another, and 600. */
const told = chainOf(lattice, 1, [
  [10, pay(10)],
  [20, pay(20)],
  [30, pay(30)],
]) as [SignedEntry, SignedEntry, SignedEntry]
const toldOthers = chainOf(
  lattice,
  1,
  [
    [21, pay(500, 'Carol')],
    [31, pay(600, 'Carol')],
  ],
  { after: [told[0]] },
) as [SignedEntry, SignedEntry]

let rig: Rig
beforeEach(() => {
  rig = new Rig(lattice)
  rig.introduce()
  rig.pass(99)
})

const sealsOf = (from: Rig): Seal[] => from.core.logs.sealsBeyond(NO_SEALS)
const hasEqualState = (one: Rig, other: Rig): void => {
  expect(one.core.logs.root()).toBe(other.core.logs.root())
  expect(one.core.ledger.accounts.root()).toBe(other.core.ledger.accounts.root())
}

describe('an author that signed two entries with one number', () => {
  it('is left out from there on, whichever of them a node held, and however much', () => {
    const other = rig.member(2)
    rig.receive(told, b)
    other.receive([told[0], ...toldOthers], b)
    rig.receive([toldOthers[0]], c)
    for (const seal of sealsOf(rig)) other.step({ kind: 'seals', seals: [seal], from: 'a' })
    expect(rig.core.logs.sizeOf(cheat)).toBe(1)
    expect(Object.fromEntries(rig.core.ledger.accounts.sorted())).toEqual({ Alice: 990, Bob: 1010 })
    hasEqualState(rig, other)
    expect(rig.core.receiptOf(cheat, 1, 0)).toBeNull()
    expect(rig.core.receiptOf(cheat, 0, 0)?.outcome).toBe('applied')
  })

  it('is told of with its proof, which others get by gossip', () => {
    rig.receive(told, b)
    rig.outputs.length = 0
    rig.receive([toldOthers[0]], c)
    const gossip = rig.outputs.flatMap((output) => (output.kind === 'gossip' ? [output.frame] : []))
    expect(gossip).toEqual([{ kind: 'seals', seals: sealsOf(rig) }])
    expect(rig.eventsOf('evidence')).toHaveLength(1)
    rig.receive([toldOthers[0]], c)
    rig.step({ kind: 'seals', seals: sealsOf(rig), from: c })
    expect(rig.eventsOf('evidence')).toHaveLength(1)
  })

  it('cannot go on in either way', () => {
    rig.receive(told, b)
    rig.receive([toldOthers[0]], c)
    expect(rig.receive(told, b).entries).toEqual([])
    expect(rig.receive(toldOthers, b).entries).toEqual([])
    const next = chainOf(lattice, 1, [[40, pay(1)]], { after: told })
    expect(rig.receive(next, b).entries).toEqual([])
    expect(rig.core.logs.sizeOf(cheat)).toBe(1)
  })

  it('is left out from earlier on when it did so before', () => {
    rig.receive(told, b)
    rig.receive([toldOthers[0]], c)
    rig.receive(chainOf(lattice, 1, [[11, pay(7)]]), c)
    expect(rig.core.logs.seals.get(cheat)).toBe(0)
    expect(rig.core.logs.sizeOf(cheat)).toBe(0)
    expect(Object.fromEntries(rig.core.ledger.accounts.sorted())).toEqual({
      Alice: 1000,
      Bob: 1000,
    })
    expect(sealsOf(rig)).toHaveLength(1)
  })

  it('found in one message with what goes before, is left out just so', () => {
    rig.receive([...told, toldOthers[0]], b)
    expect(rig.core.logs.sizeOf(cheat)).toBe(1)
    const other = rig.member(2)
    other.receive([told[0]], b)
    hasEqualState(rig, other)
  })

  it('whose entries were final already has the state made anew without them', () => {
    rig.receive(told, b)
    const clockFloor = (rig.wallMs + 1000) * 1000
    const frontier = rig.core.logs.frontier()
    for (const index of [1, 2]) rig.hear(rig.claim(index, { frontier, clockFloor }))
    expect(rig.core.receiptOf(cheat, 2, 0)?.level).toBe('final')
    rig.receive([toldOthers[0]], c)
    expect(rig.count('rebuild')).toBe(1)
    rig.rebuild()
    const other = rig.member(2)
    other.receive([told[0]], b)
    hasEqualState(rig, other)
    expect(rig.core.receiptOf(cheat, 0, 0)?.level).toBe('final')
  })

  it('is still left out after a restart', () => {
    rig.receive(told, b)
    rig.receive([toldOthers[0]], c)
    const before = rig.core.logs.root()
    rig.restart()
    expect(rig.core.logs.root()).toBe(before)
    expect(rig.receive(told, b).entries).toEqual([])
    expect(rig.core.logs.seals.get(cheat)).toBe(1)
  })

  it('is no reason to doubt a member that has heard of it, and the next log of the key goes on', () => {
    rig.receive(told, b)
    rig.hear(rig.claim(2, {}))
    rig.receive([toldOthers[0]], c)
    rig.hear(rig.claim(2, { clockFloor: 5 }))
    expect(rig.core.isDiverged).toBe(false)
    expect(rig.core.refused.get('equivocation')).toBe(1)
    const reborn = chainOf(lattice, 1, [[50, pay(1)]], { incarnation: 9 })
    expect(rig.receive(reborn, b).entries).toEqual(reborn)
  })
})

describe('a seal from somebody else', () => {
  it('of another lattice, or of no member, is refused', () => {
    const foreign = makeLattice(5)
    const stranger = authorOf(foreign, 4)
    const { sign } = keyOf(foreign, 4)
    const seals = [
      signRetirement({ lattice: lattice.id, author: stranger, size: 0 }, sign),
      signRetirement({ lattice: 'ab'.repeat(32), author: cheat, size: 0 }, keyOf(lattice, 1).sign),
    ]
    expect(rig.step({ kind: 'seals', seals, from: b }).seals).toEqual([])
    expect(Object.fromEntries(rig.core.refused)).toEqual({
      'unknown-author': 1,
      'wrong-lattice': 1,
    })
  })

  it('that is only claimed has the claimer asked for it', () => {
    rig.step({ kind: 'p2p-lung', state: 'running' })
    rig.step({ kind: 'p2p-peer', peerId: b, life: 'alive', heardAtMs: rig.monoMs })
    rig.pass(1000)
    const result = { rttMs: 1, entryCount: 0 }
    rig.step({ kind: 'pull-ended', peerId: b, via: 'P2P', result })
    rig.pass(1000)
    rig.outputs.length = 0
    rig.hear(rig.claim(1, { seals: new Map([[cheat, 0]]), clockFloor: 10 }))
    rig.pass(1000)
    const pulls = rig.outputs.filter((output) => output.kind === 'pull' && output.peerId === b)
    expect(pulls.length).toBeGreaterThan(0)
  })
})

describe('our own log, ended', () => {
  it('takes nothing more, and asks for another incarnation', () => {
    rig.submit(pay(1))
    const [mine] = rig.entries() as [SignedEntry]
    const seal = signRetirement(
      { lattice: lattice.id, author: rig.core.author, size: 1 },
      keyOf(lattice, 0).sign,
    )
    rig.step({ kind: 'seals', seals: [seal], from: b })
    expect(rig.count('reincarnate')).toBe(1)
    rig.outputs.length = 0
    rig.submit(pay(2))
    rig.pass(20_000)
    expect(rig.count('acknowledge')).toBe(0)
    expect(rig.count('checkpoint')).toBe(0)
    expect(rig.entries()).toEqual([mine])
    expect(rig.count('reincarnate')).toBe(0)
    // Killed before it was heard, the process asks again.
    rig.restart()
    rig.pass(20_000)
    expect(rig.count('reincarnate')).toBe(1)
  })
})

describe('a directory that is gone for good', () => {
  const old = chainOf(lattice, 0, [[10, pay(1)]], { incarnation: 7 })
  const retire = (incarnation: string): unknown => {
    rig.outputs.length = 0
    rig.step({ kind: 'retire', ticket: 1, incarnation })
    return rig.outputs.find(({ kind }) => kind === 'retired')
  }

  it('has its log ended by the node that had it, for everybody', () => {
    rig.receive(old, b)
    expect(retire(incarnationOf(7))).toMatchObject({ result: { seal: { size: 1 } } })
    const more = chainOf(lattice, 0, [[20, pay(2)]], { incarnation: 7, after: old })
    expect(rig.receive(more, b).entries).toEqual([])
    const other = rig.member(1)
    other.receive([...old, ...more], c)
    other.step({ kind: 'seals', seals: sealsOf(rig), from: 'a' })
    hasEqualState(rig, other)
    expect(rig.eventsOf('evidence')).toEqual([])
  })

  it('is refused when it is the one in use, unknown, or held further by another', () => {
    expect(retire(incarnationOf(0))).toMatchObject({ result: { refusal: 'in-use' } })
    expect(retire(incarnationOf(7))).toMatchObject({ result: { refusal: 'unknown' } })
    rig.receive(old, b)
    rig.hear(rig.claim(1, { frontier: new Map([[authorOf(lattice, 0, 7), 2]]), clockFloor: 9 }))
    expect(retire(incarnationOf(7))).toMatchObject({ result: { refusal: 'ahead' } })
  })
})
