import type { Connection, Stream } from '@libp2p/interface'
import { describe, expect, test } from 'vitest'
import { Links, unsentGossipBytes } from './links.ts'

type FakeStream = Partial<
  Pick<Stream, 'protocol' | 'direction' | 'writeStatus' | 'remoteWriteStatus' | 'writeBufferLength'>
>

const inbound: FakeStream = {
  protocol: '/meshsub/1.2.0',
  direction: 'inbound',
  remoteWriteStatus: 'writable',
  writeBufferLength: 7,
}
const outbound: FakeStream = {
  protocol: '/meshsub/1.2.0',
  direction: 'outbound',
  writeStatus: 'writable',
  writeBufferLength: 5,
}

function connectionWith(streams: FakeStream[]): Connection & { aborted: boolean } {
  const connection = {
    remotePeer: { toString: () => 'b' },
    status: 'open',
    streams,
    aborted: false,
    abort: () => {
      connection.aborted = true
    },
  }
  return connection as unknown as Connection & { aborted: boolean }
}

describe('links', () => {
  test('keep one connection per peer, the newest', async () => {
    const links = new Links(() => 0)
    const [older, newer] = [connectionWith([]), connectionWith([])]
    links.opened(older)
    const gone = links.untilGone('b', new AbortController().signal)
    const link = links.opened(newer)
    expect([older.aborted, newer.aborted]).toEqual([true, false])
    expect(links.closed(older)).toBe(false)
    expect(links.of('b')).toBe(link)
    expect(links.ofConnection(older)).toBeUndefined()
    expect(links.closed(newer)).toBe(true)
    expect(await gone).toBe(link)
    expect(links.all()).toEqual([])
  })

  test.each([
    ['both streams', [inbound, outbound], true],
    ['none', [], false],
    ['only what comes in', [inbound], false],
    ['only what goes out', [outbound], false],
    [
      'an outbound stream that was closed',
      [inbound, { ...outbound, writeStatus: 'closed' }],
      false,
    ],
    [
      'an inbound stream that was closed',
      [{ ...inbound, remoteWriteStatus: 'closed' }, outbound],
      false,
    ],
    [
      'streams of other protocols',
      [inbound, outbound].map((s) => ({ ...s, protocol: '/x' })),
      false,
    ],
  ] as const)('with %s carry gossip: %s', (_what, streams, subscribed) => {
    const links = new Links(() => 0)
    const link = links.opened(connectionWith([...streams]))
    links.observeMesh(new Set(['b']))
    expect(link.subscribed).toBe(subscribed)
    links.observeMesh(new Set())
    expect(link.subscribed).toBe(false)
  })

  test('forgive the time for which the process was blocked, and never look into the future', () => {
    let nowMs = 1000
    const links = new Links(() => nowMs)
    const link = links.opened(connectionWith([]))
    nowMs = 4000
    links.forgive(2900)
    expect(link).toMatchObject({ heardAtMs: 3900, meshedAtMs: 3900 })
    expect(links.lastHeardAgoMs('b')).toBe(100)
    links.forgive(500)
    expect(link.heardAtMs).toBe(4000)
    nowMs = 4200
    links.heard('b')
    expect([link.heardAtMs, link.meshedAtMs]).toEqual([4200, 4000])
    expect(links.lastHeardAgoMs('c')).toBeNull()
  })

  test('count what waits to go out', () => {
    expect(
      unsentGossipBytes(connectionWith([inbound, outbound, { ...outbound, protocol: '/x' }])),
    ).toBe(5)
  })
})
