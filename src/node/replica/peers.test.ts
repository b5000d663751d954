import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  authorOf,
  chainOf,
  incarnationOf,
  keyOf,
  makeLattice,
} from '../../../test/simulation/members.ts'
import { NO_SEALS } from '../../wire/seal.ts'
import { signCheckpoint, type Checkpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import type { Frontier } from '../../wire/frontier.ts'
import { REBIRTH_SILENCE_MS } from './limits.ts'
import { Logs } from './logs.ts'
import { Peers, type CheckpointNews } from './peers.ts'

const lattice = makeLattice(3)
const [b, c] = [keyOf(lattice, 1).peerId, keyOf(lattice, 2).peerId]
const authors = [0, 1, 2].map((index) => authorOf(lattice, index))
/** Long ago: what was heard since, counts. */
const START_MS = -10_000
const [ours, ofB, ofC] = authors as [string, string, string]
const chains = [0, 1, 2].map((index) =>
  chainOf(
    lattice,
    index,
    Array.from({ length: 5 }, (_, seq) => [seq + 1, { kind: 'noop', note: '' }] as const),
  ),
) as [SignedEntry[], SignedEntry[], SignedEntry[]]

let logs: Logs
let stateRoot: string | null
let peers: Peers

beforeEach(() => {
  logs = emptyLogs()
  stateRoot = null
  const others = new Map(
    [1, 2].map((index) => [keyOf(lattice, index).peerId, keyOf(lattice, index).publicKey]),
  )
  peers = new Peers(logs, others, () => stateRoot, START_MS)
})

const emptyLogs = (): Logs =>
  new Logs(
    lattice.id,
    lattice.keys.map((key) => key.publicKey),
    lattice.verify,
  )

/** Appends entries of the three authors up to these sizes. */
function hold(...sizes: number[]): void {
  for (const [index, size] of sizes.entries()) {
    const author = authors[index] ?? ''
    for (const entry of (chains[index] ?? []).slice(logs.sizeOf(author), size)) logs.append(entry)
  }
}

/** The true root over the first entries of the three authors. */
function rootOf(sizes: readonly number[]): { frontier: Frontier; root: string } {
  const full = emptyLogs()
  for (const [index, size] of sizes.entries()) {
    for (const entry of (chains[index] ?? []).slice(0, size)) full.append(entry)
  }
  return { frontier: full.frontier(), root: full.root() }
}

function checkpoint(
  member: number,
  sizes: readonly number[],
  clockFloor: number,
  changes: Partial<Checkpoint> = {},
): SignedCheckpoint {
  return signCheckpoint(
    {
      lattice: lattice.id,
      publicKey: keyOf(lattice, member).publicKey,
      incarnation: incarnationOf(0),
      ...rootOf(sizes),
      seals: NO_SEALS,
      stateRoot: 'aa'.repeat(32),
      clockFloor,
      wallMs: 5,
      ...changes,
    },
    keyOf(lattice, member).sign,
  )
}

describe('what becomes of a checkpoint', () => {
  const reborn = { incarnation: incarnationOf(1) }
  type Case = [string, SignedCheckpoint, SignedCheckpoint, CheckpointNews]
  const table: Case[] = [
    ['more entries, the same floor', checkpoint(1, [1], 10), checkpoint(1, [2], 10), 'new'],
    ['the same entries, a higher floor', checkpoint(1, [1], 10), checkpoint(1, [1], 11), 'new'],
    [
      'the same promise, said later',
      checkpoint(1, [1], 10),
      checkpoint(1, [1], 10, { wallMs: 6 }),
      'new',
    ],
    ['the same again', checkpoint(1, [1], 10), checkpoint(1, [1], 10), 'old'],
    ['fewer entries, the same floor', checkpoint(1, [2], 10), checkpoint(1, [1], 10), 'old'],
    ['the same entries, a lower floor', checkpoint(1, [1], 10), checkpoint(1, [1], 9), 'old'],
    ['fewer entries, a lower floor', checkpoint(1, [2], 10), checkpoint(1, [1], 9), 'old'],
    [
      'fewer entries, a higher floor',
      checkpoint(1, [2], 10),
      checkpoint(1, [1], 11),
      'contradiction',
    ],
    ['more entries, a lower floor', checkpoint(1, [1], 10), checkpoint(1, [2], 9), 'contradiction'],
    [
      'more of one author, fewer of another',
      checkpoint(1, [2, 1], 10),
      checkpoint(1, [1, 2], 11),
      'contradiction',
    ],
    [
      'the same entries, another root',
      checkpoint(1, [1], 10),
      checkpoint(1, [1], 11, { root: 'bb'.repeat(32) }),
      'contradiction',
    ],
    [
      'the same entries, another state',
      checkpoint(1, [1], 10),
      checkpoint(1, [1], 11, { stateRoot: 'bb'.repeat(32) }),
      'contradiction',
    ],
    [
      'a new directory, a higher floor',
      checkpoint(1, [3, 3], 10),
      checkpoint(1, [], 11, reborn),
      'new',
    ],
    [
      'the directory before it, late',
      checkpoint(1, [], 11, reborn),
      checkpoint(1, [3, 3], 10),
      'old',
    ],
    [
      'a new directory, not a higher floor',
      checkpoint(1, [3], 10),
      checkpoint(1, [], 10, reborn),
      'old',
    ],
    ['another member', checkpoint(1, [3], 10), checkpoint(2, [1], 5), 'new'],
  ]
  it.each(table)('%s', (_name, first, second, expected) => {
    expect(peers.record(first, 1)).toBe('new')
    expect(peers.record(second, 2)).toBe(expected)
    const kept = expected === 'new' ? second : first
    expect(peers.recordOf(kept.peerId)?.newest).toBe(kept)
    expect(peers.recordOf(kept.peerId)?.receivedMonoMs).toBe(expected === 'new' ? 2 : 1)
  })

  it('a true sequence never contradicts itself, in whatever order it arrives and how often', () => {
    const history = Array.from({ length: 8 }, (_, index) =>
      checkpoint(1, [Math.min(index, 5), index >> 1], 10 + (index >> 2), { wallMs: index }),
    )
    fc.assert(
      fc.property(fc.array(fc.nat(7), { minLength: 1, maxLength: 30 }), (order) => {
        const fresh = new Peers(
          logs,
          new Map([[b, keyOf(lattice, 1).publicKey]]),
          () => null,
          START_MS,
        )
        let latest = -1
        for (const index of order) {
          const news = fresh.record(history[index] as SignedCheckpoint, 1)
          expect(news).toBe(index > latest ? 'new' : 'old')
          latest = Math.max(latest, index)
        }
        expect(fresh.recordOf(b)?.newest).toBe(history[latest])
      }),
    )
  })
})

describe('whether a member agrees', () => {
  it('is not known before we hold all that it names', () => {
    peers.record(checkpoint(1, [0, 2], 10), 1)
    expect(peers.recordOf(b)?.isMatch).toBeNull()
    hold(0, 1)
    expect(peers.compare()).toEqual([])
    expect(peers.recordOf(b)?.isMatch).toBeNull()
    hold(3, 2)
    expect(peers.compare()).toEqual([])
    expect(peers.recordOf(b)?.isMatch).toBe(true)
  })

  it('is found not to be, told once, and stays until it agrees again', () => {
    hold(0, 2)
    peers.record(checkpoint(1, [0, 2], 10, { root: 'cc'.repeat(32) }), 1)
    expect(peers.isAnyDiffering()).toBe(true)
    expect(peers.compare()).toEqual([])
    // What it holds now we may never reach: its log has forked. That is no reason to call it equal.
    peers.record(checkpoint(1, [0, 3], 11), 2)
    expect(peers.recordOf(b)?.isMatch).toBe(false)
    expect(peers.isAnyDiffering()).toBe(true)
    hold(0, 3)
    expect(peers.compare()).toEqual([])
    expect(peers.recordOf(b)?.isMatch).toBe(true)
    expect(peers.isAnyDiffering()).toBe(false)
  })

  it('is told when our logs reach it', () => {
    peers.record(checkpoint(1, [0, 2], 10, { root: 'cc'.repeat(32) }), 1)
    hold(0, 2)
    expect(peers.compare()).toEqual([b])
    expect(peers.compare()).toEqual([])
  })

  it('is a question of the state too, when the entries are the same', () => {
    hold(0, 2)
    stateRoot = 'dd'.repeat(32)
    peers.record(checkpoint(1, [0, 2], 10, { stateRoot: 'dd'.repeat(32) }), 1)
    expect(peers.recordOf(b)?.isMatch).toBe(true)
    peers.record(checkpoint(2, [0, 2], 10, { stateRoot: 'ee'.repeat(32) }), 1)
    expect(peers.recordOf(c)?.isMatch).toBe(false)
  })

  it('is not a question of the state when the entries differ', () => {
    hold(0, 3)
    stateRoot = 'dd'.repeat(32)
    peers.record(checkpoint(1, [0, 2], 10, { stateRoot: 'ee'.repeat(32) }), 1)
    expect(peers.recordOf(b)?.isMatch).toBe(true)
  })

  it('starts over with a new data directory', () => {
    hold(0, 2)
    peers.record(checkpoint(1, [0, 2], 10, { root: 'cc'.repeat(32) }), 1)
    peers.record(checkpoint(1, [1], 20, { incarnation: incarnationOf(1) }), 2)
    expect(peers.recordOf(b)?.isMatch).toBeNull()
  })
})

describe('who is ahead, and since when', () => {
  it('since the first checkpoint that names something we lack', () => {
    expect(peers.aheadSinceMs(b)).toBeNull()
    peers.record(checkpoint(1, [0, 1], 10), 100)
    peers.record(checkpoint(1, [0, 2], 11), 200)
    expect(peers.aheadSinceMs(b)).toBe(100)
    hold(0, 1)
    peers.compare()
    expect(peers.aheadSinceMs(b)).toBe(200)
    hold(0, 2)
    peers.compare()
    expect(peers.aheadSinceMs(b)).toBeNull()
    expect(peers.entriesOf(b)).toBe(2)
    expect(peers.entriesOf(c)).toBeNull()
  })

  it('no longer when it lost its data and starts over', () => {
    peers.record(checkpoint(1, [0, 4], 10), 100)
    peers.record(checkpoint(1, [], 20, { incarnation: incarnationOf(1) }), 200)
    expect(peers.aheadSinceMs(b)).toBeNull()
  })
})

describe('holders of an entry', () => {
  it('are those that signed a root over it which is ours too', () => {
    hold(3)
    expect(peers.holdersOf(ours, 0)).toBe(0)
    peers.record(checkpoint(1, [2], 10), 1)
    expect(peers.holdersOf(ours, 1)).toBe(1)
    expect(peers.holdersOf(ours, 2)).toBe(0)
    peers.record(checkpoint(2, [3], 10), 1)
    expect(peers.holdersOf(ours, 1)).toBe(2)
    expect(peers.holdersOf(ofB, 0)).toBe(0)
  })

  it('no longer include one that lost its data', () => {
    hold(2)
    peers.record(checkpoint(1, [2], 10), 1)
    peers.record(checkpoint(1, [1], 20, { incarnation: incarnationOf(1) }), 2)
    expect(peers.holdersOf(ours, 0)).toBe(1)
    expect(peers.holdersOf(ours, 1)).toBe(0)
  })

  it('do not include one that holds something else in its place', () => {
    hold(2)
    peers.record(checkpoint(1, [2], 10, { root: 'cc'.repeat(32) }), 1)
    expect(peers.holdersOf(ours, 0)).toBe(0)
  })
})

describe('what others hold of an author', () => {
  it('is the most that one of them has signed, and agrees with us', () => {
    hold(3)
    expect(peers.sizeElsewhere(ours)).toBe(0)
    peers.record(checkpoint(1, [2], 10), 1)
    peers.record(checkpoint(2, [3], 10), 1)
    expect(peers.sizeElsewhere(ours)).toBe(3)
    hold(4)
    peers.record(checkpoint(2, [4], 11, { root: 'cc'.repeat(32) }), 1)
    expect(peers.sizeElsewhere(ours)).toBe(2)
  })
})

describe('the clock floor', () => {
  /** All others have promised this much, and have been known for a while. */
  const know = (floor: number): void => {
    for (const member of [1, 2]) peers.record(checkpoint(member, [], 1), -5000)
    for (const member of [1, 2]) peers.record(checkpoint(member, [], floor), -3000)
  }

  it('is 0 until every other member has promised something, and anew since the others were heard of', () => {
    expect(peers.clockFloor()).toBe(0)
    peers.record(checkpoint(1, [], 10), 0)
    expect(peers.clockFloor()).toBe(0)
    peers.record(checkpoint(2, [], 20), 2000)
    expect(peers.clockFloor()).toBe(0)
    // This may have been on its way by then.
    peers.record(checkpoint(1, [], 11), 3000)
    expect(peers.clockFloor()).toBe(0)
    peers.record(checkpoint(1, [], 12), 3001)
    expect(peers.clockFloor()).toBe(12)
  })

  it('is 0 until the others have promised since we began: ours may be the directory that is new', () => {
    const born = new Peers(logs, new Map([[b, keyOf(lattice, 1).publicKey]]), () => null, 0)
    born.record(checkpoint(1, [], 10), 1000)
    expect(born.clockFloor()).toBe(0)
    born.record(checkpoint(1, [], 11), 1001)
    expect(born.clockFloor()).toBe(11)
  })

  it('counts only when we hold everything that its promiser held, whoever wrote it', () => {
    know(5)
    peers.record(checkpoint(2, [], 50), 1)
    peers.record(checkpoint(1, [0, 1, 1], 10), 1)
    expect(peers.clockFloor()).toBe(5)
    hold(0, 1, 0)
    peers.compare()
    // The third author may have lost its disk since, and its entry may come before the floor.
    expect(peers.clockFloor()).toBe(5)
    hold(0, 1, 1)
    peers.compare()
    expect(peers.clockFloor()).toBe(10)
  })

  it('goes on under a steady stream of checkpoints that are always a little ahead', () => {
    know(5)
    peers.record(checkpoint(2, [], 50), 1)
    for (let size = 1; size <= 5; size += 1) {
      peers.record(checkpoint(1, [0, size], 10 * size), size)
      hold(0, size - 1)
      peers.compare()
    }
    expect(peers.clockFloor()).toBeGreaterThanOrEqual(30)
  })

  it('never goes back, and a new directory counts when the others have promised anew', () => {
    know(5)
    peers.record(checkpoint(2, [], 90), 1)
    peers.record(checkpoint(1, [], 30), 1)
    expect(peers.clockFloor()).toBe(30)
    // The last words of the old one may still be on their way to the other member.
    peers.record(checkpoint(1, [], 40, { incarnation: incarnationOf(1) }), 2)
    peers.record(checkpoint(1, [], 45, { incarnation: incarnationOf(1) }), 3)
    expect(peers.clockFloor()).toBe(30)
    peers.record(checkpoint(2, [], 91), 1002)
    expect(peers.clockFloor()).toBe(30)
    peers.record(checkpoint(2, [], 92), 1003)
    expect(peers.clockFloor()).toBe(45)
    expect(peers.record(checkpoint(1, [], 35, { incarnation: incarnationOf(2) }), 1004)).toBe('old')
    expect(peers.clockFloor()).toBe(45)
  })

  it('begins anew for a member that comes back after long without its disk and its clock', () => {
    know(5)
    peers.record(checkpoint(2, [], 50), 1)
    peers.record(checkpoint(1, [], 40), 1)
    const reborn = checkpoint(1, [], 30, { incarnation: incarnationOf(1) })
    expect(peers.record(reborn, REBIRTH_SILENCE_MS)).toBe('old')
    expect(peers.record(reborn, 1 + REBIRTH_SILENCE_MS)).toBe('new')
    expect(peers.clockFloor()).toBe(0)
    peers.record(checkpoint(2, [], 51), 2000 + REBIRTH_SILENCE_MS)
    expect(peers.clockFloor()).toBe(30)
    expect(peers.record(checkpoint(1, [], 40), 2001 + REBIRTH_SILENCE_MS)).toBe('new')
    expect(peers.record(reborn, 2002 + REBIRTH_SILENCE_MS)).toBe('old')
  })

  it('has no limit in a lattice of one', () => {
    expect(new Peers(logs, new Map(), () => null, START_MS).clockFloor()).toBe(
      Number.MAX_SAFE_INTEGER,
    )
    expect(ofC).not.toBe(ofB)
  })
})
