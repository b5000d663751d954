import { describe, expect, it } from 'vitest'
import type { SyncMode } from '../../../wire/protocol.ts'
import { POOR_SECONDS_MAX, SILENT_MS_MAX, UNLINKED_MS_MAX } from '../limits.ts'
import { sightingOf } from './sighting.fixture.ts'
import { StopConditions } from './stop-conditions.ts'
import type { Write } from './writes.ts'

const target = 'node1'
const links = (node2: SyncMode, node3: SyncMode): Record<string, SyncMode> =>
  Object.fromEntries([
    ['node1', 'NONE'],
    ['node2', node2],
    ['node3', node3],
  ])

describe('reasons to stop', () => {
  it('expects nothing of the node with the fault', () => {
    const conditions = new StopConditions(target)
    for (let atMs = 0; atMs < 60_000; atMs += 1000) {
      expect(conditions.sighted(sightingOf(target, atMs, null))).toBeNull()
    }
    const view = { instance: 'another', isStoring: false, transports: links('NONE', 'NONE') }
    expect(conditions.sighted(sightingOf(target, 60_000, view))).toBeNull()
  })

  it('but a divergence that it shows counts', () => {
    const sighting = sightingOf(target, 0, { isDiverged: true })
    expect(new StopConditions(target).sighted(sighting)?.verdict).toBe('FAIL')
  })

  it('without a fault expects the same of every node', () => {
    const conditions = new StopConditions(null)
    expect(conditions.sighted(sightingOf(target, 0, null))).toBeNull()
    expect(conditions.sighted(sightingOf(target, SILENT_MS_MAX, null))?.verdict).toBe('FAIL')
  })

  it('is silence from the first unanswered question, over only when an answer comes', () => {
    const conditions = new StopConditions(target)
    expect(conditions.sighted(sightingOf('node2', 0, {}))).toBeNull()
    // The drill itself was held up for a minute: that is nobody's silence.
    expect(conditions.sighted(sightingOf('node2', 60_000, null))).toBeNull()
    expect(conditions.sighted(sightingOf('node2', 60_000 + SILENT_MS_MAX - 1, null))).toBeNull()
    expect(conditions.sighted(sightingOf('node2', 61_999, {}))).toBeNull()
    expect(conditions.sighted(sightingOf('node2', 62_000, null))).toBeNull()
    expect(conditions.sighted(sightingOf('node2', 62_000 + SILENT_MS_MAX, null))?.reason).toBe(
      `node2 has not answered for ${SILENT_MS_MAX} ms`,
    )
  })

  it.each([
    ['was restarted', { instance: 'another' }],
    ['cannot store what it accepts', { isStoring: false }],
  ])('is another node that %s', (what, view) => {
    const conditions = new StopConditions(target)
    expect(conditions.sighted(sightingOf('node2', 0, {}))).toBeNull()
    expect(conditions.sighted(sightingOf('node2', 25, view))?.reason).toBe(`node2 ${what}`)
  })

  it('is a link between two others that nothing serves for long', () => {
    const conditions = new StopConditions(target)
    const cut = { transports: links('P2P', 'NONE') }
    expect(conditions.sighted(sightingOf('node2', 0, cut))).toBeNull()
    expect(conditions.sighted(sightingOf('node2', UNLINKED_MS_MAX - 1, cut))).toBeNull()
    expect(
      conditions.sighted(
        sightingOf('node2', UNLINKED_MS_MAX, { transports: links('P2P', 'HTTP') }),
      ),
    ).toBeNull()
    expect(conditions.sighted(sightingOf('node2', UNLINKED_MS_MAX + 1, cut))).toBeNull()
    expect(conditions.sighted(sightingOf('node2', 2 * UNLINKED_MS_MAX + 1, cut))?.verdict).toBe(
      'FAIL',
    )
  })
})

describe('writes that fail', () => {
  const write = (node: string, endedMs: number, isAcknowledged: boolean): Write => ({
    node,
    sentMs: endedMs,
    endedMs,
    outcome: isAcknowledged
      ? { kind: 'acknowledged', author: 'a', seq: 0, id: '' }
      : { kind: 'indeterminate', why: '' },
  })

  /** Ten writes a second; those of the given seconds begin with a failure. */
  const stopAt = (node: string, poorSeconds: readonly number[]): number | null => {
    const conditions = new StopConditions(target)
    for (let atMs = 0; atMs < 20_000; atMs += 100) {
      const isPoor = atMs % 1000 === 0 && poorSeconds.includes(atMs / 1000)
      if (conditions.wrote(write(node, atMs, !isPoor)) !== null) return atMs
    }
    return null
  }

  it.each<[string, string, number[], number | null]>([
    ['none', 'node2', [], null],
    ['now and then', 'node2', [1, 2, 3, 4, 6, 7, 8, 9, 11], null],
    ['every second, long enough', 'node2', [3, 4, 5, 6, 7], 8000],
    ['of the node with the fault', target, [3, 4, 5, 6, 7, 8, 9], null],
  ])('%s', (_what, node, seconds, expected) => {
    expect(POOR_SECONDS_MAX).toBe(5)
    expect(stopAt(node, seconds)).toBe(expected)
  })

  it('does not count a second without a write as poor', () => {
    const conditions = new StopConditions(target)
    for (const second of [0, 1, 2, 3, 5, 6]) {
      expect(conditions.wrote(write('node2', second * 1000, false))).toBeNull()
    }
  })
})
