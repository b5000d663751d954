import { hash } from 'node:crypto'
import type { Health, Receipt } from '../../../wire/api.ts'
import type { Attestation } from '../../../wire/attestation.ts'
import { frontierObject, totalOf, type Frontier } from '../../../wire/frontier.ts'
import type { SignedEntry } from '../../../wire/entry.ts'
import type { SyncFrame } from '../../../wire/sync.ts'
import { NodeAnswerError } from '../../client/node-answer-error.ts'
import { OperatorError } from '../../errors.ts'
import type { ObservedNode } from '../../targets/target.ts'
import type { DrillClient, DrillTarget } from '../rig.ts'
import type { FakeLattice, FakeLatticeNode } from './fake-lattice.ts'

const LATENCY_MS = 1

/** What the drill uses of a `NodeClient`, over a node of a fake lattice. */
export function fakeClient(
  lattice: FakeLattice,
  node: FakeLatticeNode,
  hasToken = true,
): DrillClient {
  const asked = { name: node.name, url: `http://${node.name}` }
  const ask = async <T>(question: string, signal: AbortSignal, answer: () => T): Promise<T> => {
    await lattice.clock.sleep(LATENCY_MS, signal)
    lattice.interfere(node, question)
    if (!node.isUp) throw new NodeAnswerError(asked, 'unreachable', 'refuses the connection')
    return answer()
  }
  const armed = (): { kind: 'p2p-stop'; ends_in_ms: number } | null => {
    if (node.fault === null) return null
    const forMs = lattice.arms(node.fault.forMs)
    if (forMs === null) return null
    const leftMs = node.fault.endsMs - lattice.clock.monotonicMs() + forMs - node.fault.forMs
    return { kind: 'p2p-stop', ends_in_ms: Math.max(0, leftMs) }
  }
  return {
    name: node.name,
    hasToken,
    attest: async ({ cut }, signal) =>
      ask('attest', signal, () => observationOf(node, cut ?? null)),
    health: async (signal) => ask('health', signal, () => healthOf(lattice, node)),
    submit: async (_text, _wait, signal) =>
      ask('submit', signal, () => {
        const receipt = receiptOf(lattice, node, node.write())
        const intents = [{ name: 'noop', status: 'PROVED' as const, message: 'stored', receipt }]
        const told = { success: true, status: 'PROVED' as const, message: 'stored' }
        return { ...told, intents, errors: null, merkle_root: null }
      }),
    receipt: async (author, seq, _wait, signal) =>
      ask('receipt', signal, () => {
        const id = node.log.get(author)?.[seq]
        const receipt = id === undefined ? null : receiptOf(lattice, node, { author, seq, id })
        return { success: receipt !== null, receipt, reached: receipt !== null }
      }),
    armFault: async ({ forMs }, signal) =>
      ask('arm', signal, () => {
        node.stopP2p(forMs)
        return armed()
      }),
    clearFault: async (signal) =>
      ask('clear', signal, () => {
        if (lattice.undoesWhenTold) node.clearFault()
        return armed()
      }),
    fault: async (signal) => ask('fault', signal, armed),
    pull: (frontier, signal) => pull(frontier, signal),
  }

  async function* pull(frontier: Frontier, signal: AbortSignal): AsyncGenerator<SyncFrame> {
    const entries = await ask('pull', signal, () => entriesBeyond(node, frontier))
    yield { kind: 'entries', entries }
    yield { kind: 'end', entryCount: entries.length }
  }
}

/** What the drill uses of a `Target`. */
export const fakeTarget = (lattice: FakeLattice, node: FakeLatticeNode): DrillTarget => ({
  observe: async (signal) => {
    await lattice.clock.sleep(LATENCY_MS, signal)
    return observed(node)
  },
  kill: async (signal) => {
    await lattice.clock.sleep(LATENCY_MS, signal)
    if (!node.hasProcess) throw new OperatorError('not-running', `${node.name} is not running`)
    node.kill()
  },
  start: async (signal) => {
    await lattice.clock.sleep(LATENCY_MS, signal)
    if (!node.isSupervised) node.start()
  },
})

const observed = (node: FakeLatticeNode): ObservedNode => ({
  name: node.name,
  current: null,
  contents: null,
  lacks: [],
  overrides: [],
  process: {
    state: node.hasProcess ? 'running' : 'failing',
    isSupervised: true,
    pid: node.hasProcess ? node.lives : null,
    startedAt: null,
    restarts: node.lives - 1,
    lastExit: null,
  },
  held: [],
})

function entriesBeyond(node: FakeLatticeNode, frontier: Frontier): SignedEntry[] {
  return [...node.log].flatMap(([author, ids]) =>
    ids.slice(frontier.get(author) ?? 0).map((id, index) => ({
      entry: {
        lattice: '',
        author,
        seq: (frontier.get(author) ?? 0) + index,
        prev: '',
        hlc: 0,
        intent: { kind: 'noop' as const, note: '' },
      },
      id,
      bytes: new Uint8Array(),
      signature: new Uint8Array(),
    })),
  )
}

function receiptOf(
  lattice: FakeLattice,
  node: FakeLatticeNode,
  entry: { author: string; seq: number; id: string },
): Receipt {
  const arrival = node.arrivals.get(`${entry.author}/${entry.seq}`)
  return {
    ...entry,
    level: 'local',
    replicas: 1,
    outcome: 'applied',
    provisional: true,
    reason: null,
    via: arrival?.via ?? 'store',
    age_ms: lattice.clock.monotonicMs() - (arrival?.atMs ?? 0),
  }
}

function observationOf(
  node: FakeLatticeNode,
  cut: Frontier | null,
): Awaited<ReturnType<DrillClient['attest']>> {
  const frontier = node.frontier()
  const attestation: Attestation = {
    nonce: '',
    lattice: '',
    publicKey: new Uint8Array(),
    name: node.name,
    instance: String(node.lives),
    incarnation: node.name,
    dataLocation: node.name,
    release: '',
    configDigest: '',
    frontier,
    root: node.rootAt(frontier),
    stateRoot: '',
    cut: cut === null ? null : { frontier: cut, root: node.rootAt(cut) },
    receivedMs: 0,
    sentMs: 0,
  }
  return { attestation, t0Ms: 0, t1Ms: 0, t2Ms: 0, t3Ms: 0, rttMs: 0, offsetMs: 0 }
}

function healthOf(lattice: FakeLattice, node: FakeLatticeNode): Health {
  const nowMs = lattice.clock.monotonicMs()
  const component = { status: 'pass', message: 'well', since_ms: 1 } as const
  const frontier = node.frontier()
  return {
    success: true,
    overall: 'healthy',
    unhealthy_components: [],
    node: {
      name: node.name,
      peer_id: node.name,
      instance: `${node.name} ${node.lives}`,
      release: '',
      version: '0.1.0',
      lattice: hash('sha256', 'lattice'),
      config_digest: hash('sha256', 'config'),
      uptime_ms: nowMs - node.startedMs,
      pid: node.lives,
    },
    sync: {
      policy: 'auto',
      configured_policy: 'auto',
      reverts_in_ms: null,
      active: 'P2P',
      reason: '',
      since_ms: 0,
      p2p_enabled: lattice.isP2pEnabled,
      transitions: 0,
      last_sync_ago_ms: null,
      last_failover_ms: null,
      behind_ms: null,
    },
    heartbeat: { active: true, interval_ms: 5000, age_ms: 1 },
    ledger: {
      merkle_root: null,
      state_root: null,
      frontier: frontierObject(frontier),
      entries: totalOf(frontier),
      accounts: 0,
      rejected: 0,
      pending_final: 0,
      last_entry_ago_ms: null,
    },
    diverged: node.isDiverged,
    peers: lattice.nodes
      .filter((other) => other !== node)
      .map((other) => {
        const transport = node.transportTo(other)
        const isOverHttp = transport === 'HTTP'
        return {
          name: other.name,
          peer_id: other.name,
          url: `http://${other.name}`,
          transport,
          p2p: {
            state: transport === 'P2P' ? 'alive' : 'dead',
            heard_ago_ms: transport === 'P2P' ? 0 : null,
            rtt_ms: 1,
            address: null,
          },
          http: {
            state: isOverHttp ? 'ok' : 'idle',
            ok_ago_ms: isOverHttp ? 0 : null,
            failures: 0,
            rtt_ms: null,
            error: null,
          },
          entries: null,
          checkpoint_age_ms: null,
          root_match: null,
        }
      }),
    components: {
      p2p: component,
      http_sync: component,
      heartbeat: component,
      persistence: component,
    },
    fault: node.fault === null ? null : { kind: 'p2p-stop', ends_in_ms: node.fault.endsMs - nowMs },
  }
}
