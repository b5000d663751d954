import type { Health } from '../../wire/api.ts'
import {
  isWell,
  networkVerdict,
  type NetworkVerdict,
  type NodeEvidence,
} from '../../wire/verdict.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import { answerOf, eachOf, notAsked, Questioner } from './answers.ts'
import { short } from './judge-findings.ts'
import { STATUS_MS_MAX } from './limits.ts'
import type { Answer } from './observation.ts'

export interface LatticeStatus {
  network: NetworkVerdict
  nodes: NodeStatus[]
}

/** What a node says of itself; null where it did not answer, or did not prove who it is. */
export interface NodeStatus {
  name: string
  url: string
  peer_id: string
  /** It signed our question with its own key, and told its health. */
  reachable: boolean
  error: string | null
  hint: string | null
  overall: Health['overall'] | null
  release: string | null
  pid: number | null
  mode: Health['sync']['active'] | null
  policy: Health['sync']['policy'] | null
  /** Other nodes it is in exchange with now, of those there are. */
  peers: { connected: number; total: number } | null
  entries: number | null
  /** First 12 hex digits. */
  merkle_root: string | null
  uptime_ms: number | null
  fault: Health['fault']
}

export interface StatusOptions {
  lattice: DesiredLattice
  clients: readonly NodeClient[]
  clock?: Clock
  signal: AbortSignal
}

/** Each node in the lattice's order, and what the network amounts to. Nodes' failures are part of it. */
export async function statusOf(options: StatusOptions): Promise<LatticeStatus> {
  const { lattice, clients, clock = systemClock, signal } = options
  const questioner = new Questioner(clock, STATUS_MS_MAX, signal)
  const names = lattice.nodes.map((node) => node.name)
  const healths = await eachOf(names, async (name): Promise<Answer<Health>> => {
    const client = clients.find((one) => one.name === name)
    if (client === undefined) return notAsked(name, 'there is no client for it')
    const [identity, health] = await Promise.all([
      questioner.ask(name, async (limit) => client.attest({}, limit)),
      questioner.ask(name, async (limit) => client.health(limit)),
    ])
    if (!identity.ok) return identity
    if (!health.ok) return health
    return identity.value.attestation.name === name &&
      identity.value.attestation.instance === health.value.node.instance
      ? health
      : notAsked(name, 'another process answers in its place')
  })
  return {
    network: networkVerdict(
      names,
      names.map((name) => evidenceOf(name, answerOf(healths, name))),
    ),
    nodes: lattice.nodes.map((node) => nodeStatus(node, answerOf(healths, node.name))),
  }
}

/** A node's health as evidence of the network. It counts as healthy unless it says that it is not. */
const evidenceOf = (name: string, answer: Answer<Health>): NodeEvidence => ({
  name,
  answer: answer.ok
    ? {
        ageMs: 0,
        policy: answer.value.sync.policy,
        active: answer.value.sync.active,
        isP2pEnabled: answer.value.sync.p2p_enabled,
        isDiverged: answer.value.diverged,
        isHealthy: isWell(answer.value),
        reaches: new Map(answer.value.peers.map((peer) => [peer.name, peer.transport])),
      }
    : null,
})

function nodeStatus(
  { name, url, peerId }: { name: string; url: string; peerId: string },
  answer: Answer<Health>,
): NodeStatus {
  const health = answer.ok ? answer.value : null
  const root = health?.ledger.merkle_root ?? null
  return {
    name,
    url,
    peer_id: peerId,
    reachable: answer.ok,
    error: answer.ok ? null : answer.message,
    hint: answer.ok ? null : answer.hint,
    overall: health?.overall ?? null,
    release: health?.node.release ?? null,
    pid: health?.node.pid ?? null,
    mode: health?.sync.active ?? null,
    policy: health?.sync.policy ?? null,
    peers:
      health === null
        ? null
        : {
            connected: health.peers.filter((peer) => peer.transport !== 'NONE').length,
            total: health.peers.length,
          },
    entries: health?.ledger.entries ?? null,
    merkle_root: root === null ? null : short(root),
    uptime_ms: health === null ? null : Math.round(health.node.uptime_ms),
    fault: health?.fault ?? null,
  }
}
