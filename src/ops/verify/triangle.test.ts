import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { paths } from '../../wire/protocol.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import { startFakeLattice } from '../client/fakes/fake-lattice.ts'
import { FakeNode, sendJson } from '../client/fakes/fake-node.ts'
import { FakeReplica, keyOf } from '../client/fakes/fake-replica.ts'
import { clientsOf, closeClients, type NodeClient } from '../client/node-client.ts'
import { nextCheckpoints } from './checkpoints.ts'
import {
  checkIds,
  type CheckId,
  type SavedCheckpoints,
  type TriangleReport,
} from './observation.ts'
import { verifyTriangle } from './triangle.ts'

const TOKEN = 'f00d'.repeat(16)
const RELEASE = 'r0123456789ab'
const never = new AbortController().signal

let lattice: Awaited<ReturnType<typeof startFakeLattice>>
let clients: NodeClient[]

const start = async (options: Parameters<typeof startFakeLattice>[1] = {}): Promise<void> => {
  lattice = await startFakeLattice(3, options)
  for (const node of lattice.nodes) node.token = TOKEN
  clients = clientsOf(lattice.desired, TOKEN)
}

beforeEach(async () => start())

afterEach(async () => {
  await closeClients(clients)
  await lattice.stop()
})

/** Real time, but nobody waits for it. */
const impatientClock = (): Clock => {
  let skippedMs = 0
  return {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() + skippedMs,
    sleep: async (ms) => {
      skippedMs += ms
    },
  }
}

const verify = async (
  details: { saved?: SavedCheckpoints | null; expected?: string | null } = {},
) =>
  verifyTriangle({
    lattice: lattice.desired,
    clients,
    expectedRelease: details.expected === undefined ? RELEASE : details.expected,
    saved: details.saved ?? null,
    clock: impatientClock(),
    signal: never,
  })

const verdictsOf = (report: TriangleReport): Record<string, string> =>
  Object.fromEntries(report.checks.map(({ id, verdict }) => [id, verdict]))
const badOf = (report: TriangleReport): CheckId[] =>
  report.checks.filter(({ verdict }) => verdict !== 'PASS').map(({ id }) => id)

const nodeAt = (index: number): FakeNode => {
  const node = lattice.nodes[index]
  if (node === undefined) throw new RangeError(`no node ${index}`)
  return node
}

describe('a healthy lattice', () => {
  it('passes every check, with figures', async () => {
    nodeAt(0).write()
    const report = await verify()
    expect(badOf(report)).toEqual([])
    expect(report.verdict).toBe('PASS')
    expect(report.checks.map(({ id }) => id).toSorted()).toEqual(
      checkIds.filter((id) => id !== 'history').toSorted(),
    )
    expect(report.unchecked).toEqual([
      { id: 'history', reason: expect.stringContaining('first run') },
    ])
    expect(report.nodes).toHaveLength(3)
    for (const node of report.nodes) {
      expect(node).toMatchObject({ reachable: true, entries: 4, mode: 'P2P', release: RELEASE })
      expect(node.merkle_root).toBe(report.nodes[0]?.merkle_root)
    }
    for (const { summary } of report.checks) expect(summary).toMatch(/^[A-Z0-9].*\.$/)
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    expect(report.took_ms).toBeLessThan(2000)
  })

  it('passes the second run, held to the first', async () => {
    const saved = nextCheckpoints(lattice.desired, await verify(), null)
    nodeAt(1).write()
    const report = await verify({ saved })
    expect(verdictsOf(report)['history']).toBe('PASS')
    expect(report.verdict).toBe('PASS')
    expect(report.unchecked).toEqual([])
  })

  it('without P2P by configuration passes over HTTP, and says what it did not probe', async () => {
    await closeClients(clients)
    await lattice.stop()
    await start({ isP2pEnabled: false })
    const report = await verify()
    expect(report.verdict).toBe('PASS')
    expect(report.unchecked.map(({ id }) => id)).toContain('edges.p2p')
    const probed = lattice.nodes.flatMap((node) =>
      node.requests.filter(({ line }) => line.includes('probe')),
    )
    expect(probed).toHaveLength(6)
  })

  it('without a token is UNKNOWN, never PASS', async () => {
    await closeClients(clients)
    await lattice.stop()
    await start({ submit: 'token' })
    await closeClients(clients)
    clients = clientsOf(lattice.desired, null)
    const report = await verify()
    expect(report.verdict).toBe('UNKNOWN')
    expect(verdictsOf(report)).toMatchObject({
      edges: 'UNKNOWN',
      canary: 'UNKNOWN',
      identity: 'PASS',
    })
    const canary = report.checks.find(({ id }) => id === 'canary')
    expect(canary?.summary).toContain('token')
  })

  it('of no nodes is UNKNOWN', async () => {
    const report = await verifyTriangle({
      lattice: { ...lattice.desired, nodes: [], members: [] },
      clients: [],
      expectedRelease: null,
      saved: null,
      signal: never,
    })
    expect(report.verdict).toBe('UNKNOWN')
  })
})

const html = (node: FakeNode): void => {
  node.instead.set('*', (_request, response) =>
    response.setHeader('content-type', 'text/html').end('<h1>Welcome!</h1>'),
  )
}

/** What is broken, how, and the checks that must say so. */
const faults: [string, () => unknown, CheckId[]][] = [
  ['a node that is down', async () => nodeAt(1).close(), ['operator']],
  ['a node that answers HTML with 200', () => html(nodeAt(2)), ['identity', 'operator']],
  [
    'another lattice’s key',
    () => {
      nodeAt(1).replica.key = keyOf('stranger')
    },
    ['identity'],
  ],
  [
    'a process that answers at two URLs',
    () => {
      nodeAt(2).instead.set('*', (request, response, body) => {
        const path = new URL(request.url ?? '/', 'http://x').pathname
        if (path === paths.attest) nodeAt(1).attest(response, body)
        else sendJson(response, 200, nodeAt(1).health())
      })
    },
    ['identity'],
  ],
  [
    'one process instance under two keys',
    () => {
      nodeAt(2).replica.instance = nodeAt(1).replica.instance
    },
    ['identity'],
  ],
  [
    'two nodes on one data directory',
    () => {
      nodeAt(2).replica.dataLocation = nodeAt(0).replica.dataLocation
    },
    ['data'],
  ],
  [
    'a copied data directory',
    () => {
      nodeAt(2).replica.incarnation = nodeAt(0).replica.incarnation
    },
    ['data'],
  ],
  [
    'a store edited behind the node’s back',
    () => {
      const { replica } = nodeAt(1)
      const { author } = nodeAt(0).write().entry
      const forger = new FakeReplica('node1', replica.lattice)
      const forged = [forger.write({ kind: 'noop', note: 'edited' })]
      // It signs what it remembers and gives away what is on its disk.
      nodeAt(1).instead.set(paths.sync, (_request, response, body) => {
        const remembered = replica.log.get(author) ?? []
        replica.log.set(author, [...forged, ...remembered.slice(1)])
        nodeAt(1).sync(response, body)
        replica.log.set(author, remembered)
      })
    },
    ['recompute'],
  ],
  [
    'a corrupt store',
    () =>
      nodeAt(0).instead.set(paths.integrity, (_request, response) =>
        sendJson(response, 200, {
          success: false,
          is_valid: false,
          status: 'CORRUPTED',
          merkle_root: null,
          message: 'entry 7 differs',
          entries_checked: 7,
          age_ms: 0,
        }),
      ),
    ['integrity'],
  ],
  [
    'a clock that is off',
    () => {
      nodeAt(2).clockOffsetMs = -2000
    },
    ['clock'],
  ],
  [
    'another release',
    () => {
      nodeAt(0).replica.release = 'rffffffffffff'
    },
    ['releases'],
  ],
  [
    'other settings',
    () => {
      nodeAt(0).replica.configDigest = 'f'.repeat(64)
    },
    ['config-digest'],
  ],
  [
    'a node that the others cannot reach',
    () => {
      nodeAt(1).probeLies = { result: 'failed', error: 'connection refused', live: false }
    },
    ['edges'],
  ],
  [
    'a P2P lung that is off against its configuration',
    () => {
      nodeAt(1).probeLies = { result: 'off', live: false }
    },
    ['edges'],
  ],
  [
    'a node that found a difference',
    () => {
      nodeAt(0).healthLies = { diverged: true }
    },
    ['split-view'],
  ],
  [
    'a node that signs another root',
    () => {
      nodeAt(0).lies = { root: 'e'.repeat(64) }
    },
    ['roots', 'recompute', 'split-view'],
  ],
  [
    'a node that makes another state of the same entries',
    () => {
      nodeAt(0).lies = { stateRoot: 'e'.repeat(64) }
    },
    ['roots'],
  ],
  [
    'a foreign entry in a log',
    () => {
      const stranger = new FakeNode('stranger', lattice.desired.id)
      const entry = stranger.replica.write()
      for (const node of lattice.nodes) node.replica.take(entry)
    },
    ['recompute'],
  ],
]

describe('never PASS for', () => {
  it.each(faults)('%s', async (_what, breakIt, expected) => {
    await breakIt()
    const report = await verify()
    expect(report.verdict).toBe('FAIL')
    const failed = report.checks.filter(({ verdict }) => verdict === 'FAIL').map(({ id }) => id)
    expect(failed).toEqual(expect.arrayContaining(expected))
    const told = report.checks.filter(({ id }) => expected.includes(id))
    for (const { summary } of told) expect(summary).toMatch(/node[123]|lattice/)
  })

  const answerNull = (path: string, value: object): void =>
    void nodeAt(0).instead.set(path, (_request, response) => sendJson(response, 200, value))
  const nullRoots: [string, () => void, CheckId][] = [
    [
      'of the state',
      () =>
        answerNull(paths.state, {
          success: true,
          merkle_root: null,
          state_root: null,
          state: {},
          state_size: 0,
          total: 0,
          signed: false,
        }),
      'roots',
    ],
    [
      'of the store',
      () =>
        answerNull(paths.integrity, {
          success: true,
          is_valid: true,
          status: 'VALID',
          merkle_root: null,
          message: '',
          entries_checked: 100,
          age_ms: 0,
        }),
      'integrity',
    ],
  ]
  it.each(nullRoots)('a null root %s', async (_what, breakIt, id) => {
    breakIt()
    const report = await verify()
    expect(report.verdict).toBe('UNKNOWN')
    expect(verdictsOf(report)[id]).toBe('UNKNOWN')
  })

  it('a node cut off from the others', async () => {
    nodeAt(2).cutOff.add('node1').add('node2')
    const report = await verify()
    expect(report.verdict).toBe('FAIL')
    expect(verdictsOf(report)).toMatchObject({
      canary: 'FAIL',
      identity: 'PASS',
      roots: 'UNKNOWN',
      'split-view': 'UNKNOWN',
    })
  })

  it('a history that was rolled back, or rewritten', async () => {
    nodeAt(0).write()
    nodeAt(0).write()
    const saved = nextCheckpoints(lattice.desired, await verify(), null)
    const before = nodeAt(0).replica.log.get(nodeAt(0).replica.author) ?? []
    for (const node of lattice.nodes)
      node.replica.log.set(nodeAt(0).replica.author, before.slice(0, 1))
    const rolledBack = await verify({ saved })
    expect(verdictsOf(rolledBack)['history']).toBe('FAIL')
    expect(rolledBack.checks.find(({ id }) => id === 'history')?.summary).toContain('rolled back')
    // What was lost is not forgiven by looking at it once.
    expect(nextCheckpoints(lattice.desired, rolledBack, saved)).toEqual(saved)

    for (const node of lattice.nodes) node.replica.log.delete(nodeAt(0).replica.author)
    for (let count = 0; count < 9; count++) {
      const entry = nodeAt(0).replica.write({ kind: 'noop', note: 'rewritten' })
      for (const peer of nodeAt(0).peers) peer.replica.take(entry)
    }
    const rewritten = await verify({ saved })
    expect(verdictsOf(rewritten)['history']).toBe('FAIL')
    expect(rewritten.checks.find(({ id }) => id === 'history')?.summary).toContain('rewritten')
  })
})

it('ends with the caller’s reason when it is aborted', async () => {
  for (const node of lattice.nodes) node.instead.set(paths.attest, () => {})
  const controller = new AbortController()
  const reason = new Error('enough')
  setTimeout(() => controller.abort(reason), 30)
  const verifying = verifyTriangle({
    lattice: lattice.desired,
    clients,
    expectedRelease: null,
    saved: null,
    signal: controller.signal,
  })
  await expect(verifying).rejects.toBe(reason)
})
