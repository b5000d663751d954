import { describe, expect, it } from 'vitest'
import { VirtualClock } from './fakes/virtual-clock.ts'
import { CATCH_UP_MS_MAX } from './limits.ts'
import { openLoop, type Schedule } from './load.ts'

const EVERY_MS = 100

function schedule(): {
  clock: VirtualClock
  halt: AbortController
  abort: AbortController
  plan: Schedule
} {
  const clock = new VirtualClock()
  const halt = new AbortController()
  const abort = new AbortController()
  const plan = { clock, everyMs: EVERY_MS, offsetMs: 30, halted: halt.signal, signal: abort.signal }
  return { clock, halt, abort, plan }
}

describe('an open loop', () => {
  it('starts on schedule, however long the work takes, and finishes what it started', async () => {
    const { clock, halt, plan } = schedule()
    const startedMs: number[] = []
    let endedCount = 0
    clock.after(500, () => halt.abort())
    await clock.run(
      openLoop(plan, async () => {
        startedMs.push(clock.monotonicMs())
        await clock.sleep(5000, new AbortController().signal)
        endedCount += 1
      }),
    )
    expect(startedMs).toEqual([30, 130, 230, 330, 430])
    expect(endedCount).toBe(5)
  })

  it('drops what is under way when it is aborted', async () => {
    const { clock, abort, plan } = schedule()
    clock.after(200, () => abort.abort())
    await clock.run(openLoop(plan, async () => clock.sleep(60_000, plan.signal)))
    expect(clock.monotonicMs()).toBe(200)
  })

  it('catches up on a second at most after it was held up', async () => {
    const { clock, halt, plan } = schedule()
    const startedMs: number[] = []
    clock.after(100, () => clock.suspend(60_000))
    clock.after(60_500, () => halt.abort())
    await clock.run(
      openLoop(plan, async () => {
        startedMs.push(clock.monotonicMs())
      }),
    )
    const lateCount = startedMs.filter((atMs) => atMs >= 60_000 && atMs < 60_110).length
    expect(lateCount).toBeGreaterThan(1)
    expect(lateCount).toBeLessThanOrEqual(CATCH_UP_MS_MAX / EVERY_MS + 2)
  })

  it('ends with the first fault of the work itself', async () => {
    const { clock, plan } = schedule()
    const work = openLoop(plan, async (index) => {
      if (index === 2) throw new TypeError('a fault of ours')
    })
    await expect(clock.run(work)).rejects.toThrow('a fault of ours')
  })
})
