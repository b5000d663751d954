import { afterEach, expect, test } from 'vitest'
import { stateAnswer, verifyAnswer } from '../../src/wire/api.ts'
import { Cluster } from './cluster.ts'

const TRANSFER = 'intent transfer { from: Alice, to: Bob, amount: 100 }'

let cluster: Cluster | undefined
afterEach(() => cluster?.stop())

test.for([
  { isP2pEnabled: true, transport: 'P2P' as const, limitMs: 1000 },
  { isP2pEnabled: false, transport: 'HTTP' as const, limitMs: 2000 },
])(
  'a transfer changes the root of all nodes over $transport within $limitMs ms',
  async ({ isP2pEnabled, transport, limitMs }) => {
    cluster = await Cluster.start({ isP2pEnabled })
    await cluster.meshed(transport, 10_000)
    const before = await cluster.converged(1000)

    const answer = verifyAnswer.parse(await cluster.node(0).post('/api/verify', { code: TRANSFER }))
    expect(answer).toMatchObject({ success: true, status: 'PROVED', errors: null })
    const after = await cluster.converged(limitMs)

    expect(after).not.toBe(before)
    expect(after).toBe(answer.merkle_root)
    for (const node of cluster.nodes) {
      const state = stateAnswer.parse(await node.get('/api/lattice/state'))
      expect(state).toMatchObject({ state: { Alice: 999_900, Bob: 1_000_100 }, total: 2_000_000 })
    }
  },
)

test('a node that was away for the writes fetches them when it starts', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P', 10_000)
  await cluster.node(2).end('SIGTERM')
  for (let count = 0; count < 20; count++)
    await cluster.node(count % 2).post('/api/verify', { code: TRANSFER })
  await cluster.node(2).start()
  await cluster.converged(2000)
  const health = await cluster.node(2).health()
  expect(health.ledger.entries).toBe(20)
})

test('a node that lost its disk comes back from its peers as another incarnation', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P', 10_000)
  for (const node of cluster.nodes) await node.post('/api/verify', { code: TRANSFER })
  const root = await cluster.converged(2000)
  const lost = cluster.node(1)
  await lost.end('SIGKILL')
  lost.wipe()
  await lost.start()
  expect(await cluster.converged(3000)).toBe(root)
  await lost.post('/api/verify', { code: TRANSFER })
  await cluster.converged(2000)
  expect(Object.keys((await lost.health()).ledger.frontier)).toHaveLength(4)
})
