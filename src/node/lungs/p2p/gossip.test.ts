import { afterEach, expect, test } from 'vitest'
import { setTimeout as sleep } from 'node:timers/promises'
import { FRAME_BYTES_MAX } from '../../../wire/limits.ts'
import { Outbox } from './gossip.ts'
import { GOSSIP_QUEUE_BYTES_MAX } from './limits.ts'

let ending = new AbortController()
afterEach(() => {
  ending.abort()
  ending = new AbortController()
})

function outbox() {
  const world = { sent: [] as number[], logged: [] as string[], hasRoom: true, fails: false }
  const log = (_fields: object, message: string): void => void world.logged.push(message)
  const box = new Outbox(
    async (bytes) => {
      if (world.fails) throw new Error('gossipsub is down')
      world.sent.push(bytes[0] ?? -1)
      return 2
    },
    () => world.hasRoom,
    { info: log, warn: log },
    ending.signal,
  )
  return { box, world }
}

test('hands over in order, also what had to wait for room', async () => {
  const { box, world } = outbox()
  world.hasRoom = false
  const results = Promise.all(Array.from({ length: 200 }, (_, i) => box.publish(Uint8Array.of(i))))
  await sleep(20)
  expect(world.sent).toEqual([])
  world.hasRoom = true
  expect(await results).toEqual(Array.from({ length: 200 }, () => 2))
  expect(world.sent).toEqual(Array.from({ length: 200 }, (_, i) => i))
})

test('lets timers run between batches', async () => {
  const { box, world } = outbox()
  let sentByThen: number | undefined
  setImmediate(() => (sentByThen = world.sent.length))
  await Promise.all(Array.from({ length: 1000 }, () => box.publish(Uint8Array.of(0))))
  expect(sentByThen).toBeLessThan(200)
})

test('drops what is too much, says so once, and recovers', async () => {
  const { box, world } = outbox()
  world.hasRoom = false
  const message = Buffer.alloc(FRAME_BYTES_MAX)
  const fitting = Array.from({ length: GOSSIP_QUEUE_BYTES_MAX / FRAME_BYTES_MAX }, () =>
    box.publish(message),
  )
  expect(await box.publish(message)).toBe(0)
  expect(await box.publish(message)).toBe(0)
  world.hasRoom = true
  expect(new Set(await Promise.all(fitting))).toEqual(new Set([2]))
  expect(await box.publish(message)).toBe(2)
  await sleep(0)
  expect(world.logged).toEqual([
    '[LATTICE_P2P] gossip overloaded: dropping, sync will repair',
    '[LATTICE_P2P] gossip caught up',
  ])
})

test('never throws', async () => {
  const { box, world } = outbox()
  world.fails = true
  expect(await box.publish(Uint8Array.of(1))).toBe(0)
  world.fails = false
  expect(await box.publish(Uint8Array.of(1))).toBe(2)
  world.hasRoom = false
  const waiting = box.publish(Uint8Array.of(2))
  ending.abort()
  expect(await waiting).toBe(0)
})
