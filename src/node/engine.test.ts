import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import { chainOf, makeLattice } from '../../test/simulation/members.ts'
import { Rig } from '../../test/simulation/rig.ts'
import type { SignedEntry } from '../wire/entry.ts'
import { Engine, type OutwardOutput } from './engine.ts'
import { emptyReady, type CoreEvent, type Ready } from './replica/contract.ts'
import type { Core } from './replica/core.ts'
import type { Batch, Store } from './store/store.ts'

const lattice = makeLattice(3)
const [first, second] = chainOf(lattice, 1, [
  [1, { kind: 'noop', note: 'one' }],
  [2, { kind: 'noop', note: 'two' }],
]) as [SignedEntry, SignedEntry]
const gossip = (signed: SignedEntry): OutwardOutput => ({
  kind: 'gossip',
  frame: { kind: 'entries', entries: [signed] },
})
const tick: CoreEvent = { kind: 'tick' }

/** What happened, in order. */
let course: string[]
let batches: Batch[]
let failures: Error[]
/** What the core answers to the next steps. */
let script: Partial<Ready>[]
let disk: 'sound' | 'full'
let engine: Engine

beforeEach(() => {
  course = []
  batches = []
  failures = []
  script = []
  disk = 'sound'
  const core = {
    step: (event: CoreEvent): Ready => {
      const outputs: Ready['outputs'] =
        event.kind === 'submit'
          ? [{ kind: 'acknowledge', ticket: event.ticket, verdicts: [] }]
          : event.kind === 'retire'
            ? [{ kind: 'retired', ticket: event.ticket, result: { refusal: 'unknown' } }]
            : []
      return { ...emptyReady(), outputs, ...script.shift() }
    },
  } as unknown as Core
  const store = {
    commit: (batch: Batch): void => {
      if (disk === 'full') throw new Error('no space left')
      course.push('commit')
      batches.push(batch)
    },
  } as unknown as Store
  engine = new Engine(
    core,
    store,
    { wallMs: () => 1, monoMs: () => 1 },
    pino({ level: 'silent' }),
    {
      onOutput: ({ kind }) => course.push(kind),
      onFailed: (error) => failures.push(error),
    },
  )
})

describe('a turn', () => {
  it('is on the disk before anything of it leaves', async () => {
    script = [{ entries: [first], outputs: [gossip(first)] }, { entries: [second] }]
    engine.push(tick)
    const acknowledged = engine.submit([]).then(() => course.push('acknowledged'))
    await acknowledged
    expect(course).toEqual(['commit', 'gossip', 'acknowledged'])
  })

  it('is one transaction of everything that its steps made durable', () => {
    const rig = new Rig(lattice)
    const [older, newer] = [rig.claim(1, { clockFloor: 5 }), rig.claim(1, { clockFloor: 6 })]
    const event = { kind: 'store', message: 'noted', data: {} } as const
    script = [
      { entries: [first], checkpoints: [older], reservedClock: 50, staleSnapshotsHlc: 7 },
      { entries: [second], checkpoints: [newer], staleSnapshotsHlc: 9, events: [event] },
      { cuts: [{ author: first.entry.author, size: 1 }] },
    ]
    for (let steps = 0; steps < 3; steps += 1) engine.push(tick)
    engine.apply(tick)
    expect(batches).toEqual([
      {
        entries: [first, second],
        checkpoints: [newer],
        seals: [],
        cuts: [{ author: first.entry.author, size: 1 }],
        snapshots: [],
        staleSnapshotsHlc: 7,
        reservedClock: 50,
        events: [event],
      },
    ])
  })

  it.each<[string, Partial<Ready>, number]>([
    ['a reserved clock', { reservedClock: 50 }, 1],
    ['stale snapshots', { staleSnapshotsHlc: 7 }, 1],
    ['an entry', { entries: [first] }, 1],
    ['nothing', {}, 0],
  ])('of %s alone is written when a restart would miss it', (_name, ready, commits) => {
    script = [ready]
    engine.apply(tick)
    expect(batches).toHaveLength(commits)
  })
})

describe('a store that takes no commit', () => {
  it('is told, and nothing of the turn leaves, then or later', async () => {
    disk = 'full'
    script = [{ entries: [first], outputs: [gossip(first)] }]
    engine.push(tick)
    await expect(engine.submit([])).rejects.toThrow('no space left')
    expect(failures).toHaveLength(1)
    disk = 'sound'
    engine.apply(tick)
    await expect(engine.submit([])).rejects.toThrow('no space left')
    await expect(engine.retire('00'.repeat(8))).rejects.toThrow('no space left')
    expect(course).toEqual([])
  })

  it('ends every wait', async () => {
    const { signal } = new AbortController()
    const wait = engine.wait(first.entry.author, 0, { kind: 'final' }, 60_000, signal)
    const retirement = engine.retire('00'.repeat(8))
    disk = 'full'
    script = [{ entries: [first] }]
    await expect(retirement).rejects.toThrow('no space left')
    expect(await wait).toMatchObject({ receipt: null, isReached: false })
  })
})
