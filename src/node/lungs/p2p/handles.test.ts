import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { listenHttp, makeLung, meshed, peer, stopAll } from './lattice.fixture.ts'

afterAll(stopAll)

/** Sockets and timers that would keep this process alive. In a file of its own: nothing else leaves any. */
const openHandles = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /TCP|Timeout|Immediate/.test(kind))
    .toSorted()

test('twenty starts and stops, and a failed start, leave no handle and no listener behind', async () => {
  const { server, port } = await listenHttp()
  const before = openHandles()
  const a = makeLung('a', { httpServer: server, peers: [peer('b')] })
  const b = makeLung('b', { peers: [peer('a', [`/ip4/127.0.0.1/tcp/${port}/ws`])] })
  const failing = makeLung('c', { listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/192.0.2.1/tcp/9000'] })
  for (let i = 0; i < 20; i += 1) {
    await Promise.all([a.start(), b.start()])
    await meshed(a, b)
    await Promise.all([a.stop(), b.stop()])
  }
  await expect(failing.start()).rejects.toMatchObject({ code: 'listen-failed' })
  expect(server.listenerCount('upgrade')).toBe(0)
  // libp2p's own last timers end by themselves within two seconds.
  const deadlineMs = performance.now() + 4000
  while (openHandles().length > before.length && performance.now() < deadlineMs) await sleep(20)
  const after = openHandles()
  expect(tcpOf(after)).toEqual(tcpOf(before))
  // The test runner may have ended a timer of its own meanwhile; a leak would be twenty.
  expect(after.length).toBeLessThanOrEqual(before.length)
})

const tcpOf = (kinds: readonly string[]): string[] => kinds.filter((kind) => kind.startsWith('TCP'))
