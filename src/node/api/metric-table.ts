import { Counter, Gauge } from 'prom-client'
import type { Health } from '../../wire/api.ts'
import { syncModes } from '../../wire/protocol.ts'
import type { Counters } from '../service.ts'
import { METRIC_SERIES_MAX } from './limits.ts'

type Sample = { labels?: Record<string, string>; value: number | null }
type Observed = {
  health: Health
  counters: Counters
  nowS: number
  /** Seconds since a scrape first saw the divergence that is; 0 when there is none. */
  divergedForS: number
}

/** A metric that is read from the node at each scrape. A null value is left out: 0 would be a claim. */
interface Metric {
  name: string
  help: string
  type: typeof Gauge | typeof Counter
  labels?: readonly string[]
  read: (observed: Observed) => Sample[]
}

const one = (value: number | boolean | null): Sample[] => [
  { value: typeof value === 'boolean' ? Number(value) : value },
]

/** A map of counts; its keys are the label values, with a space, a colon or an arrow between them. */
const each = (counts: ReadonlyMap<string, number>, labels: readonly string[]): Sample[] =>
  counts
    .entries()
    .take(METRIC_SERIES_MAX)
    .map(([key, value]) => ({ labels: labelsOf(key, labels), value }))
    .toArray()

/** The last label takes all that is left. */
function labelsOf(key: string, labels: readonly string[]): Record<string, string> {
  const parts = key.split(/[→:\s]+/)
  const last = labels.length - 1
  return Object.fromEntries(
    labels.map((label, index) => [
      label,
      (index === last ? parts.slice(index).join(' ') : parts[index]) ?? '',
    ]),
  )
}

const secondsAgo = (ageMs: number | null, nowS: number): number | null =>
  ageMs === null ? null : nowS - ageMs / 1000

const secondsOf = (ms: number | null): number | null => (ms === null ? null : ms / 1000)

export const observedMetrics: readonly Metric[] = [
  {
    name: 'build_info',
    help: 'Always 1; the labels say what runs.',
    type: Gauge,
    labels: ['version', 'release', 'node'],
    read: ({ health: { node } }) => [
      { labels: { version: node.version, release: node.release, node: node.name }, value: 1 },
    ],
  },
  {
    name: 'uptime_seconds',
    help: 'Seconds since the process started.',
    type: Gauge,
    read: ({ health }) => one(health.node.uptime_ms / 1000),
  },
  {
    name: 'resident_memory_bytes',
    help: 'Memory of the process.',
    type: Gauge,
    read: () => one(process.memoryUsage.rss()),
  },
  {
    name: 'peers',
    help: 'Other members by what serves the exchange with them.',
    type: Gauge,
    labels: ['transport'],
    read: ({ health: { peers } }) =>
      syncModes.map((transport) => ({
        labels: { transport },
        value: peers.filter((peer) => peer.transport === transport).length,
      })),
  },
  {
    name: 'p2p_enabled',
    help: '1 when P2P is enabled by configuration.',
    type: Gauge,
    read: ({ health }) => one(health.sync.p2p_enabled),
  },
  {
    name: 'http_sync_enabled',
    help: '1 when the policy lets the node sync over HTTP.',
    type: Gauge,
    read: ({ health }) =>
      one(health.sync.policy !== 'p2p' && health.components.http_sync.status !== 'off'),
  },
  {
    name: 'sync_mode',
    help: '1 for the mode that is active, 0 for the others.',
    type: Gauge,
    labels: ['mode'],
    read: ({ health: { sync } }) =>
      syncModes.map((mode) => ({ labels: { mode }, value: Number(sync.active === mode) })),
  },
  {
    name: 'mode_transitions_total',
    help: 'Changes of the active mode.',
    type: Counter,
    labels: ['from', 'to', 'reason'],
    read: ({ counters }) => each(counters.modeTransitions, ['from', 'to', 'reason']),
  },
  {
    name: 'failover_duration_seconds',
    help: 'Failure to the first entry or proof applied over HTTP, of the latest failover.',
    type: Gauge,
    read: ({ health }) => one(secondsOf(health.sync.last_failover_ms)),
  },
  {
    name: 'last_sync_timestamp_seconds',
    help: 'When the last exchange with any peer succeeded.',
    type: Gauge,
    read: ({ health, nowS }) => one(secondsAgo(health.sync.last_sync_ago_ms, nowS)),
  },
  {
    name: 'heartbeat_timestamp_seconds',
    help: 'When the last heartbeat was sent.',
    type: Gauge,
    read: ({ health, nowS }) => one(secondsAgo(health.heartbeat.age_ms, nowS)),
  },
  {
    name: 'root_match',
    help: '1 when the roots at the common cut with the peer are equal, 0 when they differ.',
    type: Gauge,
    labels: ['peer'],
    read: ({ health: { peers } }) =>
      peers.map((peer) => ({
        labels: { peer: peer.name },
        value: peer.root_match === null ? null : Number(peer.root_match),
      })),
  },
  {
    name: 'divergence_seconds',
    help: 'Seconds since a scrape first saw roots that differ at a common cut; 0 when none do.',
    type: Gauge,
    read: ({ divergedForS }) => one(divergedForS),
  },
  {
    name: 'health',
    help: '1 for the overall health that holds, 0 for the others.',
    type: Gauge,
    labels: ['overall'],
    read: ({ health }) =>
      (['healthy', 'degraded', 'unhealthy'] as const).map((overall) => ({
        labels: { overall },
        value: Number(health.overall === overall),
      })),
  },
  {
    name: 'entries_total',
    help: 'Entries that the node holds, of all authors.',
    type: Counter,
    read: ({ health }) => one(health.ledger.entries),
  },
  {
    name: 'entries_appended_total',
    help: 'Entries written here since the start.',
    type: Counter,
    read: ({ counters }) => one(counters.entriesAppended),
  },
  {
    name: 'entries_received_total',
    help: 'Entries received since the start.',
    type: Counter,
    labels: ['transport'],
    read: ({ counters }) => each(counters.entriesReceived, ['transport']),
  },
  {
    name: 'entries_refused_total',
    help: 'Entries and messages refused since the start.',
    type: Counter,
    labels: ['reason'],
    read: ({ counters }) => each(counters.entriesRefused, ['reason']),
  },
  {
    name: 'received_bytes_total',
    help: 'Bytes of entries received since the start.',
    type: Counter,
    labels: ['transport'],
    read: ({ counters }) => each(counters.bytesReceived, ['transport']),
  },
  {
    name: 'sync_exchanges_total',
    help: 'Exchanges with peers since the start.',
    type: Counter,
    labels: ['transport', 'outcome'],
    read: ({ counters }) => each(counters.syncExchanges, ['transport', 'outcome']),
  },
  {
    name: 'store_commits_total',
    help: 'Durable commits since the start.',
    type: Counter,
    read: ({ counters }) => one(counters.storeCommits),
  },
  {
    name: 'store_commit_seconds_total',
    help: 'Seconds spent in durable commits since the start.',
    type: Counter,
    read: ({ counters }) => one(counters.storeCommitMsTotal / 1000),
  },
]
