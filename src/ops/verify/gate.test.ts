import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuthorId } from '../../wire/author.ts'
import { paths } from '../../wire/protocol.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import { startFakeLattice } from '../client/fakes/fake-lattice.ts'
import { sendJson, type FakeNode } from '../client/fakes/fake-node.ts'
import { keyOf } from '../client/fakes/fake-replica.ts'
import { clientsOf, closeClients, type NodeClient } from '../client/node-client.ts'
import { awaitGate, type GateOptions, type GateResult } from './gate.ts'

const RELEASE = 'r0123456789ab'
const TOKEN = 'f00d'.repeat(16)

let lattice: Awaited<ReturnType<typeof startFakeLattice>>
let clients: NodeClient[]
/** What happens at each sleep, in turn; then nothing more. */
let atSleep: (() => unknown)[]

beforeEach(async () => {
  lattice = await startFakeLattice(3)
  clients = clientsOf(lattice.desired, TOKEN)
  atSleep = []
})

afterEach(async () => {
  await closeClients(clients)
  await lattice.stop()
})

const nodeAt = (index: number): FakeNode => {
  const node = lattice.nodes[index]
  if (node === undefined) throw new RangeError(`no node ${index}`)
  return node
}

/** Time passes only in sleeps, so that limits are reached at once and exactly. */
const sleepingClock = (): Clock => {
  let nowMs = 0
  return {
    wallMs: () => systemClock.wallMs(),
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms
      await atSleep.shift()?.()
    },
  }
}

const gate = async (details: Partial<GateOptions> = {}): Promise<GateResult> => {
  const [node] = lattice.desired.nodes
  if (node === undefined) throw new RangeError('no node')
  return awaitGate({
    lattice: lattice.desired,
    node,
    clients,
    release: RELEASE,
    liveness: async () => 'alive',
    activeNames: ['node1', 'node2', 'node3'],
    heldBefore: null,
    stableForMs: 1000,
    deadlineMs: 5000,
    clock: sleepingClock(),
    signal: new AbortController().signal,
    ...details,
  })
}

const canariesSeen = (): number =>
  lattice.nodes.flatMap((node) => node.requests.filter(({ line }) => line.includes('canary')))
    .length

describe('the gate', () => {
  it('opens for a node that fits in, once that has held long enough, with one entry written', async () => {
    expect(await gate()).toEqual({ ok: true, tookMs: 1000 })
    expect(canariesSeen()).toBe(1)
    expect(nodeAt(2).replica.log.size).toBe(1)
  })

  it('opens for the first node of a lattice, alone and empty', async () => {
    await nodeAt(1).close()
    await nodeAt(2).close()
    expect(await gate({ activeNames: ['node1'] })).toMatchObject({ ok: true })
  })

  it('waits for a node that is still starting', async () => {
    nodeAt(0).healthLies = { peers: [] }
    atSleep = [() => {}, () => {}, () => (nodeAt(0).healthLies = {})]
    expect(await gate()).toEqual({ ok: true, tookMs: 1300 })
  })

  it('begins to count again when something did not hold', async () => {
    atSleep = [() => (nodeAt(0).healthLies = { peers: [] }), () => (nodeAt(0).healthLies = {})]
    expect(await gate()).toEqual({ ok: true, tookMs: 1200 })
  })

  it('begins to count again when the process is another one', async () => {
    atSleep = [() => (nodeAt(0).replica.instance = 'f'.repeat(16))]
    expect(await gate()).toEqual({ ok: true, tookMs: 1200 })
  })

  it('never opens for a process that restarts again and again', async () => {
    atSleep = Array.from(
      { length: 50 },
      (_, count) => () => (nodeAt(0).replica.instance = `${count}`.padStart(16, '0')),
    )
    expect(await gate()).toMatchObject({ ok: false, tookMs: 5000 })
  })

  it('ends at once with a dead process', async () => {
    let looks = 0
    const result = await gate({
      liveness: async () => (++looks > 2 ? 'dead' : 'alive'),
      activeNames: ['node1', 'node2', 'node3', 'nobody'],
    })
    expect(result).toEqual({
      ok: false,
      reason: 'the process of node1 has ended',
      hint: expect.stringContaining('aethel-lattice logs node1'),
      tookMs: 200,
    })
  })

  it('ends with a process that dies while its port keeps whoever connects waiting', async () => {
    nodeAt(0).instead.set('*', () => {})
    let looks = 0
    const result = await gate({ liveness: async () => (++looks > 2 ? 'dead' : 'alive') })
    expect(result).toMatchObject({
      ok: false,
      reason: 'the process of node1 has ended',
      tookMs: 0,
    })
  })

  it('ends at once with a store that the node cannot use', async () => {
    const sound = { status: 'pass' as const, message: 'well', since_ms: 1 }
    const persistence = { status: 'fail' as const, message: 'entry 3 was changed', since_ms: 1 }
    nodeAt(0).healthLies = {
      components: { p2p: sound, http_sync: sound, heartbeat: sound, persistence },
    }
    expect(await gate()).toEqual({
      ok: false,
      reason: 'node1 cannot use its store: entry 3 was changed',
      hint: expect.stringContaining('aethel-lattice logs node1'),
      tookMs: 0,
    })
  })

  const closed: [string, () => unknown, RegExp][] = [
    ['is down', async () => nodeAt(0).close(), /nothing listens/],
    [
      'is a page of HTML',
      () =>
        nodeAt(0).instead.set('*', (_request, response) =>
          response.setHeader('content-type', 'text/html').end('<h1>hello</h1>'),
        ),
      /text\/html/,
    ],
    ['holds another key', () => (nodeAt(0).replica.key = keyOf('stranger')), /not 12D3KooW/],
    ['has another name', () => (nodeAt(0).lies = { name: 'node9' }), /calls itself "node9"/],
    ['runs another release', () => (nodeAt(0).replica.release = 'rffffffffffff'), /rffffffffffff/],
    [
      'runs with other settings',
      () => (nodeAt(0).replica.configDigest = 'f'.repeat(64)),
      /other settings/,
    ],
    ['is not connected', () => nodeAt(0).cutOff.add('node3'), /not connected to node3/],
    [
      'does not accept an entry',
      () =>
        nodeAt(0).instead.set(paths.canary, (_request, response) =>
          sendJson(response, 503, {
            success: false,
            code: 'unavailable',
            message: 'store is corrupt',
          }),
        ),
      /store is corrupt/,
    ],
    [
      'keeps its entries to itself',
      () =>
        nodeAt(0).instead.set(paths.canary, (_request, response) => {
          const { entry, id } = nodeAt(0).replica.write()
          const receipt = {
            author: entry.author,
            seq: entry.seq,
            id,
            level: 'local',
            replicas: 1,
            outcome: 'applied',
            provisional: true,
            reason: null,
            via: 'local',
            age_ms: 0,
          }
          sendJson(response, 200, { success: true, receipt })
        }),
      /has not reached node2/,
    ],
    [
      'signs another root at the cut',
      () => {
        const honest = nodeAt(0).attest.bind(nodeAt(0))
        nodeAt(0).instead.set(paths.attest, (_request, response, body) => {
          const { cut } = JSON.parse(body.toString()) as { cut?: Record<string, number> }
          nodeAt(0).lies =
            cut === undefined
              ? {}
              : { cut: { frontier: new Map(Object.entries(cut)), root: 'e'.repeat(64) } }
          honest(response, body)
        })
      },
      /different roots.*node1 against node2 and node3/,
    ],
    [
      'makes another state of the same entries',
      () => (nodeAt(0).lies = { stateRoot: 'e'.repeat(64) }),
      /node1 and node2 make different states/,
    ],
    [
      'sees that the lattice has diverged',
      () => (nodeAt(0).healthLies = { diverged: true }),
      /node1 reports that the lattice has diverged/,
    ],
    ['has a neighbour that is down', async () => nodeAt(2).close(), /node3/],
  ]
  it.each(closed)(
    'stays closed for a node that %s, and says why',
    async (_what, breakIt, reason) => {
      await breakIt()
      const result = await gate({ deadlineMs: 1000 })
      expect(result).toMatchObject({
        ok: false,
        reason: expect.stringMatching(reason),
        tookMs: 1000,
      })
      expect(result).toHaveProperty('hint', expect.stringMatching(/./))
    },
  )

  it('stays closed for a node that lacks what it held before, until it has all of it again', async () => {
    const everywhere = (): AuthorId => {
      const signed = nodeAt(1).replica.write()
      for (const node of [nodeAt(0), nodeAt(2)]) node.replica.take(signed)
      return signed.entry.author
    }
    const author = everywhere()
    const heldBefore = new Map([[author, 3]])
    expect(await gate({ heldBefore, deadlineMs: 1000 })).toMatchObject({
      ok: false,
      reason: 'node1 lacks 2 entries that it held when this began',
    })
    expect(canariesSeen()).toBe(0)
    atSleep = [
      () => {
        everywhere()
        everywhere()
      },
    ]
    expect(await gate({ heldBefore })).toEqual({ ok: true, tookMs: 1100 })
  })

  it('says what was missing, not that the last look had no time', async () => {
    nodeAt(0).replica.release = 'rffffffffffff'
    atSleep = [() => nodeAt(0).instead.set('*', () => {})]
    expect(await gate({ deadlineMs: 1050 })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('rffffffffffff'),
    })
  })

  it('does not write entry after entry while only the roots differ', async () => {
    const different = closed.find(([what]) => what.startsWith('signs another root'))
    different?.[1]()
    expect(await gate({ deadlineMs: 3000 })).toMatchObject({ ok: false })
    expect(canariesSeen()).toBe(1)
  })

  it('does not mind nodes that are not active', async () => {
    await nodeAt(2).close()
    nodeAt(1).replica.release = 'r000000000000'
    expect(await gate({ activeNames: ['node1', 'node2'] })).toMatchObject({ ok: true })
  })

  it('tells once that the node fits in, and then looks only beside those that it is told', async () => {
    const told: number[] = []
    const onFit = (): string[] => {
      told.push(nodeAt(0).requests.length)
      return ['node1', 'node3']
    }
    atSleep = [async () => nodeAt(1).close()]
    expect(await gate({ onFit })).toEqual({ ok: true, tookMs: 1000 })
    expect(told).toHaveLength(1)
  })

  it('does not tell that a node fits in which lacks a neighbour', async () => {
    await nodeAt(1).close()
    const onFit = (): string[] => {
      throw new Error('it does not')
    }
    expect(await gate({ onFit, deadlineMs: 1000 })).toMatchObject({ ok: false })
  })

  it('begins to count again for a node that fitted in and did not stay well', async () => {
    atSleep = [() => (nodeAt(0).replica.instance = 'f'.repeat(16))]
    expect(await gate({ onFit: () => ['node1'] })).toEqual({ ok: true, tookMs: 1200 })
  })

  it('needs a token where entries need one', async () => {
    await closeClients(clients)
    await lattice.stop()
    lattice = await startFakeLattice(3, { submit: 'token' })
    clients = clientsOf(lattice.desired, null)
    expect(await gate({ deadlineMs: 500 })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('no operator token'),
    })
  })

  it('ends with the caller’s reason', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    nodeAt(0).instead.set(paths.attest, () => controller.abort(reason))
    await expect(gate({ signal: controller.signal })).rejects.toBe(reason)
  })
})
