import { afterEach, expect, test } from 'vitest'
import { Cluster, NOTICE_MS_MAX, until } from './cluster.ts'
import { missingFrom, Writer } from './load.ts'

let cluster: Cluster | undefined
let writers: Writer[] = []
afterEach(async () => {
  await Promise.all(writers.map((writer) => writer.stop()))
  writers = []
  await cluster?.stop()
})

test.for(['silent', 'closed'] as const)(
  'two nodes cut (%s) from the third, writes on both sides, healed: one root, all entries',
  async (how) => {
    cluster = await Cluster.start()
    const all = cluster
    await all.meshed('P2P')
    const alone = all.node(2)
    const pair = [all.node(0), all.node(1)]
    for (const node of pair) all.link(alone, node, 'both', how)
    await until(
      'the cut is noticed',
      NOTICE_MS_MAX,
      async () => (await alone.health()).sync.active === 'NONE',
    )

    writers = all.nodes.map((node) => new Writer(node, 20))
    await until('writes on both sides', NOTICE_MS_MAX, () =>
      writers.every((writer) => writer.acknowledged.length >= 20),
    )
    const acknowledged = (await Promise.all(writers.map((writer) => writer.stop()))).flat()
    const roots = await Promise.all(
      all.nodes.map(async (node) => (await node.health()).ledger.merkle_root),
    )
    expect(roots[2]).not.toBe(roots[0])

    for (const node of pair) all.link(alone, node, 'both', 'open')
    await all.converged()
    for (const node of all.nodes) expect(await missingFrom(node, acknowledged)).toEqual([])
    const healths = await Promise.all(all.nodes.map((node) => node.health()))
    expect(new Set(healths.map((health) => health.ledger.state_root)).size).toBe(1)
    expect(healths.every((health) => !health.diverged)).toBe(true)
  },
)

test('one pair without P2P exchanges over HTTP while the rest stays on P2P', async () => {
  cluster = await Cluster.start()
  await cluster.meshed('P2P')
  const [one, two] = [cluster.node(0), cluster.node(1)]
  cluster.link(one, two, 'p2p', 'silent')
  let served: string[] = []
  await until('HTTP serves the pair alone', NOTICE_MS_MAX, async () => {
    const { peers, sync } = await one.health()
    served = [sync.active, ...peers.map((peer) => `${peer.name} ${peer.transport}`)]
    return served.includes(`${two.name} HTTP`) && served.includes('node3 P2P')
  })
  expect(served).toEqual(['P2P', 'node2 HTTP', 'node3 P2P'])
})
