import { setTimeout as sleep } from 'node:timers/promises'
import { sharedMs } from './actor.ts'

export const sleepUntil = (atMs: number): Promise<void> => sleep(Math.max(0, atMs - sharedMs()))

/** Starts work at a steady pace, whatever becomes of it. Resolves with what came of each. */
export async function paced<T>(
  count: number,
  perSecond: number,
  work: (dueMs: number, index: number) => Promise<T>,
): Promise<T[]> {
  const startMs = sharedMs()
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const dueMs = startMs + (index * 1000) / perSecond
      await sleepUntil(dueMs)
      return work(dueMs, index)
    }),
  )
}
