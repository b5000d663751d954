import { describe, expect, it } from 'vitest'
import { authorOf, chainOf, keyOf, makeLattice } from '../../test/simulation/members.ts'
import { Rig } from '../../test/simulation/rig.ts'
import type { SignedEntry } from '../wire/entry.ts'
import { NO_SEALS, signRetirement, type Seal, type Seals } from '../wire/seal.ts'
import { readFrames, type SyncFrame } from '../wire/sync.ts'
import { syncAnswer } from './sync-answer.ts'

const lattice = makeLattice(3)
const author = authorOf(lattice, 1)
const log = chainOf(
  lattice,
  1,
  Array.from({ length: 5 }, (_, index) => [index + 1, { kind: 'noop', note: '' }] as const),
)
const endAt = (size: number): Seal =>
  signRetirement({ lattice: lattice.id, author, size }, keyOf(lattice, 1).sign)

/** A node that holds the log, and has heard of these ends of it. */
function nodeWith(...sizes: number[]): Rig {
  const rig = new Rig(lattice)
  rig.receive(log, 'b')
  rig.step({ kind: 'seals', seals: sizes.map(endAt), from: 'b' })
  return rig
}

/** What it answers to a caller who holds nothing and heeds these ends. */
async function answered({ core, disk }: Rig, seals: Seals): Promise<SyncFrame[]> {
  const source = {
    checkpoint: core.checkpoint,
    frontier: core.logs.frontier(),
    sealsBeyond: core.logs.sealsBeyond.bind(core.logs),
    entries: disk.entries.bind(disk),
  }
  const request = { lattice: lattice.id, frontier: new Map(), seals, checkpoint: null }
  const answer = syncAnswer(request, source, new AbortController().signal)
  const frames: SyncFrame[] = []
  for await (const frame of readFrames(answer, lattice.verify)) frames.push(frame)
  return frames
}

const kindsOf = (frames: readonly SyncFrame[]): string[] => frames.map(({ kind }) => kind)
const sealsIn = (frames: readonly SyncFrame[]): number[] =>
  frames.flatMap((frame) => (frame.kind === 'seals' ? frame.seals.map(({ size }) => size) : []))
const entriesIn = (frames: readonly SyncFrame[]): SignedEntry[] =>
  frames.flatMap((frame) => (frame.kind === 'entries' ? frame.entries : []))

describe('an answer to a caller who', () => {
  it('has not heard of the end of a log begins with its proof, and ends there', async () => {
    const frames = await answered(nodeWith(3), NO_SEALS)
    expect(kindsOf(frames)).toEqual(['checkpoint', 'seals', 'entries', 'end'])
    expect(sealsIn(frames)).toEqual([3])
    expect(entriesIn(frames).map(({ id }) => id)).toEqual(log.slice(0, 3).map(({ id }) => id))
  })

  it('has heard of a later end only proves the earlier one', async () => {
    expect(sealsIn(await answered(nodeWith(4, 2), new Map([[author, 4]])))).toEqual([2])
  })

  it('heeds that end, or an earlier one, proves nothing', async () => {
    for (const size of [3, 2]) {
      const frames = await answered(nodeWith(3), new Map([[author, size]]))
      expect(kindsOf(frames)).toEqual(['checkpoint', 'entries', 'end'])
      expect(entriesIn(frames)).toHaveLength(size)
    }
  })

  it('heeds an end that we have not heard of brings nothing behind it', async () => {
    expect(entriesIn(await answered(nodeWith(), new Map([[author, 2]])))).toHaveLength(2)
    expect(entriesIn(await answered(nodeWith(), new Map([[author, 0]])))).toEqual([])
  })
})
