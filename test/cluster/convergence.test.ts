import { afterEach, expect, test } from 'vitest'
import { stateAnswer, verifyAnswer } from '../../src/wire/api.ts'
import { Cluster } from './cluster.ts'
import { Metronome } from './metronome.ts'

const TRANSFER = 'intent transfer { from: Alice, to: Bob, amount: 100 }'

let cluster: Cluster | undefined
afterEach(() => cluster?.stop())

/** Promised: one root on all nodes so soon after the last write, in either mode. */
const ROOT_MS_MAX = 5000

test.for([
  { isP2pEnabled: true, transport: 'P2P' as const },
  { isP2pEnabled: false, transport: 'HTTP' as const },
])(
  `a transfer changes the root of all nodes over $transport within ${ROOT_MS_MAX} ms`,
  async ({ isP2pEnabled, transport }) => {
    cluster = await Cluster.start({ isP2pEnabled })
    await cluster.meshed(transport)
    const before = await cluster.converged()

    const answer = verifyAnswer.parse(await cluster.node(0).post('/api/verify', { code: TRANSFER }))
    expect(answer).toMatchObject({ success: true, status: 'PROVED', errors: null })
    using metronome = new Metronome(cluster.nodes)
    const writtenMs = performance.now()
    const after = await cluster.converged()
    expect(performance.now() - writtenMs).toBeLessThan(metronome.allowanceMs(ROOT_MS_MAX))

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
  await cluster.meshed('P2P')
  await cluster.node(2).end('SIGTERM')
  for (let count = 0; count < 20; count++)
    await cluster.node(count % 2).post('/api/verify', { code: TRANSFER })
  await cluster.node(2).start()
  await cluster.converged()
  const health = await cluster.node(2).health()
  expect(health.ledger.entries).toBe(20)
})

test('a node that lost its disk comes back from its peers as another incarnation', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P')
  for (const node of cluster.nodes) await node.post('/api/verify', { code: TRANSFER })
  const root = await cluster.converged()
  const lost = cluster.node(1)
  await lost.end('SIGKILL')
  lost.wipe()
  await lost.start()
  expect(await cluster.converged()).toBe(root)
  await lost.post('/api/verify', { code: TRANSFER })
  await cluster.converged()
  expect(Object.keys((await lost.health()).ledger.frontier)).toHaveLength(4)
})
