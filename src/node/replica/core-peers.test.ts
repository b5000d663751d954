import { beforeEach, describe, expect, it } from 'vitest'
import { authorOf, chainOf, keyOf, makeLattice } from '../../../test/simulation/members.ts'
import { Rig } from '../../../test/simulation/rig.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import type { Intent } from '../../wire/intent.ts'
import type { CoreEvent } from './contract.ts'

const lattice = makeLattice(3)
const [b, c] = [keyOf(lattice, 1).peerId, keyOf(lattice, 2).peerId] as const
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
  rig.introduce()
  rig.pass(99)
})

describe('entries from peers', () => {
  it('are made durable and passed on to nobody', () => {
    const other = rig.member(1)
    other.submit(pay(1), pay(2))
    const ready = rig.receive(other.entries(), b)
    expect(ready.entries).toHaveLength(2)
    expect(ready.outputs.filter(({ kind }) => kind === 'gossip')).toEqual([])
    expect(rig.receive(other.entries(), b).entries).toEqual([])
    expect(rig.core.logs.root()).toBe(other.core.logs.root())
    expect(rig.core.ledger.accounts.root()).toBe(other.core.ledger.accounts.root())
  })

  it('with a gap, or after a bad one, wait for the rest; other authors go on', () => {
    const mine = chainOf(lattice, 1, [
      [1, noop],
      [2, noop],
      [3, noop],
    ]) as [SignedEntry, SignedEntry, SignedEntry]
    const others = chainOf(lattice, 2, [[1, noop]])
    const bad = { ...mine[1], signature: new Uint8Array(64) }
    const ready = rig.receive([mine[0], bad, mine[2], ...others], b)
    expect(ready.entries).toEqual([mine[0], ...others])
    expect(rig.receive([mine[2]], b).entries).toEqual([])
    expect(Object.fromEntries(rig.core.refused)).toEqual({ 'bad-signature': 1 })
    expect(rig.receive(mine, b).entries).toEqual([mine[1], mine[2]])
  })

  it('of a lost disk of ours come back, and are not written again', () => {
    rig.submit(pay(1), pay(2))
    const held = rig.entries()
    const reborn = new Rig(lattice, { index: 0, incarnation: 5, wallMs: rig.wallMs + 1000 })
    reborn.receive(held, b)
    reborn.submit(pay(3))
    expect(reborn.core.author).not.toBe(rig.core.author)
    expect(reborn.core.logs.sizeOf(rig.core.author)).toBe(2)
    expect(reborn.core.logs.sizeOf(reborn.core.author)).toBe(1)
  })

  it('from the far future are held back, asked for again at leisure, and taken when it is time', () => {
    const ahead = rig.member(1)
    ahead.wallMs += 90_000
    ahead.submit(pay(1))
    rig.step({ kind: 'p2p-lung', state: 'running' })
    rig.step({ kind: 'p2p-peer', peerId: b, life: 'alive', heardAtMs: rig.monoMs })
    rig.step({ kind: 'p2p-peer', peerId: c, life: 'alive', heardAtMs: rig.monoMs })
    rig.receive(ahead.entries(), b)
    expect(rig.core.refused.get('clock-ahead')).toBe(1)
    rig.hear(ahead.promise())
    let pulls = 0
    while (rig.core.logs.sizeOf(ahead.core.author) === 0 && rig.monoMs < 60_000) {
      for (const output of rig.outputs.splice(0)) {
        if (output.kind !== 'pull') continue
        pulls += 1
        const { peerId, via } = output
        const entries = peerId === b ? ahead.entries() : []
        rig.receive(entries, peerId, via)
        const result = { rttMs: 2, entryCount: entries.length }
        rig.step({ kind: 'pull-ended', peerId, via, result })
      }
      rig.pass(10)
    }
    expect(rig.core.logs.sizeOf(ahead.core.author)).toBe(1)
    expect(rig.monoMs).toBeGreaterThan(29_000)
    expect(rig.monoMs).toBeLessThan(34_000)
    expect(pulls).toBeLessThan(60)
    expect(rig.core.receiptOf(ahead.core.author, 0, 0)?.outcome).toBe('applied')
  })
})

describe('a member that cheats or fails', () => {
  const [first, second] = ['one', 'two'].map(
    (note) => chainOf(lattice, 1, [[5, { kind: 'noop', note }]])[0],
  ) as [SignedEntry, SignedEntry]

  it('and signs two entries in one place ends its own log there, with both as proof', () => {
    rig.receive([first], b)
    const ready = rig.receive([second], c)
    expect(ready.entries).toEqual([])
    const [seal] = ready.seals
    expect(seal).toMatchObject({ author: first.entry.author, size: 0 })
    expect(seal?.proof.kind === 'equivocation' && new Set(seal.proof.entries)).toEqual(
      new Set([first, second]),
    )
    expect(ready.cuts).toEqual([{ author: first.entry.author, size: 0 }])
    expect([...rig.disk.seals.values()]).toEqual([seal])
    expect(rig.core.refused.get('equivocation')).toBe(1)
    expect(rig.core.logs.sizeOf(first.entry.author)).toBe(0)
  })

  it('and floods us with such entries fills neither the disk nor the log of events', () => {
    rig.receive([first], b)
    for (let index = 0; index < 500; index += 1) {
      rig.receive(chainOf(lattice, 1, [[5, { kind: 'noop', note: `${index}` }]]), b)
    }
    expect(rig.disk.seals.size).toBe(1)
    expect(rig.core.refused.get('equivocation')).toBe(1)
    expect(rig.eventsOf('refusal')).toHaveLength(1)
  })

  it('and goes back on its word is told of once, not at every heartbeat', () => {
    rig.receive([first], b)
    rig.hear(rig.claim(1, { frontier: new Map([[first.entry.author, 3]]), clockFloor: 10 }))
    for (let beats = 0; beats < 50; beats += 1) {
      rig.hear(
        rig.claim(1, { frontier: new Map([[first.entry.author, 1]]), clockFloor: 11 + beats }),
      )
    }
    expect(rig.eventsOf('evidence')).toHaveLength(1)
    expect(rig.core.refused.get('equivocation')).toBe(50)
  })

  it('and claims our entries with another root is seen to differ, once, until it agrees', () => {
    rig.submit(noop)
    const frontier = rig.core.logs.frontier()
    const clockFloor = rig.wallMs * 1000
    rig.hear(rig.claim(1, { frontier, root: 'cc'.repeat(32), clockFloor }))
    expect(rig.core.isDiverged).toBe(true)
    const more = new Map([...frontier, [first.entry.author, 9]])
    rig.hear(rig.claim(1, { frontier: more, root: 'cc'.repeat(32), clockFloor: clockFloor + 1 }))
    rig.submit(noop)
    expect(rig.core.isDiverged).toBe(true)
    expect(rig.eventsOf('divergence')).toHaveLength(1)
  })

  it('and is ahead of us with another root is told of as soon as its entries are here', () => {
    const frontier = new Map([[first.entry.author, 1]])
    rig.hear(rig.claim(1, { frontier, root: 'cc'.repeat(32), clockFloor: 10 }))
    expect(rig.eventsOf('divergence')).toEqual([])
    rig.receive([first], b)
    expect(rig.core.isDiverged).toBe(true)
    expect(rig.eventsOf('divergence')).toHaveLength(1)
  })

  it('and holds another entry in a place is asked for the newest again, and so shows it', () => {
    rig.receive([first], b)
    rig.step({ kind: 'p2p-lung', state: 'running' })
    rig.step({ kind: 'p2p-peer', peerId: b, life: 'alive', heardAtMs: rig.monoMs })
    rig.pass(1)
    const result = { rttMs: 1, entryCount: 0 }
    for (const via of ['HTTP', 'P2P'] as const)
      rig.step({ kind: 'pull-ended', peerId: b, via, result })
    rig.outputs.length = 0
    rig.hear(rig.claim(1, { root: 'cc'.repeat(32), clockFloor: 10 }))
    rig.pass(1000)
    const pulls = rig.outputs.filter((output) => output.kind === 'pull' && output.peerId === b)
    expect(pulls).toHaveLength(1)
    expect(rig.core.forks.frontierFor(b, rig.core.logs.frontier())).toEqual(new Map())
    rig.receive([second], b)
    expect(rig.core.logs.seals.get(first.entry.author)).toBe(0)
  })

  it('and has another state for the same entries is seen to differ', () => {
    rig.submit(noop)
    const frontier = rig.core.logs.frontier()
    rig.hear(rig.claim(1, { frontier, root: rig.core.logs.root(), stateRoot: 'cc'.repeat(32) }))
    expect(rig.core.isDiverged).toBe(true)
    expect(rig.eventsOf('divergence')).toHaveLength(1)
  })

  it('and cannot be decoded is counted, and told ever more seldom', () => {
    const refused: CoreEvent = { kind: 'refused', code: 'malformed', from: b, message: 'bad bytes' }
    for (let index = 0; index < 1000; index += 1) rig.step(refused)
    expect(rig.core.refused.get('malformed')).toBe(1000)
    expect(rig.eventsOf('refusal')).toHaveLength(4)
  })
})

describe('an entry that comes before a final one', () => {
  const late = chainOf(lattice, 2, [[1, pay(950)]])
  let level: string | undefined

  beforeEach(() => {
    rig.submit(pay(100))
    const clockFloor = (rig.wallMs + 1000) * 1000
    for (const index of [1, 2]) rig.hear(rig.claim(index, { clockFloor }))
    level = rig.core.receiptOf(rig.core.author, 0, 0)?.level
    rig.outputs.length = 0
    rig.receive(late, c)
  })

  it('is kept, told, and everything is replayed', () => {
    expect(level).toBe('final')
    expect(rig.count('rebuild')).toBe(1)
    expect(rig.eventsOf('evidence')).toHaveLength(1)
    expect(rig.core.logs.sizeOf(authorOf(lattice, 2))).toBe(1)
    rig.rebuild()
    expect(rig.core.receiptOf(authorOf(lattice, 2), 0, 0)?.outcome).toBe('applied')
    expect(rig.core.receiptOf(rig.core.author, 0, 0)?.outcome).toBe('rejected')
    const again = new Rig(lattice, { index: 1, wallMs: rig.wallMs })
    again.receive(rig.entries(), 'a')
    expect(rig.core.ledger.accounts.root()).toBe(again.core.ledger.accounts.root())
  })

  it('is replayed once, however many there are, and signs nothing until then', () => {
    const more = chainOf(lattice, 1, [[2, noop]])
    rig.receive(more, b)
    rig.pass(10_000)
    expect(rig.count('rebuild')).toBe(1)
    expect(rig.count('checkpoint')).toBe(0)
    rig.rebuild()
    rig.pass(100)
    expect(rig.count('checkpoint')).toBeGreaterThan(0)
    const { checkpoint } = rig.core.checkpoint
    expect(checkpoint.stateRoot).toBe(rig.core.ledger.accounts.root())
    expect(checkpoint.frontier.size).toBe(3)
  })

  it('is replayed with what came while the store was read', () => {
    const frontier = rig.core.logs.frontier()
    rig.submit(noop)
    rig.rebuild(frontier)
    expect(rig.count('rebuild')).toBe(1)
    expect(rig.core.receiptOf(rig.core.author, 1, 0)?.outcome).toBe('applied')
  })

  it('answers nobody who waits until everything was replayed', () => {
    const local = rig.wait(0, { kind: 'local' })
    expect(rig.settled(local)).toBeUndefined()
    rig.rebuild()
    expect(rig.settled(local)).toMatchObject({ isReached: true, receipt: { outcome: 'rejected' } })
  })
})
