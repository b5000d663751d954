import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SyncMode } from '../../../wire/protocol.ts'
import { Lacking } from './lacking.ts'
import { linkOf, sightingOf } from './sighting.fixture.ts'
import type { Sighting } from './sighting.ts'
import { FaultTimeline, type FaultScene } from './timeline.ts'
import type { AcknowledgedEntry } from './writes.ts'

const nodes = ['node1', 'node2', 'node3']
const scene = (kind: FaultScene['kind'], lung: FaultScene['lung'] = 'P2P'): FaultScene => ({
  kind,
  target: 'node1',
  nodes,
  lung,
})

/** A timeline with the bookkeeping that a period does for it. */
class Story {
  readonly timeline: FaultTimeline
  readonly #lacking: Lacking
  readonly #sizes: Record<string, number> = {}

  constructor(kind: FaultScene['kind'], lung?: FaultScene['lung'], names = nodes) {
    this.timeline = new FaultTimeline({ ...scene(kind, lung), nodes: names })
    this.#lacking = new Lacking(names)
  }

  write(node: string, sentMs: number, ackedMs = sentMs + 1): AcknowledgedEntry {
    const seq = this.#sizes[node] ?? 0
    this.#sizes[node] = seq + 1
    const entry = { node, author: node, seq, id: `${node}/${seq}`, sentMs, ackedMs }
    this.timeline.acknowledged(entry)
    this.#lacking.acknowledged(entry)
    return entry
  }

  see(sighting: Sighting): void {
    this.timeline.sighted(sighting, this.#lacking.sighted(sighting))
  }

  /** Every node answers and shows what serves the target, and all that was acknowledged, or `frontier`. */
  seeAll(atMs: number, transport: SyncMode, frontier: Record<string, number> = this.#sizes): void {
    for (const node of nodes) {
      const links = new Map(
        nodes
          .filter((other) => other !== node)
          .map((other) => {
            const isBroken = node === 'node1' || other === 'node1'
            return [other, linkOf(isBroken ? transport : 'P2P')]
          }),
      )
      this.see(sightingOf(node, atMs, { links, frontier: { ...frontier } }))
    }
  }
}

const observed = (ms: number): unknown => ({ state: 'observed', ms })

describe('a P2P stop', () => {
  it('is told from injection to recovery', () => {
    const story = new Story('p2p-stop')
    const { timeline } = story
    story.seeAll(0, 'P2P')
    timeline.injected(1000)
    timeline.broken(1010)
    story.seeAll(1020, 'P2P')
    story.seeAll(1045, 'NONE')
    story.write('node2', 1100)
    story.seeAll(1145, 'NONE', {})
    story.seeAll(1700, 'HTTP')
    expect(timeline.takeQuestions('node1', 9)).toHaveLength(1)
    expect(timeline.takeQuestions('node3', 9)).toEqual([])
    timeline.answered('HTTP', 1690)
    timeline.returned(5000)
    story.seeAll(5010, 'HTTP')
    story.seeAll(5400, 'P2P')
    expect(timeline.measures(6000)).toEqual({
      detection: observed(45),
      activation: observed(690),
      activationVia: 'HTTP',
      answering: observed(10),
      recovery: observed(400),
      equalFrontier: observed(10),
      stalenessMaxMs: 44,
    })
  })

  it('is not detected by a look from before', () => {
    const story = new Story('p2p-stop')
    story.timeline.injected(100)
    story.seeAll(90, 'NONE')
    expect(story.timeline.measures(200).detection.state).toBe('absent')
    story.seeAll(125, 'NONE')
    expect(story.timeline.measures(200).detection).toEqual(observed(25))
  })

  it('is not activated by what still came over P2P', () => {
    const story = new Story('p2p-stop')
    story.timeline.injected(0)
    story.write('node1', 1)
    story.seeAll(25, 'P2P')
    story.timeline.answered('P2P', 20)
    story.seeAll(6000, 'P2P')
    expect(story.timeline.measures(6000).activation).toEqual({ state: 'absent', watchedMs: 6000 })
  })

  it('is not activated by an entry from before', () => {
    const story = new Story('p2p-stop')
    story.write('node1', 90)
    story.timeline.injected(100)
    story.seeAll(125, 'HTTP')
    expect(story.timeline.takeQuestions('node2', 9)).toEqual([])
  })

  it('is activated by the earliest of several answers', () => {
    const story = new Story('p2p-stop')
    story.timeline.injected(0)
    story.timeline.answered('HTTP', 700)
    story.timeline.answered('HTTP', 650)
    story.timeline.answered('HTTP', 690)
    expect(story.timeline.measures(1000).activation).toEqual(observed(650))
  })

  it('asks of no more than it may at once, and of nothing twice', () => {
    const story = new Story('p2p-stop')
    story.timeline.injected(0)
    for (let index = 0; index < 5; index++) story.write('node2', 1 + index)
    story.seeAll(100, 'HTTP')
    const asked = [3, 3, 3].flatMap((max) => story.timeline.takeQuestions('node1', max))
    expect(asked.map((entry) => entry.seq)).toEqual([0, 1, 2, 3, 4])
  })
})

describe('a kill', () => {
  it('is activated by what one survivor applies of another’s, over whatever', () => {
    const story = new Story('kill')
    const { timeline } = story
    timeline.injected(1000)
    story.write('node2', 1005)
    timeline.broken(1010)
    story.write('node1', 1011)
    story.write('node2', 1020)
    story.see(sightingOf('node1', 1040, null))
    story.see(sightingOf('node3', 1040, { frontier: { node1: 1, node2: 2 } }))
    expect(timeline.takeQuestions('node3', 9).map((entry) => entry.sentMs)).toEqual([1020])
    timeline.answered('P2P', 1030)
    expect(timeline.measures(2000)).toMatchObject({
      activation: observed(30),
      activationVia: 'P2P',
    })
  })

  it('of one of two nodes has no activation', () => {
    const story = new Story('kill', 'P2P', ['node1', 'node2'])
    story.timeline.injected(0)
    expect(story.timeline.measures(9000).activation.state).toBe('not-applicable')
  })

  it('is not over because nobody noticed it', () => {
    const story = new Story('kill')
    const { timeline } = story
    timeline.injected(0)
    timeline.broken(1)
    timeline.returned(1000)
    // Alive by what was heard before the return.
    const links = new Map([
      ['node1', linkOf('P2P', 1200)],
      ['node3', linkOf('P2P')],
    ])
    const target = new Map([
      ['node2', linkOf('P2P')],
      ['node3', linkOf('P2P')],
    ])
    const see = (atMs: number, ofNode2: Map<string, ReturnType<typeof linkOf>>): void => {
      story.see(sightingOf('node1', atMs, { links: target }))
      story.see(sightingOf('node3', atMs, { links: new Map([['node1', linkOf('P2P')]]) }))
      story.see(sightingOf('node2', atMs, { links: ofNode2 }))
    }
    see(1500, links)
    expect(timeline.isRecovered).toBe(false)
    see(1525, new Map([['node1', linkOf('P2P', 10)]]))
    expect(timeline.measures(2000).recovery).toEqual(observed(525))
  })
})

describe('what was not seen', () => {
  it.each([
    ['before the injection', () => undefined],
    [
      'without a write under the fault',
      (story: Story) => {
        story.timeline.injected(0)
        story.seeAll(5000, 'NONE')
      },
    ],
    [
      'when nodes do not say what brought the entries',
      (story: Story) => {
        story.timeline.injected(0)
        story.write('node2', 1)
        story.seeAll(5000, 'HTTP')
        story.timeline.answered(null, 5000)
      },
    ],
    [
      'when they only read them back from their store',
      (story: Story) => {
        story.timeline.injected(0)
        story.write('node2', 1)
        story.timeline.answered('store', 5000)
      },
    ],
  ])('activation is unobserved %s', (_what, tell: (story: Story) => void) => {
    const story = new Story('p2p-stop')
    tell(story)
    expect(story.timeline.measures(9000).activation.state).toBe('unobserved')
  })

  it('is watched for only as long as nodes answered and the fault lasted', () => {
    const story = new Story('p2p-stop')
    story.timeline.injected(0)
    story.write('node2', 1)
    for (const node of nodes) story.see(sightingOf(node, 800, {}))
    for (const node of nodes) story.see(sightingOf(node, 9000, null))
    expect(story.timeline.measures(9000).activation).toEqual({ state: 'absent', watchedMs: 800 })
    for (const node of nodes) story.see(sightingOf(node, 9500, {}))
    story.timeline.returned(4000)
    expect(story.timeline.measures(9999).activation).toEqual({ state: 'absent', watchedMs: 4000 })
  })

  it('recovery and equal frontier are unobserved without a return', () => {
    const story = new Story('kill')
    story.timeline.injected(0)
    story.seeAll(100, 'P2P')
    expect(story.timeline.measures(9000)).toMatchObject({
      recovery: { state: 'unobserved' },
      equalFrontier: { state: 'unobserved' },
    })
  })

  it('the frontier is equal only where every node was seen to hold all', () => {
    const story = new Story('kill')
    story.timeline.injected(0)
    story.write('node2', 10)
    story.write('node2', 20)
    story.timeline.returned(1000)
    story.seeAll(1100, 'P2P', { node2: 1 })
    expect(story.timeline.isCovered).toBe(false)
    for (const node of ['node1', 'node2'])
      story.see(sightingOf(node, 1200, { frontier: { node2: 2 } }))
    expect(story.timeline.isCovered).toBe(false)
    story.see(sightingOf('node3', 1300, { frontier: { node2: 3 } }))
    expect(story.timeline.measures(2000).equalFrontier).toEqual(observed(300))
  })

  it('the frontier need not hold what was acknowledged after the return', () => {
    const story = new Story('kill')
    story.timeline.injected(0)
    story.write('node2', 10)
    story.write('node2', 1010)
    story.timeline.returned(1000)
    story.seeAll(1100, 'P2P', { node2: 1 })
    expect(story.timeline.measures(2000).equalFrontier).toEqual(observed(100))
  })
})

describe('for any order of looks', () => {
  it('measures nothing shorter than it was, and by no more than the pause between two looks', () => {
    const times = fc.record({
      detectMs: fc.integer({ min: 1, max: 900 }),
      httpMs: fc.integer({ min: 1000, max: 3900 }),
      returnMs: fc.integer({ min: 4000, max: 5000 }),
      recoverMs: fc.integer({ min: 1, max: 1900 }),
      pollMs: fc.integer({ min: 5, max: 60 }),
      phase: fc.nat(59),
    })
    fc.assert(
      fc.property(times, ({ detectMs, httpMs, returnMs, recoverMs, pollMs, phase }) => {
        const story = new Story('p2p-stop')
        const { timeline } = story
        timeline.injected(0)
        story.write('node2', 1)
        let isReturned = false
        for (let atMs = phase % pollMs; atMs < 8000; atMs += pollMs) {
          if (!isReturned && atMs >= returnMs) {
            timeline.returned(returnMs)
            isReturned = true
          }
          const isWhole = atMs < detectMs || atMs >= returnMs + recoverMs
          const transport = isWhole ? 'P2P' : atMs >= httpMs ? 'HTTP' : 'NONE'
          story.seeAll(atMs, transport, atMs >= httpMs ? { node2: 1 } : {})
          const asked = timeline.takeQuestions('node1', 9)
          for (const _one of asked) timeline.answered('HTTP', httpMs)
        }
        const measures = timeline.measures(9000)
        const between = (measure: unknown, leastMs: number): void => {
          const { state, ms } = measure as { state: string; ms: number }
          expect(state).toBe('observed')
          expect(ms).toBeGreaterThanOrEqual(leastMs)
          expect(ms).toBeLessThanOrEqual(leastMs + pollMs)
        }
        between(measures.detection, detectMs)
        between(measures.recovery, recoverMs)
        between(measures.equalFrontier, 0)
        expect(measures.activation).toEqual(observed(httpMs))
      }),
    )
  })
})
