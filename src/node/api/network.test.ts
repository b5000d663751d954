import { expect, test } from 'vitest'
import { networkAnswer, type PeerView } from '../../wire/api.ts'
import { paths, type SyncMode } from '../../wire/protocol.ts'
import { networkVerdict } from '../../wire/verdict.ts'
import { names } from './lattice.fixture.ts'
import { evidenceOf } from './network.ts'
import { serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

interface Situation {
  transports: Record<string, SyncMode>
  active?: SyncMode
  policy?: 'auto' | 'p2p' | 'http'
  overrides?: Record<string, string>
  change?: (node: FakeNode) => void
}

const both = (mode: SyncMode): Record<string, SyncMode> => ({ beta: mode, gamma: mode })

test.each<[string, Situation, string, string]>([
  [
    'everything over P2P',
    { transports: both('P2P') },
    'resilient-hybrid',
    'Network Status: 🟢 Resilient (Hybrid Mode)',
  ],
  [
    'P2P lost, HTTP serves',
    { transports: both('HTTP'), active: 'HTTP' },
    'resilient-fallback',
    'Network Status: 🟡 Resilient (HTTP Fallback)',
  ],
  [
    'one peer over HTTP',
    { transports: { beta: 'P2P', gamma: 'HTTP' } },
    'resilient-fallback',
    'Network Status: 🟡 Resilient (HTTP Fallback)',
  ],
  [
    'HTTP by policy',
    { transports: both('HTTP'), active: 'HTTP', policy: 'http' },
    'resilient-http',
    'Network Status: 🟢 Resilient (HTTP only, by configuration)',
  ],
  [
    'HTTP by configuration',
    {
      transports: both('HTTP'),
      active: 'HTTP',
      overrides: { AETHEL_P2P_ENABLED: 'false' },
    },
    'resilient-http',
    'Network Status: 🟢 Resilient (HTTP only, by configuration)',
  ],
  [
    'a peer lost',
    { transports: { beta: 'P2P', gamma: 'NONE' } },
    'degraded',
    'Network Status: 🟠 Degraded (2 of 3 nodes answer, 1 fully connected)',
  ],
  [
    'a peer that is not there at all',
    {
      transports: both('P2P'),
      change: (node) => {
        const health = node.health()
        node.health = () => ({ ...health, peers: health.peers.slice(0, 1) })
      },
    },
    'degraded',
    'Network Status: 🟠 Degraded (2 of 3 nodes answer, 2 fully connected)',
  ],
  [
    'a peer last heard of a minute ago',
    {
      transports: both('P2P'),
      change: (node) => {
        const health = node.health()
        const peers = health.peers.map((peer) => ({
          ...peer,
          p2p: { ...peer.p2p, heard_ago_ms: 61_000 },
        }))
        node.health = () => ({ ...health, peers })
      },
    },
    'degraded',
    'Network Status: 🟠 Degraded (1 of 3 nodes answer, 1 fully connected)',
  ],
  [
    'HTTP that failed at the last attempt',
    {
      transports: both('HTTP'),
      active: 'HTTP',
      change: (node) => {
        const health = node.health()
        const [beta, gamma] = health.peers as [PeerView, PeerView]
        const failing = {
          ...gamma,
          http: { ...gamma.http, state: 'failing' as const, failures: 1 },
        }
        node.health = () => ({ ...health, peers: [beta, failing] })
      },
    },
    'degraded',
    'Network Status: 🟠 Degraded (2 of 3 nodes answer, 1 fully connected)',
  ],
  [
    'nobody reached',
    { transports: both('NONE'), active: 'NONE' },
    'not-syncing',
    'Network Status: 🔴 Not Syncing',
  ],
  [
    'roots that differ',
    { transports: both('P2P'), change: (node) => (node.isDiverged = true) },
    'diverged',
    'Network Status: 🔴 Diverged',
  ],
  [
    'a store that accepts nothing',
    { transports: both('P2P'), change: (node) => (node.refusalReason = 'corrupt') },
    'degraded',
    'Network Status: 🟠 Degraded (3 of 3 nodes answer, 2 fully connected)',
  ],
  [
    'an unhealthy node',
    { transports: both('P2P'), change: (node) => (node.overall = 'unhealthy') },
    'degraded',
    'Network Status: 🟠 Degraded (3 of 3 nodes answer, 2 fully connected)',
  ],
])('%s', async (_name, situation, state, text) => {
  const node = new FakeNode(situation.overrides)
  node.peerTransports = situation.transports
  node.active = situation.active ?? 'P2P'
  node.policy = situation.policy ?? 'auto'
  situation.change?.(node)
  const { get } = await serve(node)
  const answer = networkAnswer.parse(await (await get(paths.network)).json())
  expect(answer).toMatchObject({ state, text, served_by: 'alpha' })
  expect(answer.verdict).toBe(state.startsWith('resilient') ? 'PASS' : 'FAIL')
  expect(answer.basis).toContain('alpha')
})

test('one peer’s other root is enough, though the node has not yet concluded', () => {
  const health = new FakeNode().health()
  const peers = health.peers.map((peer, index) => ({ ...peer, root_match: index !== 0 }))
  const evidence = evidenceOf({ ...health, peers }, true)
  expect(networkVerdict(names, evidence).state).toBe('diverged')
})
