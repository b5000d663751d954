import { createLibp2p } from 'libp2p'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { BEAT_PROTOCOL } from '../../../wire/protocol.ts'
import {
  atOnceMs,
  idOf,
  makeLung,
  meshed,
  peer,
  seedOf,
  stopAll,
  tcpAddress,
  timing,
  type TestLung,
} from './lattice.fixture.ts'
import { privateKeyOf } from './node-key.ts'

afterEach(stopAll)

const soon = { timeout: 4000, interval: 5 }
/** Proofs of life that a silence between two of them would have shown itself in. */
const PROOFS = 12

/** Resolves when every peer has given so many proofs of life since. */
async function heardOften(lung: TestLung): Promise<void> {
  const heard = new Map(lung.peers().map(({ peerId }) => [peerId, { proofs: 0, agoMs: 0 }]))
  const look = (): void => {
    for (const { peerId, lastHeardAgoMs } of lung.peers()) {
      const one = heard.get(peerId)
      const agoMs = lastHeardAgoMs ?? Number.POSITIVE_INFINITY
      if (one !== undefined && agoMs < one.agoMs) one.proofs += 1
      if (one !== undefined) one.agoMs = agoMs
    }
    expect(Math.min(...[...heard.values()].map(({ proofs }) => proofs))).toBeGreaterThan(PROOFS)
  }
  await vi.waitFor(look, { timeout: 20_000, interval: 2 })
}

async function triangle(): Promise<[TestLung, TestLung, TestLung]> {
  const a = makeLung('a', { peers: [peer('b'), peer('c')] })
  await a.start()
  const b = makeLung('b', { peers: [peer('a', [tcpAddress(a)]), peer('c')] })
  await b.start()
  const c = makeLung('c', { peers: [peer('a', [tcpAddress(a)]), peer('b', [tcpAddress(b)])] })
  await c.start()
  return [a, b, c]
}

async function pair(): Promise<[TestLung, TestLung]> {
  const a = makeLung('a', { peers: [peer('b')] })
  await a.start()
  const b = makeLung('b', { peers: [peer('a', [tcpAddress(a)])] })
  await b.start()
  await meshed(a, b)
  return [a, b]
}

describe('three lungs over TCP', () => {
  test('form a mesh and gossip to each other', async () => {
    const lungs = await triangle()
    const [a, b, c] = lungs
    await meshed(...lungs)
    expect(await a.publish(Buffer.from('hello'))).toBe(2)
    await vi.waitFor(() => {
      for (const lung of [b, c]) expect(lung.gossip.map(({ text }) => text)).toEqual(['hello'])
    }, soon)
    expect(a.gossip).toEqual([])
    expect(a.lifeOf('b')).toMatchObject({ connected: true, subscribed: true, direction: 'inbound' })
    expect(b.lifeOf('a')).toMatchObject({ direction: 'outbound', remoteAddress: tcpAddress(a) })
    await vi.waitFor(() => {
      expect(a.lifeOf('b').rttMs).toBeGreaterThan(0)
      expect(b.lifeOf('a').rttMs).toBeGreaterThan(0)
    }, soon)
  })

  test('stay alive without a single false alarm', async () => {
    const lungs = await triangle()
    await meshed(...lungs)
    const sinceMs = performance.now()
    await Promise.all(lungs.map(async (lung) => heardOften(lung)))
    for (const lung of lungs) {
      expect(lung.lives.filter(({ atMs }) => atMs > sinceMs)).toEqual([])
      for (const life of lung.peers())
        expect(life.lastHeardAgoMs).toBeLessThan(timing.suspectAfterMs)
    }
  })

  test('lose nothing of a burst, and nobody is taken for dead meanwhile', async () => {
    const [a, b] = await pair()
    const sinceMs = performance.now()
    const sent = Array.from({ length: 10_000 }, (_, i) => `${i}`.padEnd(300, '.'))
    const recipients = await Promise.all(sent.map((text) => a.publish(Buffer.from(text))))
    expect(recipients.every((count) => count === 1)).toBe(true)
    await vi.waitFor(() => expect(b.gossip.length).toBe(sent.length), {
      timeout: 15_000,
      interval: 20,
    })
    expect(b.gossip.map(({ text }) => text)).toEqual(sent)
    for (const lung of [a, b]) {
      expect(
        lung.lives.filter(({ life, atMs }) => atMs > sinceMs && life.state === 'dead'),
      ).toEqual([])
    }
  })

  test('refuse a message that is too large, and one with nobody to hear it reaches nobody', async () => {
    const a = makeLung('a', { peers: [peer('b')] })
    await a.start()
    expect(await a.publish(Buffer.from('alone'))).toBe(0)
    expect(await a.publish(Buffer.alloc(512 * 1024 + 1))).toBe(0)
    expect(a.warnings.map(({ message }) => message)).toEqual(['[LATTICE_P2P] gossip too large'])
  })
})

describe('strangers', () => {
  test('are refused when they dial', async () => {
    const a = makeLung('a', { peers: [peer('b')] })
    await a.start()
    const stranger = makeLung('stranger', { peers: [peer('a', [tcpAddress(a)])] })
    await stranger.start()
    await vi.waitFor(() => expect(a.warnings.length).toBe(1), soon)
    expect(a.warnings[0]).toEqual({
      fields: { peerId: idOf('stranger') },
      message: '[LATTICE_P2P] stranger refused',
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(stranger.lifeOf('a')).toMatchObject({ subscribed: false })
    expect(stranger.saw('a', 'alive', 0)).toBeUndefined()
    expect(a.lives).toEqual([])
    expect(a.warnings.length).toBe(1)
  })

  test('are refused when they answer at an address of a member', async () => {
    const stranger = makeLung('stranger', { peers: [peer('a')] })
    await stranger.start()
    const address = tcpAddress(stranger).replace(/\/p2p\/.*/, '')
    const a = makeLung('a', { peers: [peer('b', [address])] })
    await a.start()
    await vi.waitFor(() => expect(a.warnings.length).toBe(1), soon)
    expect(a.warnings[0]?.message).toBe('[LATTICE_P2P] cannot reach peer; will keep dialling')
    expect(a.lifeOf('b')).toMatchObject({ state: 'dead', connected: false, lastHeardAgoMs: null })
    expect(stranger.lives).toEqual([])
  })
})

describe('a lost peer', () => {
  test('that stops is dead at once, and alive again soon after it starts', async () => {
    const [a, b] = await pair()
    const stoppedMs = performance.now()
    await b.stop()
    await vi.waitFor(() => expect(a.lifeOf('b').state).toBe('dead'), soon)
    expect((a.saw('b', 'dead', stoppedMs) ?? Infinity) - stoppedMs).toBeLessThan(atOnceMs)
    expect(b.lifeOf('a')).toMatchObject({ state: 'dead', connected: false })
    await b.start()
    await meshed(a, b)
    expect(await a.publish(Buffer.from('again'))).toBe(1)
    await vi.waitFor(() => expect(b.gossip.map(({ text }) => text)).toEqual(['again']), soon)
  })

  test('whose process is killed is dead at once', async () => {
    const a = makeLung('a', { peers: [peer('b')] })
    await a.start()
    const child = spawn(
      process.execPath,
      ['--input-type=module-typescript', '--eval', childScript(tcpAddress(a))],
      { cwd: import.meta.dirname, stdio: ['ignore', 'ignore', 'inherit'] },
    )
    try {
      await meshed(a)
      const killedMs = performance.now()
      child.kill('SIGKILL')
      await vi.waitFor(() => expect(a.lifeOf('b').state).toBe('dead'), soon)
      expect((a.saw('b', 'dead', killedMs) ?? Infinity) - killedMs).toBeLessThan(atOnceMs)
    } finally {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  })

  test('that came back under a new connection keeps one, and gossip follows it', async () => {
    const [a, b] = await pair()
    const twin = makeLung('b', { listen: [], peers: [peer('a', [tcpAddress(a)])] })
    // As if b's process had been replaced and a had not noticed: the same key dials again.
    await twin.start()
    await vi.waitFor(() => expect(twin.saw('a', 'alive', 0)).toBeDefined(), soon)
    await b.stop()
    await meshed(a, twin)
    expect(await a.publish(Buffer.from('to the newest'))).toBe(1)
    await vi.waitFor(() => {
      expect(twin.gossip.map(({ text }) => text)).toEqual(['to the newest'])
    }, soon)
  })
})

test('a connection that carries heartbeats but no gossip is aborted', async () => {
  const a = makeLung('a', { peers: [peer('mute')] })
  await a.start()
  const mute = await createLibp2p({
    privateKey: privateKeyOf(seedOf('mute')),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  try {
    const connection = await mute.dial(multiaddr(tcpAddress(a)))
    const stream = await connection.newStream([BEAT_PROTOCOL])
    const beat = setInterval(() => stream.status === 'open' && stream.send(Uint8Array.of(1)), 200)
    await vi.waitFor(() => expect(a.lifeOf('mute').connected).toBe(true), soon)
    expect(a.lifeOf('mute')).toMatchObject({ state: 'suspect', subscribed: false })
    const sinceMs = performance.now()
    await vi.waitFor(() => expect(connection.status).not.toBe('open'), soon)
    clearInterval(beat)
    expect(performance.now() - sinceMs).toBeGreaterThan(timing.mutedAfterMs - 500)
    expect(a.warnings).toContainEqual({
      fields: { peerId: idOf('mute'), fault: 'mute' },
      message: '[P2P_HEARTBEAT] connection aborted',
    })
  } finally {
    await mute.stop()
  }
})

test('by-id: only the smaller id dials', async () => {
  const [small, large] = ['a', 'b'].toSorted((x, y) => (idOf(x) < idOf(y) ? -1 : 1)) as [
    string,
    string,
  ]
  const nowhere = ['/ip4/127.0.0.1/tcp/1']
  const other = makeLung(large, { peers: [peer(small, nowhere, 'by-id')] })
  await other.start()
  const one = makeLung(small, { peers: [peer(large, [tcpAddress(other)], 'by-id')] })
  await one.start()
  await meshed(one, other)
  expect(one.lifeOf(large).direction).toBe('outbound')
  expect(other.warnings).toEqual([])
})

test('a member carries the gossip of two that do not reach each other', async () => {
  const b = makeLung('b', { peers: [peer('a'), peer('c')] })
  await b.start()
  const [a, c] = ['a', 'c'].map((name) => makeLung(name, { peers: [peer('b', [tcpAddress(b)])] }))
  await Promise.all([a?.start(), c?.start()])
  await meshed(b)
  await a?.publish(Buffer.from('by way of b'))
  await vi.waitFor(() => {
    expect(c?.gossip.map(({ text, from }) => ({ text, from }))).toEqual([
      { text: 'by way of b', from: idOf('b') },
    ])
  }, soon)
})

const childScript = (address: string): string => `
  import { makeLung, peer } from './lattice.fixture.ts'
  await makeLung('b', { peers: [peer('a', [${JSON.stringify(address)}])] }).start()
`
