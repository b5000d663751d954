import { beforeEach, describe, expect, it } from 'vitest'
import {
  authorOf,
  chainOf,
  incarnationOf,
  keyOf,
  makeLattice,
} from '../../../test/simulation/members.ts'
import { Rig } from '../../../test/simulation/rig.ts'
import type { Intent } from '../../wire/intent.ts'
import { NO_SEALS, signRetirement } from '../../wire/seal.ts'
import { OPEN_MAX, REBIRTH_SILENCE_MS } from './limits.ts'

const lattice = makeLattice(3)
const [b, c] = [keyOf(lattice, 1).peerId, keyOf(lattice, 2).peerId] as const
const pay = (amount: number): Intent => ({ kind: 'transfer', from: 'Alice', to: 'Bob', amount })

let rig: Rig
const levelOfOurs = (): string | undefined => rig.core.receiptOf(rig.core.author, 0, 0)?.level

/** Has an entry of ours final. */
beforeEach(() => {
  rig = new Rig(lattice)
  rig.introduce()
  rig.pass(99)
  rig.submit(pay(100))
  const clockFloor = (rig.wallMs + 1000) * 1000
  for (const index of [1, 2]) rig.hear(rig.claim(index, { clockFloor }))
})

/** An entry comes that belongs before it: the state is to be made anew. */
const spoil = (): void => {
  rig.receive(chainOf(lattice, 2, [[1, pay(7)]]), c)
  expect(rig.count('rebuild')).toBe(1)
}

/** What a member makes of the same entries who gets them in one piece. */
const expectSameAsAfresh = (): void => {
  const afresh = rig.member(1, 9)
  afresh.step({ kind: 'seals', seals: rig.core.logs.sealsBeyond(NO_SEALS), from: 'a' })
  afresh.receive(rig.entries(), 'a')
  expect(rig.core.logs.root()).toBe(afresh.core.logs.root())
  expect(rig.core.ledger.accounts.sorted()).toEqual(afresh.core.ledger.accounts.sorted())
}

describe('a member that fetches much and is written to meanwhile', () => {
  const old = chainOf(
    lattice,
    1,
    Array.from({ length: 512 }, (_, seq) => [seq + 2, { kind: 'noop', note: '' }] as const),
  )
  const writeMuch = (): void => {
    const notes = Array.from({ length: 500 }, () => ({ kind: 'noop', note: '' }) as const)
    for (let written = 0; written <= OPEN_MAX; written += notes.length) rig.submit(...notes)
  }

  it('makes no state anew while it is told that older entries are still to come', () => {
    const frontier = new Map([[authorOf(lattice, 1), old.length]])
    const alone = rig.member(2)
    alone.hear(alone.claim(1, { frontier, root: 'aa'.repeat(32) }))
    rig = alone
    rig.receive(old.slice(0, 256), b)
    writeMuch()
    rig.receive(old.slice(256), b)
    expect(rig.count('rebuild')).toBe(0)
    expectSameAsAfresh()
    writeMuch()
    expect(rig.core.ledger.foldedCount).toBeGreaterThan(OPEN_MAX)
  })

  it('makes it anew at most once when they come unannounced', () => {
    rig = rig.member(2)
    rig.receive(old.slice(0, 256), b)
    writeMuch()
    rig.receive(old.slice(256), b)
    expect(rig.count('rebuild')).toBe(1)
    rig.rebuild()
    expectSameAsAfresh()
  })

  it('keeps what came meanwhile also while a state is made anew', () => {
    const frontier = new Map([[authorOf(lattice, 1), old.length]])
    rig = rig.member(2)
    rig.receive(old.slice(0, 128), b)
    writeMuch()
    rig.receive(old.slice(128, 256), b)
    expect(rig.count('rebuild')).toBe(1)
    rig.hear(rig.claim(1, { frontier, root: 'aa'.repeat(32) }))
    rig.rebuild()
    rig.receive(old.slice(256), b)
    expect(rig.count('rebuild')).toBe(1)
    expectSameAsAfresh()
  })
})

describe('a state that is made anew', () => {
  it('has once what came before the reading began', () => {
    spoil()
    rig.receive(chainOf(lattice, 1, [[2, pay(30)]]), b)
    rig.rebuild()
    expect(rig.count('rebuild')).toBe(1)
    expectSameAsAfresh()
  })

  it('has once what came during the reading', () => {
    spoil()
    const frontier = rig.core.logs.frontier()
    rig.receive(chainOf(lattice, 1, [[2, pay(30)]]), b)
    rig.submit(pay(40))
    rig.rebuild(frontier)
    expect(rig.count('rebuild')).toBe(1)
    expectSameAsAfresh()
  })

  it('has nothing of what was cut off during the reading', () => {
    const cheat = authorOf(lattice, 1)
    const open = (rig.wallMs + 2000) * 1000
    spoil()
    rig.receive(
      chainOf(lattice, 1, [
        [open, pay(30)],
        [open + 1, pay(40)],
      ]),
      b,
    )
    rig.step({ kind: 'rebuild-begin', snapshot: null, frontier: rig.core.logs.frontier() })
    rig.step({ kind: 'rebuild-entries', entries: rig.entries() })
    const { sign } = keyOf(lattice, 1)
    const seal = signRetirement({ lattice: lattice.id, author: cheat, size: 1 }, sign)
    rig.step({ kind: 'seals', seals: [seal], from: b })
    rig.step({ kind: 'rebuild-end' })
    expect(rig.count('rebuild')).toBe(2)
    rig.rebuild()
    expectSameAsAfresh()
  })

  it('has final what was final, though a member that was lost promises nothing yet', () => {
    expect(levelOfOurs()).toBe('final')
    rig.pass(REBIRTH_SILENCE_MS)
    rig.hear(rig.claim(1, { incarnation: incarnationOf(5), clockFloor: 2 }))
    spoil()
    rig.rebuild()
    expect(rig.core.peers.clockFloor()).toBe(0)
    expect(levelOfOurs()).toBe('final')
  })
})
