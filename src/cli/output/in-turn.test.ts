import { expect, it } from 'vitest'
import { inTurn } from './in-turn.ts'

it('does one thing at a time, also after one that failed', async () => {
  const take = inTurn()
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = take(async () => {
    log.push('first begins')
    await gate.promise
    log.push('first fails')
    throw new Error('no answer')
  })
  const second = take(async () => {
    log.push('second')
    return 2
  })
  await Promise.resolve()
  gate.resolve()
  await expect(first).rejects.toThrow('no answer')
  expect(await second).toBe(2)
  expect(log).toEqual(['first begins', 'first fails', 'second'])
})
