import { beforeEach, describe, expect, it } from 'vitest'
import { incarnationOf, keyOf, makeLattice } from '../../../test/simulation/members.ts'
import { Rig } from '../../../test/simulation/rig.ts'
import type { Intent } from '../../wire/intent.ts'

const lattice = makeLattice(3)
const b = keyOf(lattice, 1).peerId
const noop: Intent = { kind: 'noop', note: '' }
const pay = (amount: number, from = 'Alice', to = 'Bob'): Intent => ({
  kind: 'transfer',
  from,
  to,
  amount,
})

let rig: Rig
beforeEach(() => {
  rig = new Rig(lattice)
  rig.pass(100)
})

describe('a restart', () => {
  it('goes on from what was committed', () => {
    rig.submit(pay(10), pay(20))
    const [root, state] = [rig.core.logs.root(), rig.core.ledger.accounts.root()]
    rig.restart()
    expect([rig.core.logs.root(), rig.core.ledger.accounts.root()]).toEqual([root, state])
    expect(rig.submit(noop).entries[0]?.entry.seq).toBe(2)
  })

  it('never writes below a floor that it promised, wherever the wall clock is', () => {
    for (const setBackMs of [0, 1000, 100_000]) {
      const node = new Rig(lattice)
      node.pass(3000)
      const promised = node.core.checkpoint.checkpoint.clockFloor
      node.wallMs -= setBackMs
      node.restart()
      const restarted = node.core.checkpoint.checkpoint.clockFloor
      expect(restarted).toBeGreaterThanOrEqual(promised)
      node.restart()
      const [signed] = node.submit(noop).entries
      expect(signed?.entry.hlc).toBeGreaterThanOrEqual(restarted)
    }
  })

  it('repeated again and again does not carry the clock away', () => {
    for (let restarts = 0; restarts < 50; restarts += 1) {
      rig.pass(100)
      rig.submit(noop)
      rig.pass(100)
      rig.restart()
    }
    const [signed] = rig.submit(noop).entries
    expect((signed?.entry.hlc ?? 0) / 1000 - rig.wallMs).toBeLessThan(11_000)
  })

  it('without its disk counts at once; a late word of before does not', () => {
    const other = rig.member(1)
    other.submit(noop)
    const before = other.promise()
    rig.hear(before)
    const reborn = new Rig(lattice, { index: 1, incarnation: 3, wallMs: other.wallMs + 1500 })
    rig.hear(reborn.promise())
    rig.hear(before)
    expect(rig.core.peers.recordOf(b)?.newest.checkpoint.incarnation).toBe(incarnationOf(3))
    expect(rig.core.peers.holdersOf(other.core.author, 0)).toBe(0)
    expect(rig.eventsOf('evidence')).toEqual([])
  })

  it('without its disk never writes below what it had promised, though its clock was pushed ahead', () => {
    const other = rig.member(1)
    const ahead = rig.member(2)
    ahead.wallMs += 30_000
    ahead.submit(noop)
    other.receive(ahead.entries(), 'c')
    const promised = other.promise().checkpoint.clockFloor
    const reborn = new Rig(lattice, { index: 1, incarnation: 3, wallMs: other.wallMs + 1000 })
    const [signed] = reborn.submit(noop).entries
    expect(signed?.entry.hlc).toBeGreaterThanOrEqual(promised)
  })

  it('without its disk fetches old entries in any order without a false alarm', () => {
    const other = rig.member(1)
    rig.submit(pay(1))
    rig.pass(10)
    other.receive(rig.entries(), 'a')
    other.submit(pay(2))
    const third = rig.member(2)
    third.receive(other.entries(), b)
    const reborn = new Rig(lattice, { index: 0, incarnation: 9, wallMs: rig.wallMs + 2000 })
    reborn.hear(third.promise())
    reborn.hear(other.promise())
    // What the others wrote comes first, what we wrote ourselves before it was lost comes last.
    reborn.receive(other.disk.entries(other.core.author, 0, 1), b)
    reborn.receive(other.disk.entries(rig.core.author, 0, 1), b)
    expect(reborn.count('rebuild')).toBe(0)
    expect(reborn.eventsOf('evidence')).toEqual([])
    expect(reborn.core.ledger.accounts.root()).toBe(other.core.ledger.accounts.root())
  })
})
