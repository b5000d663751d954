import type { Health, PeerView } from '../../wire/api.ts'
import { frontierObject, type Frontier } from '../../wire/frontier.ts'
import type { SyncMode, SyncPolicy } from '../../wire/protocol.ts'
import { peerOf, urlOf } from './lattice.fixture.ts'
import type { Settings } from '../../wire/settings.ts'
import type { NodeIdentity } from '../service.ts'

/** What a test set of a fake node. */
interface Claims {
  settings: Settings
  identity: NodeIdentity
  overall: Health['overall']
  policy: SyncPolicy
  active: SyncMode
  reason: string
  revertsInMs: number | null
  isDiverged: boolean
  peerTransports: Readonly<Record<string, SyncMode>>
  refusalReason: string | null
  armed: { endsInMs: number } | null
  entryCount: number
  merkleRoot: string | null
  stateRoot: string | null
  balances: () => ReadonlyMap<string, number>
  frontier: () => Frontier
}

/** The health that such a node claims. */
export function healthOf(node: Claims): Health {
  const component = (message: string): Health['components']['p2p'] => ({
    status: 'pass',
    message,
    since_ms: 60_000,
  })
  return {
    success: true,
    overall: node.overall,
    unhealthy_components: node.overall === 'healthy' ? [] : ['p2p'],
    node: {
      name: 'alpha',
      peer_id: node.identity.peerId,
      instance: node.identity.instance,
      release: node.identity.release,
      version: node.identity.version,
      lattice: node.identity.latticeId,
      config_digest: node.identity.configDigest,
      uptime_ms: 61_000,
      pid: 4711,
    },
    sync: {
      policy: node.policy,
      configured_policy: 'auto',
      reverts_in_ms: node.revertsInMs,
      active: node.active,
      reason: node.reason,
      since_ms: 60_000,
      p2p_enabled: node.settings.p2pEnabled,
      transitions: 1,
      last_sync_ago_ms: 900,
      last_failover_ms: null,
      behind_ms: null,
    },
    heartbeat: { active: true, interval_ms: 5000, age_ms: 1200 },
    ledger: {
      merkle_root: node.merkleRoot,
      state_root: node.stateRoot,
      frontier: frontierObject(node.frontier()),
      entries: node.entryCount,
      accounts: node.balances().size,
      rejected: 0,
      pending_final: 0,
      last_entry_ago_ms: node.entryCount === 0 ? null : 5000,
    },
    diverged: node.isDiverged,
    peers: ['beta', 'gamma'].map((name) => peerView(name, node)),
    components: {
      p2p: node.settings.p2pEnabled
        ? component('2 of 2 peers')
        : { ...component('switched off by configuration'), status: 'off' },
      http_sync: component('standing by'),
      heartbeat: component('every 5 s'),
      persistence:
        node.refusalReason === null
          ? component('every commit is on the disk')
          : { ...component(node.refusalReason), status: 'fail' },
    },
    fault: node.armed === null ? null : { kind: 'p2p-stop', ends_in_ms: node.armed.endsInMs },
  }
}

function peerView(name: string, node: Claims): PeerView {
  const transport = node.peerTransports[name] ?? 'NONE'
  const isP2p = transport === 'P2P'
  const isHttp = transport === 'HTTP'
  return {
    name,
    peer_id: peerOf(name),
    url: urlOf(name),
    transport,
    p2p: {
      state: isP2p ? 'alive' : 'dead',
      heard_ago_ms: isP2p ? 800 : 70_000,
      rtt_ms: isP2p ? 1.5 : null,
      address: isP2p ? `/dns4/${name}.example.test/tcp/9000` : null,
    },
    http: {
      state: isHttp ? 'ok' : isP2p ? 'idle' : 'failing',
      ok_ago_ms: isHttp ? 400 : null,
      failures: transport === 'NONE' ? 3 : 0,
      rtt_ms: isHttp ? 4 : null,
      error: transport === 'NONE' ? 'ECONNREFUSED' : null,
    },
    entries: node.entryCount,
    checkpoint_age_ms: 800,
    root_match: node.isDiverged ? false : transport === 'NONE' ? null : true,
  }
}
