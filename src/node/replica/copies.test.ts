import { beforeEach, describe, expect, it } from 'vitest'
import { makeLattice } from '../../../test/simulation/members.ts'
import { Rig } from '../../../test/simulation/rig.ts'
import type { Intent } from '../../wire/intent.ts'

const noop: Intent = { kind: 'noop', note: '' }

let rig: Rig
let other: Rig
beforeEach(() => {
  rig = new Rig(makeLattice(3))
  other = rig.member(1)
})

/** What our receipt of our own entry says. */
const copiesOf = (seq: number): number | undefined =>
  rig.core.receiptOf(rig.core.author, seq, 0)?.replicas

describe('a copy of an entry', () => {
  it('counts when its holder signed a root over it that is ours too', () => {
    rig.submit(noop, noop)
    expect(copiesOf(1)).toBe(1)
    other.receive(rig.entries(), 'a')
    rig.hear(other.promise())
    expect([copiesOf(0), copiesOf(1)]).toEqual([2, 2])
  })

  it('does not count because a member says that it holds so many', () => {
    rig.submit(noop, noop)
    const frontier = new Map([[rig.core.author, 20]])
    rig.hear(rig.claim(1, { frontier, root: 'cc'.repeat(32), clockFloor: 5 }))
    expect(copiesOf(1)).toBe(1)
  })

  it('counts on while the member goes on, before we hold what is new there', () => {
    rig.submit(noop)
    other.receive(rig.entries(), 'a')
    rig.hear(other.promise())
    other.submit(noop)
    rig.hear(other.promise())
    expect(copiesOf(0)).toBe(2)
  })

  it('does not count on when the member lost it, and begins anew with what we lack', () => {
    rig.submit(noop)
    other.receive(rig.entries(), 'a')
    rig.hear(other.promise())
    expect(copiesOf(0)).toBe(2)
    const reborn = rig.member(1, 1)
    reborn.pass(2000)
    reborn.submit(noop)
    rig.hear(reborn.promise())
    expect(copiesOf(0)).toBe(1)
  })

  it('counts by an earlier word when the newest is always ahead of us', () => {
    rig.submit(noop)
    other.receive(rig.entries(), 'a')
    other.submit(noop)
    rig.hear(other.promise())
    const brought = other.entries()
    other.submit(noop)
    rig.hear(other.promise())
    expect(copiesOf(0)).toBe(1)
    rig.receive(brought, 'b')
    expect(copiesOf(0)).toBe(2)
  })
})

describe('a member whose log does not continue what we hold of it', () => {
  it('is asked for what it holds before that, and the fork ends the log', () => {
    const forked = rig.member(1)
    other.submit(noop, noop, noop)
    forked.submit({ kind: 'noop', note: 'another' })
    rig.receive(forked.entries(), 'b')
    const { peerId } = other.core.checkpoint
    rig.receive(other.entries().slice(1), peerId)
    expect(rig.core.refused.get('broken-chain')).toBe(1)
    const held = rig.core.logs.frontier()
    expect(rig.core.forks.frontierFor(peerId, held)).toEqual(new Map())
    rig.receive(other.entries(), peerId)
    expect(rig.core.logs.seals.get(other.core.author)).toBe(0)
  })
})
