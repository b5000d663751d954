import { afterEach, beforeEach, expect, it } from 'vitest'
import { startFakeLattice } from '../client/fakes/fake-lattice.ts'
import type { FakeNode } from '../client/fakes/fake-node.ts'
import { keyOf } from '../client/fakes/fake-replica.ts'
import { clientsOf, closeClients, type NodeClient } from '../client/node-client.ts'
import { statusOf, type LatticeStatus } from './status.ts'

let lattice: Awaited<ReturnType<typeof startFakeLattice>>
let clients: NodeClient[]

beforeEach(async () => {
  lattice = await startFakeLattice(3)
  clients = clientsOf(lattice.desired, null)
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

const look = async (): Promise<LatticeStatus> =>
  statusOf({ lattice: lattice.desired, clients, signal: new AbortController().signal })

it('shows every node and a healthy network', async () => {
  nodeAt(1).write()
  const { network, nodes } = await look()
  expect(network).toMatchObject({ state: 'resilient-hybrid', verdict: 'PASS' })
  expect(nodes.map(({ name }) => name)).toEqual(['node1', 'node2', 'node3'])
  expect(nodes[0]).toMatchObject({
    reachable: true,
    error: null,
    release: 'r0123456789ab',
    mode: 'P2P',
    policy: 'auto',
    peers: { connected: 2, total: 2 },
    entries: 1,
    merkle_root: nodeAt(0).replica.rootAt(nodeAt(0).replica.frontier())?.slice(0, 12),
    uptime_ms: 1000,
    pid: 1,
  })
})

it('shows nothing of a node that is down, another, or a page', async () => {
  await nodeAt(0).close()
  nodeAt(1).replica.key = keyOf('stranger')
  nodeAt(2).instead.set('*', (_request, response) =>
    response.setHeader('content-type', 'text/html').end('<h1>hello</h1>'),
  )
  const { network, nodes } = await look()
  expect(network).toMatchObject({ state: 'unknown', verdict: 'UNKNOWN' })
  for (const node of nodes) {
    expect(node).toMatchObject({
      reachable: false,
      error: expect.stringContaining(node.name),
      hint: expect.stringMatching(/./),
      release: null,
      merkle_root: null,
      entries: null,
      pid: null,
    })
  }
})

it('never calls a lattice whole with a node missing, unhealthy or diverged', async () => {
  nodeAt(2).healthLies = { diverged: true }
  expect((await look()).network.state).toBe('diverged')
  nodeAt(2).healthLies = { overall: 'unhealthy' }
  expect((await look()).network.state).toBe('degraded')
  await nodeAt(2).close()
  expect((await look()).network).toMatchObject({ state: 'degraded', verdict: 'FAIL' })
})

it('does not believe the health of another process', async () => {
  const honest = nodeAt(0).health()
  nodeAt(0).healthLies = { node: { ...honest.node, instance: 'f'.repeat(16) } }
  expect((await look()).nodes[0]).toMatchObject({ reachable: false, merkle_root: null })
})

it('is not resilient while a node lacks for long what a peer has signed', async () => {
  const sync = { ...nodeAt(1).health().sync, behind_ms: 20_000 }
  nodeAt(1).healthLies = { sync }
  const { network } = await look()
  expect(network).toMatchObject({ state: 'degraded', verdict: 'FAIL' })
})
