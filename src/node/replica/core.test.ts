import { beforeEach, describe, expect, it } from 'vitest'
import {
  authorOf,
  chainOf,
  incarnationOf,
  keyOf,
  makeLattice,
} from '../../../test/simulation/members.ts'
import { Rig } from '../../../test/simulation/rig.ts'
import { signCheckpoint } from '../../wire/checkpoint.ts'
import type { Intent } from '../../wire/intent.ts'
import { CHECKPOINT_DELAY_MS, CHECKPOINT_SPACING_MS } from './limits.ts'

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

describe('a submission', () => {
  it('is acknowledged in the same Ready as its entries, before anything is sent', () => {
    const ready = rig.submit(pay(10), noop)
    expect(ready.entries.map(({ entry }) => entry.seq)).toEqual([0, 1])
    expect(ready.outputs.map(({ kind }) => kind)).toEqual(['acknowledge', 'gossip'])
    expect(ready.outputs[0]).toMatchObject({
      verdicts: [
        { isAccepted: true, author: rig.core.author, seq: 0 },
        { isAccepted: true, author: rig.core.author, seq: 1 },
      ],
    })
    expect(ready.outputs[1]).toMatchObject({ frame: { kind: 'entries', entries: ready.entries } })
    expect(rig.core.receiptOf(rig.core.author, 0, rig.monoMs)).toMatchObject({
      id: ready.entries[0]?.id,
      level: 'local',
      replicas: 1,
      outcome: 'applied',
      provisional: true,
      reason: null,
      via: 'local',
      age_ms: 0,
    })
  })

  it('that the balances do not allow writes nothing; the others of it are written', () => {
    const ready = rig.submit(pay(2000), pay(1, 'Nobody'), pay(5))
    expect(ready.entries).toHaveLength(1)
    expect(ready.outputs[0]).toMatchObject({
      verdicts: [
        { isAccepted: false, rejection: 'overdraft' },
        { isAccepted: false, rejection: 'unknown-account' },
        { isAccepted: true, seq: 0 },
      ],
    })
  })

  it('sees what the intents before it in the same submission changed', () => {
    const ready = rig.submit(pay(1000), pay(1))
    expect(ready.outputs[0]).toMatchObject({
      verdicts: [{ isAccepted: true }, { isAccepted: false, rejection: 'overdraft' }],
    })
  })

  it('of nothing is acknowledged and sends nothing', () => {
    expect(rig.submit().outputs.map(({ kind }) => kind)).toEqual(['acknowledge'])
    expect(rig.submit(pay(5000)).outputs.map(({ kind }) => kind)).toEqual(['acknowledge'])
  })
})

describe('checkpoints', () => {
  it('leave soon after a change, not too often, and at every heartbeat', () => {
    rig.outputs.length = 0
    rig.pass(20_000)
    expect(rig.count('checkpoint')).toBe(4)
    rig.outputs.length = 0
    const wakeAtMs = rig.submit(noop).wakeAtMs
    expect(wakeAtMs - rig.monoMs).toBe(CHECKPOINT_DELAY_MS)
    rig.pass(CHECKPOINT_DELAY_MS)
    expect(rig.count('checkpoint')).toBe(1)
    for (let ms = 0; ms < 1000; ms += 1) {
      rig.submit(noop)
      rig.pass(1)
    }
    expect(rig.count('checkpoint')).toBeLessThanOrEqual(1 + 1000 / CHECKPOINT_SPACING_MS)
    expect(rig.count('checkpoint')).toBeGreaterThan(20)
  })

  it('each extends the one before, over restarts at any moment', () => {
    const observer = rig.member(1)
    for (let turn = 0; turn < 30; turn += 1) {
      rig.submit(noop)
      observer.hear(rig.core.checkpoint)
      rig.pass(turn * 3)
      observer.hear(rig.core.checkpoint)
      if (turn % 3 === 0) rig.restart()
      observer.hear(rig.core.checkpoint)
    }
    expect(observer.eventsOf('evidence')).toEqual([])
    expect(observer.core.refused.size).toBe(0)
  })

  it('of another lattice and of strangers are refused', () => {
    const before = rig.core.peers.recordOf(b)?.newest
    rig.hear(rig.claim(1, { lattice: 'ab'.repeat(32) }))
    const stranger = keyOf(makeLattice(5), 4)
    const { checkpoint } = rig.core.checkpoint
    rig.hear(signCheckpoint({ ...checkpoint, publicKey: stranger.publicKey }, stranger.sign))
    expect(Object.fromEntries(rig.core.refused)).toEqual({
      'wrong-lattice': 1,
      'unknown-author': 1,
    })
    expect(rig.core.peers.recordOf(b)?.newest).toBe(before)
  })

  it('when nothing happens, nothing wakes but the heartbeat', () => {
    let steps = 0
    const endMs = rig.monoMs + 60_000
    rig.step({ kind: 'p2p-lung', state: 'running' })
    for (const peerId of [b, c]) {
      rig.step({ kind: 'p2p-peer', peerId, life: 'alive', heardAtMs: rig.monoMs })
      rig.step({ kind: 'pull-ended', peerId, via: 'P2P', result: { rttMs: 1, entryCount: 0 } })
    }
    while (rig.monoMs < endMs) {
      const { wakeAtMs } = rig.step({ kind: 'tick' })
      expect(wakeAtMs).toBeGreaterThan(rig.monoMs)
      rig.wallMs += wakeAtMs - rig.monoMs
      rig.monoMs = wakeAtMs
      steps += 1
    }
    expect(steps).toBeLessThan(20)
  })
})

describe('what is known of an entry', () => {
  it('grows from local to replicated to final', () => {
    rig.submit(pay(10))
    const receipt = () => rig.core.receiptOf(rig.core.author, 0, rig.monoMs)
    const others = [rig.member(1), rig.member(2)]
    for (const [index, other] of others.entries()) {
      other.receive(rig.entries(), keyOf(lattice, 0).peerId)
      expect(receipt()?.replicas).toBe(1 + index)
      rig.hear(other.promise())
      expect(receipt()?.replicas).toBe(2 + index)
    }
    expect(receipt()).toMatchObject({ level: 'final', replicas: 3, provisional: false })
  })

  it('is not final while a member has promised nothing, or what it holds is not known to us', () => {
    const other = rig.member(1)
    other.submit(noop)
    rig.submit(noop)
    rig.hear(other.promise())
    rig.hear(rig.member(2).promise())
    expect(rig.core.receiptOf(rig.core.author, 0, 0)?.level).toBe('local')
    rig.receive(other.entries(), b)
    expect(rig.core.receiptOf(rig.core.author, 0, 0)?.level).toBe('local')
    other.receive(rig.entries(), 'a')
    rig.hear(other.promise())
    expect(rig.core.receiptOf(rig.core.author, 0, 0)).toMatchObject({ level: 'replicated' })
  })

  it('is not final while our disk alone holds it, or something before it', () => {
    rig.submit(pay(999))
    const other = rig.member(1)
    rig.pass(10)
    other.pass(10)
    other.submit(pay(999))
    rig.receive(other.entries(), b)
    // Both have gone on in time, but what we wrote has not reached them.
    rig.pass(2000)
    other.pass(2000)
    rig.hear(other.promise())
    rig.hear(rig.claim(2, other.core.checkpoint.checkpoint))
    const levelOf = (author: string) => rig.core.receiptOf(author, 0, 0)?.level
    expect([levelOf(rig.core.author), levelOf(other.core.author)]).toEqual(['local', 'replicated'])
    other.receive(rig.entries(), 'a')
    rig.hear(other.promise())
    expect([levelOf(rig.core.author), levelOf(other.core.author)]).toEqual(['final', 'final'])
  })

  it('is not final on our disk alone under a name that this directory had before', () => {
    const { frontier, root, stateRoot } = rig.core.checkpoint.checkpoint
    rig.receive(chainOf(rig.lattice, 0, [[rig.wallMs * 1000, noop]], { incarnation: 7 }), b)
    rig.pass(10)
    for (const index of [1, 2])
      rig.hear(rig.claim(index, { frontier, root, stateRoot, clockFloor: rig.wallMs * 1000 }))
    const receipt = (): unknown => rig.core.receiptOf(authorOf(rig.lattice, 0, 7), 0, 0)
    expect(receipt()).toMatchObject({ level: 'local' })
    rig.pass(10)
    for (const index of [1, 2]) rig.hear(rig.claim(index, { clockFloor: rig.wallMs * 1000 }))
    expect(receipt()).toMatchObject({ level: 'final' })
  })

  it('is not final on our disk alone under such a name, of which is heard after others are known', () => {
    rig.submit(noop)
    rig.pass(10)
    for (const index of [1, 2]) rig.hear(rig.claim(index, { clockFloor: rig.wallMs * 1000 }))
    const { frontier, root, stateRoot } = rig.core.checkpoint.checkpoint
    rig.receive(chainOf(rig.lattice, 0, [[rig.wallMs * 1000, noop]], { incarnation: 7 }), b)
    rig.pass(10)
    for (const index of [1, 2])
      rig.hear(rig.claim(index, { frontier, root, stateRoot, clockFloor: rig.wallMs * 1000 }))
    const levelOf = (author: string) => rig.core.receiptOf(author, 0, 0)?.level
    expect(levelOf(rig.core.author)).toBe('final')
    expect(levelOf(authorOf(rig.lattice, 0, 7))).toBe('local')
  })

  it('is not final on our disk alone where the others have lost what was final before', () => {
    const floor = (): number => rig.wallMs * 1000
    const levelOf = (seq: number) => rig.core.receiptOf(rig.core.author, seq, 0)?.level
    rig.submit(noop)
    rig.pass(10)
    for (const index of [1, 2]) rig.hear(rig.claim(index, { clockFloor: floor() }))
    expect(levelOf(0)).toBe('final')
    rig.submit(noop)
    const frontier = new Map()
    for (let round = 0; round < 3; round++) {
      rig.pass(2000)
      for (const index of [1, 2]) {
        const incarnation = incarnationOf(index)
        rig.hear(rig.claim(index, { incarnation, frontier, clockFloor: floor() }))
      }
    }
    expect(levelOf(1)).toBe('local')
  })

  it('is final at once where there is no other member', () => {
    const alone = new Rig(makeLattice(1))
    alone.submit(noop)
    expect(alone.core.receiptOf(alone.core.author, 0, 0)).toMatchObject({
      level: 'final',
      replicas: 1,
    })
  })

  it('does not count a member that lost its disk, nor one that holds something else', () => {
    rig.submit(noop)
    const frontier = rig.core.logs.frontier()
    rig.hear(rig.claim(1, { frontier, root: rig.core.logs.root() }))
    rig.hear(rig.claim(2, { frontier, root: 'cc'.repeat(32) }))
    expect(rig.core.receiptOf(rig.core.author, 0, 0)?.replicas).toBe(2)
    rig.pass(1000)
    rig.hear(rig.member(1, 7).promise())
    expect(rig.core.receiptOf(rig.core.author, 0, 0)?.replicas).toBe(1)
  })

  it('is read from the store after a restart', () => {
    const [signed] = rig.submit(pay(10)).entries
    rig.restart()
    expect(rig.core.receiptOf(rig.core.author, 0, 0)).toMatchObject({
      id: signed?.id,
      via: 'store',
      outcome: 'applied',
    })
    expect(rig.core.receiptOf(rig.core.author, 1, 0)).toBeNull()
    expect(rig.core.receiptOf(authorOf(lattice, 1), 0, 0)).toBeNull()
  })

  it('tells when a merge turned it into an overdraft, and why', () => {
    const other = rig.member(1)
    other.submit(pay(900))
    rig.pass(10)
    rig.submit(pay(200))
    rig.receive(other.entries(), b, 'HTTP')
    expect(rig.core.receiptOf(rig.core.author, 0, 0)).toMatchObject({
      outcome: 'rejected',
      provisional: true,
      reason: 'the account to pay from holds less than the amount',
    })
    expect(rig.core.receiptOf(other.core.author, 0, 0)).toMatchObject({ via: 'HTTP' })
    expect(rig.core.ledger.rejectedCount).toBe(1)
    expect(Object.fromEntries(rig.core.received)).toEqual({ HTTP: 1 })
  })
})

describe('waiting', () => {
  const confirm = (index: number, entries = 1): void => {
    const frontier = new Map([[rig.core.author, entries]])
    rig.hear(
      rig.claim(index, { frontier, root: rig.core.logs.rootAt(frontier) ?? 'dd'.repeat(32) }),
    )
  }

  it('ends at once for what is there already', () => {
    rig.submit(noop)
    expect(rig.settled(rig.wait(0, { kind: 'local' }))).toMatchObject({ isReached: true })
    expect(rig.settled(rig.wait(0, { kind: 'replicated', replicas: 1 }))).toMatchObject({
      isReached: true,
    })
  })

  it('for copies ends when so many have signed', () => {
    rig.submit(noop)
    const two = rig.wait(0, { kind: 'replicated', replicas: 2 })
    const three = rig.wait(0, { kind: 'replicated', replicas: 3 })
    expect([rig.settled(two), rig.settled(three)]).toEqual([undefined, undefined])
    confirm(1)
    expect(rig.settled(two)).toMatchObject({ isReached: true, receipt: { replicas: 2 } })
    expect(rig.settled(three)).toBeUndefined()
    confirm(2)
    expect(rig.settled(three)).toMatchObject({ isReached: true, receipt: { replicas: 3 } })
  })

  it('for finality ends when nothing can come before it', () => {
    rig.submit(noop)
    const final = rig.wait(0, { kind: 'final' })
    confirm(1)
    expect(rig.settled(final)).toBeUndefined()
    const frontier = rig.core.logs.frontier()
    const clockFloor = rig.wallMs * 1000 + 1_000_000
    for (const index of [1, 2])
      rig.hear(rig.claim(index, { frontier, root: rig.core.logs.root(), clockFloor }))
    expect(rig.settled(final)).toMatchObject({ isReached: true, receipt: { level: 'final' } })
  })

  it('for an entry that is not there yet ends when it comes', () => {
    const local = rig.wait(0, { kind: 'local' })
    rig.pass(100)
    expect(rig.settled(local)).toBeUndefined()
    rig.submit(noop)
    expect(rig.settled(local)).toMatchObject({ isReached: true, receipt: { seq: 0 } })
  })

  it('ends at its deadline, not before and not after', () => {
    rig.submit(noop)
    rig.pass(1000)
    const late = rig.wait(0, { kind: 'final' }, 70)
    expect(rig.step({ kind: 'tick' }).wakeAtMs).toBe(rig.monoMs + 70)
    rig.pass(69)
    expect(rig.settled(late)).toBeUndefined()
    rig.pass(1)
    expect(rig.settled(late)).toMatchObject({ isReached: false, receipt: { level: 'local' } })
    const never = rig.wait(5, { kind: 'local' }, 10)
    rig.pass(10)
    expect(rig.settled(never)).toMatchObject({ isReached: false, receipt: null })
  })

  it('can be given up', () => {
    const given = rig.wait(0, { kind: 'local' }, 50)
    rig.step({ kind: 'cancel', ticket: given })
    rig.submit(noop)
    rig.pass(100)
    expect(rig.settled(given)).toBeUndefined()
  })
})

describe('events', () => {
  it('tell of modes and policies', () => {
    rig.step({ kind: 'policy', policy: 'http', reason: 'switched by the operator' })
    rig.step({
      kind: 'pull-ended',
      peerId: b,
      via: 'HTTP',
      result: { rttMs: 1, entryCount: 0 },
    })
    expect(rig.events.map(({ kind }) => kind)).toEqual(['policy', 'mode'])
    expect(rig.eventsOf('mode')).toEqual(['NONE → HTTP: policy is http, 1 of 2 peers over HTTP'])
    rig.step({ kind: 'note', event: { kind: 'fault', message: 'p2p-stop', data: {} } })
    expect(rig.eventsOf('fault')).toEqual(['p2p-stop'])
    expect(rig.count('watch')).toBe(2)
  })
})
