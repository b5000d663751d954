import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HybridClock } from './hybrid-clock.ts'
import { CLOCK_LEAD_US_MAX, CLOCK_RESERVE_US } from './limits.ts'

const wallMs = 1_000_000

describe('the hybrid clock', () => {
  it('follows the wall clock, and goes on when that stands still or goes back', () => {
    const clock = new HybridClock(0, 0)
    expect(clock.tick(wallMs)).toBe(wallMs * 1000)
    expect(clock.tick(wallMs)).toBe(wallMs * 1000 + 1)
    expect(clock.tick(wallMs - 5000)).toBe(wallMs * 1000 + 2)
    expect(clock.tick(wallMs + 1)).toBe((wallMs + 1) * 1000)
  })

  it('stays above what it saw', () => {
    const clock = new HybridClock(0, 0)
    clock.see(wallMs * 1000 + 500)
    clock.see(7)
    expect(clock.tick(wallMs)).toBe(wallMs * 1000 + 501)
  })

  it('promises no more than a little ahead of the wall clock, however far ahead it is itself', () => {
    const clock = new HybridClock(0, 0)
    clock.see(wallMs * 1000 + 30_000_000)
    expect(clock.promise(wallMs).floor).toBe(wallMs * 1000 + CLOCK_LEAD_US_MAX)
    expect(clock.tick(wallMs)).toBe(wallMs * 1000 + 30_000_001)
    expect(clock.floor).toBe(wallMs * 1000 + 30_000_002)
    // Set back, it keeps to what it said, and yet each promise is a little more than the last.
    expect(clock.promise(wallMs - 5000).floor).toBe(wallMs * 1000 + CLOCK_LEAD_US_MAX + 1)
    expect(clock.promise(wallMs - 5000).floor).toBe(wallMs * 1000 + CLOCK_LEAD_US_MAX + 2)
  })

  it('needs the disk once a second, not at every promise', () => {
    const clock = new HybridClock(0, 0)
    let writes = 0
    for (let ms = 0; ms < 60_000; ms += 40) {
      if (clock.promise(wallMs + ms).reserve !== null) writes += 1
    }
    expect(writes).toBeGreaterThan(50)
    expect(writes).toBeLessThanOrEqual(60_000 / (CLOCK_RESERVE_US / 1000))
  })

  type Act = 'tick' | 'promise' | 'restart'
  const acts = fc.array(
    fc.tuple(
      fc.constantFrom<Act>('tick', 'promise', 'restart'),
      // What the wall clock does before it, milliseconds: now and then it is set back or ahead.
      fc.oneof(fc.nat(100), fc.constantFrom(-30_000, -1, 30_000)),
    ),
    { maxLength: 60 },
  )

  it('keeps every promise over restarts at any moment, whatever the wall clock does', () => {
    fc.assert(
      fc.property(acts, (all) => {
        let nowMs = wallMs
        let onDisk = { lastHlc: 0, reserved: 0 }
        let clock = new HybridClock(0, 0)
        let promised = 0
        const written: [hlc: number, promised: number][] = []
        for (const [act, moved] of all) {
          nowMs += moved
          if (act === 'restart') clock = new HybridClock(onDisk.lastHlc, onDisk.reserved)
          const before = promised
          if (act === 'tick') {
            const hlc = clock.tick(nowMs)
            written.push([hlc, promised])
            onDisk = { ...onDisk, lastHlc: hlc }
          }
          if (act === 'promise') {
            const { floor, reserve } = clock.promise(nowMs)
            if (reserve !== null) onDisk = { ...onDisk, reserved: reserve }
            promised = floor
          }
          // What is promised without a write at a start must hold as well.
          promised = Math.max(promised, clock.promised)
          expect(clock.promised).toBe(promised)
          expect(promised).toBeGreaterThanOrEqual(before)
          expect(written.every(([hlc, floor]) => hlc >= floor)).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('does not run away from the wall clock when a node restarts again and again', () => {
    let onDisk = { lastHlc: 0, reserved: 0 }
    for (let restarts = 0; restarts < 1000; restarts += 1) {
      const clock = new HybridClock(onDisk.lastHlc, onDisk.reserved)
      for (let writes = 0; writes < 3; writes += 1) {
        const { reserve } = clock.promise(wallMs + restarts)
        onDisk = { lastHlc: clock.tick(wallMs + restarts), reserved: reserve ?? onDisk.reserved }
      }
    }
    const aheadUs = onDisk.lastHlc - (wallMs + 1000) * 1000
    expect(aheadUs).toBeLessThan(CLOCK_RESERVE_US * 1.1)
  })
})
