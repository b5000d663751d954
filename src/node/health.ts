import type { Health, PeerView } from '../wire/api.ts'
import { frontierObject, totalOf } from '../wire/frontier.ts'
import type { Member } from '../wire/lattice.ts'
import type { Settings } from '../wire/settings.ts'
import { BEHIND_AFTER_MS } from '../wire/verdict.ts'
import type { PeerLife } from './lungs/p2p/index.ts'
import type { Core } from './replica/core.ts'
import type { NodeIdentity } from './service.ts'

/** What the health of a node is made of, as values. Times are monotonic milliseconds. */
export interface HealthInput {
  settings: Settings
  identity: NodeIdentity
  others: readonly Member[]
  /** Null: the store could not be used. */
  core: Core | null
  refusalReason: string | null
  lives: readonly PeerLife[]
  p2pError: string | null
  isP2pRunning: boolean
  startedAtMs: number
  heartbeatAtMs: number | null
  policyRevertAtMs: number | null
  lastEntryAtMs: number | null
  p2pStopEndsAtMs: number | null
  nowMs: number
  pid: number
}

type Component = Health['components']['p2p']

/** The node's own health: what it knows of itself and sees of its peers. Pure. */
export function healthOf(input: HealthInput): Health {
  const { core, settings, nowMs } = input
  const components = componentsOf(input)
  const isSound = input.refusalReason === null
  const behindMs = behindMsOf(input)
  const unhealthy = Object.entries(components)
    .filter(([, component]) => component.status === 'fail' || component.status === 'warn')
    .map(([name]) => name)
  const isFailed =
    components.persistence.status === 'fail' ||
    (input.others.length > 0 && core?.exchange.mode.active === 'NONE')
  const mode = core?.exchange.mode ?? {
    active: 'NONE' as const,
    reason: input.refusalReason ?? 'not started',
    sinceMs: input.startedAtMs,
  }
  const frontier = core?.logs.frontier() ?? new Map<string, number>()
  return {
    success: true,
    overall: isFailed
      ? 'unhealthy'
      : unhealthy.length > 0 || (core?.isDiverged ?? false)
        ? 'degraded'
        : 'healthy',
    unhealthy_components: unhealthy,
    node: {
      name: input.identity.name,
      peer_id: input.identity.peerId,
      instance: input.identity.instance,
      release: input.identity.release,
      version: input.identity.version,
      lattice: input.identity.latticeId,
      config_digest: input.identity.configDigest,
      uptime_ms: nowMs - input.startedAtMs,
      pid: input.pid,
    },
    sync: {
      policy: core?.exchange.policy ?? settings.syncPolicy,
      configured_policy: settings.syncPolicy,
      reverts_in_ms:
        input.policyRevertAtMs === null ? null : Math.max(0, input.policyRevertAtMs - nowMs),
      active: mode.active,
      reason: mode.reason,
      since_ms: nowMs - mode.sinceMs,
      p2p_enabled: settings.p2pEnabled,
      transitions: core?.exchange.transitions.values().reduce((sum, count) => sum + count, 0) ?? 0,
      last_sync_ago_ms: ago(core?.exchange.lastSyncAtMs ?? null, nowMs),
      last_failover_ms: core?.exchange.lastFailoverMs ?? null,
      behind_ms: behindMs,
    },
    heartbeat: {
      active: components.heartbeat.status !== 'fail',
      interval_ms: settings.heartbeatMs,
      age_ms: ago(input.heartbeatAtMs, nowMs),
    },
    ledger: {
      merkle_root: isSound ? (core?.logs.root() ?? null) : null,
      state_root: isSound ? (core?.ledger.accounts.root() ?? null) : null,
      frontier: frontierObject(frontier),
      entries: totalOf(frontier),
      accounts: core?.ledger.accounts.size ?? 0,
      rejected: core?.ledger.rejectedCount ?? 0,
      pending_final: core?.ledger.pendingFinal ?? 0,
      last_entry_ago_ms: ago(input.lastEntryAtMs, nowMs),
    },
    diverged: core?.isDiverged ?? false,
    peers: input.others.map((member) => peerViewOf(member, input)),
    components,
    fault:
      input.p2pStopEndsAtMs === null
        ? null
        : { kind: 'p2p-stop', ends_in_ms: Math.max(0, input.p2pStopEndsAtMs - nowMs) },
  }
}

/** For how long some peer has held what we lack; null: we lack nothing that anyone signed for. */
function behindMsOf({ core, others, nowMs }: HealthInput): number | null {
  const sinceMs = others.flatMap(({ peerId }) => core?.peers.aheadSinceMs(peerId) ?? [])
  return sinceMs.length === 0 ? null : Math.max(0, nowMs - Math.min(...sinceMs))
}

const ago = (atMs: number | null, nowMs: number): number | null =>
  atMs === null ? null : Math.max(0, nowMs - atMs)

function peerViewOf(member: Member, { core, lives, isP2pRunning, nowMs }: HealthInput): PeerView {
  const exchange = core?.exchange.peer(member.peerId)
  const record = core?.peers.recordOf(member.peerId)
  const life = lives.find((one) => one.peerId === member.peerId)
  const http = exchange?.http
  return {
    name: member.name,
    peer_id: member.peerId,
    url: member.url,
    transport: core?.exchange.transportOf(member.peerId, nowMs) ?? 'NONE',
    p2p: {
      state: isP2pRunning ? (life?.state ?? 'dead') : 'off',
      heard_ago_ms: life?.lastHeardAgoMs ?? null,
      rtt_ms: life?.rttMs ?? null,
      address: life?.remoteAddress ?? null,
    },
    http: {
      state:
        http === undefined || !http.isWatched
          ? 'idle'
          : http.failures > 0 || http.okAtMs === null
            ? 'failing'
            : 'ok',
      ok_ago_ms: ago(http?.provenAtMs ?? http?.okAtMs ?? null, nowMs),
      failures: http?.failures ?? 0,
      rtt_ms: http?.rttMs ?? null,
      error: http?.error ?? null,
    },
    entries: core?.peers.entriesOf(member.peerId) ?? null,
    checkpoint_age_ms: ago(record?.receivedMonoMs ?? null, nowMs),
    root_match: record?.isMatch ?? null,
  }
}

function componentsOf(input: HealthInput): Health['components'] {
  const { core, settings, nowMs } = input
  const sinceStart = nowMs - input.startedAtMs
  const say = (status: Component['status'], message: string, sinceMs = sinceStart): Component => ({
    status,
    message,
    since_ms: sinceMs,
  })
  const transports = input.others.map(
    (member) => core?.exchange.transportOf(member.peerId, nowMs) ?? 'NONE',
  )
  const count = (transport: string): number => transports.filter((one) => one === transport).length
  const policy = core?.exchange.policy ?? settings.syncPolicy
  const modeSinceMs = core === null ? sinceStart : nowMs - core.exchange.mode.sinceMs
  const served = transports.length - count('NONE')

  const p2p = (): Component => {
    if (!settings.p2pEnabled) return say('off', 'switched off by configuration')
    if (policy === 'http') return say('off', 'policy is http')
    if (input.p2pError !== null) return say('warn', `did not start: ${input.p2pError}`)
    if (count('P2P') === transports.length)
      return say('pass', `${count('P2P')} of ${transports.length} peers`, modeSinceMs)
    return say('warn', `${count('P2P')} of ${transports.length} peers`, modeSinceMs)
  }
  const http = (): Component => {
    if (policy === 'p2p') return say('off', 'policy is p2p')
    if (count('P2P') === transports.length) return say('pass', 'standing by', modeSinceMs)
    const uncovered = count('NONE')
    return uncovered === 0
      ? say('pass', `serves ${count('HTTP')} of ${transports.length} peers`, modeSinceMs)
      : say(
          served === 0 ? 'fail' : 'warn',
          `${uncovered} of ${transports.length} peers do not answer`,
          modeSinceMs,
        )
  }
  const heartbeatAge = ago(input.heartbeatAtMs, nowMs)
  const behindMs = behindMsOf(input) ?? 0
  const heartbeat = (): Component => {
    if (behindMs >= BEHIND_AFTER_MS) {
      const forS = Math.round(behindMs / 1000)
      return say(
        'warn',
        `peers have held entries that this node lacks or refuses for ${forS} s; compare the clocks`,
      )
    }
    return heartbeatAge !== null && heartbeatAge < settings.heartbeatMs * 2
      ? say('pass', `every ${settings.heartbeatMs / 1000} s`)
      : say(
          'fail',
          heartbeatAge === null ? 'none yet' : `last one ${Math.round(heartbeatAge)} ms ago`,
        )
  }
  return {
    p2p: p2p(),
    http_sync: http(),
    heartbeat: heartbeat(),
    persistence:
      input.refusalReason === null
        ? say('pass', 'every commit is on the disk')
        : say('fail', input.refusalReason),
  }
}
