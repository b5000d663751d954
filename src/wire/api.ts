import * as z from 'zod'
import { FAULT_MS_MAX } from './limits.ts'
import { carriers, syncModes, syncPolicies } from './protocol.ts'
import { networkStates, verdicts } from './verdict.ts'

/**
 * The JSON that nodes answer with, as schemas: the node's handlers are typed by them, the CLI and the
 * page read through them. An answer that does not fit its schema was not made by a node of ours.
 * Entries, proofs and signed checkpoints are in `ledger-api.ts`.
 */

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const ageMs = z.number().nonnegative()
const peerTransport = z.enum(syncModes)

/** `POST /api/lattice/attest`, request and answer. `statement` is the signed CBOR, base64. */
export const attestRequest = z.strictObject({
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  /** Author id → size: also attest the root at this cut. */
  cut: z.record(z.string(), z.number().int().positive()).optional(),
})
export const attestAnswer = z.object({
  success: z.literal(true),
  statement: z.base64(),
  signature: z.base64(),
})

/** What a submission came to. Levels: on this disk; on `replicas` nodes (this one included); never to be reordered. */
export const receiptLevels = ['local', 'replicated', 'final'] as const
export const receiptOutcome = z.object({
  /** What replay made of it. `provisional` until final: an earlier entry may still arrive. */
  outcome: z.enum(['applied', 'rejected']),
  provisional: z.boolean(),
  reason: z.string().nullable(),
})
export const receipt = z.object({
  author: z.string(),
  seq: z.number().int().nonnegative(),
  id: hash,
  level: z.enum(receiptLevels),
  /** Nodes that provably hold the entry, this one included. */
  replicas: z.number().int().positive(),
  ...receiptOutcome.shape,
  /** What brought the entry to the node that answers, and how long ago. */
  via: z.enum(carriers),
  age_ms: ageMs,
})
export type Receipt = z.infer<typeof receipt>

/** `GET /api/lattice/receipts/{author}/{seq}?wait=local|replicated:k|final&timeout_ms=n`. */
export const receiptAnswer = z.object({
  success: z.boolean(),
  /** Null: the node does not hold the entry (after waiting, if it was asked to wait). */
  receipt: receipt.nullable(),
  /** Whether the level that was waited for was reached. */
  reached: z.boolean(),
})

/** `POST /api/verify`. */
export const verifyStatuses = ['PROVED', 'FAILED', 'ERROR', 'PARSE_ERROR'] as const
export const verifyAnswer = z.object({
  success: z.boolean(),
  status: z.enum(verifyStatuses),
  message: z.string(),
  intents: z.array(
    z.object({
      name: z.string(),
      status: z.enum(verifyStatuses),
      message: z.string(),
      receipt: receipt.nullable(),
    }),
  ),
  errors: z.array(z.string()).nullable(),
  merkle_root: hash.nullable(),
})

/** `POST /api/lattice/canary`: a signed no-op. */
export const canaryAnswer = z.object({ success: z.literal(true), receipt })

/** `GET /api/lattice/state`. */
export const stateAnswer = z.object({
  success: z.boolean(),
  merkle_root: hash.nullable(),
  state_root: hash.nullable(),
  state: z.record(z.string(), z.number()),
  state_size: z.number().int(),
  total: z.number().int(),
  signed: z.boolean(),
  timestamp: z.number().optional(),
  signature: z.string().optional(),
})

/** One peer as a node sees it. */
export const peerView = z.object({
  name: z.string(),
  peer_id: z.string(),
  url: z.string(),
  /** What serves the exchange with this peer now. */
  transport: peerTransport,
  p2p: z.object({
    state: z.enum(['alive', 'suspect', 'dead', 'off']),
    heard_ago_ms: ageMs.nullable(),
    rtt_ms: z.number().nullable(),
    address: z.string().nullable(),
  }),
  http: z.object({
    state: z.enum(['idle', 'ok', 'failing']),
    ok_ago_ms: ageMs.nullable(),
    failures: z.number().int(),
    rtt_ms: z.number().nullable(),
    error: z.string().nullable(),
  }),
  /** Entries that this peer holds by its newest signed checkpoint, and how old that is. */
  entries: z.number().int().nullable(),
  checkpoint_age_ms: ageMs.nullable(),
  /** Equal at the common cut of that checkpoint and ours; null: not yet comparable. */
  root_match: z.boolean().nullable(),
})
export type PeerView = z.infer<typeof peerView>

export const componentStatuses = ['pass', 'warn', 'fail', 'off'] as const
const component = z.object({
  status: z.enum(componentStatuses),
  message: z.string(),
  since_ms: ageMs,
})

/** `GET /api/lattice/health`: ages, never clock times, so that a reader's clock does not matter. */
export const healthAnswer = z.object({
  success: z.boolean(),
  overall: z.enum(['healthy', 'degraded', 'unhealthy']),
  unhealthy_components: z.array(z.string()),
  node: z.object({
    name: z.string(),
    peer_id: z.string(),
    instance: z.string(),
    release: z.string(),
    version: z.string(),
    lattice: hash,
    config_digest: hash,
    uptime_ms: ageMs,
    pid: z.number().int(),
  }),
  sync: z.object({
    policy: z.enum(syncPolicies),
    configured_policy: z.enum(syncPolicies),
    reverts_in_ms: ageMs.nullable(),
    active: z.enum(syncModes),
    reason: z.string(),
    since_ms: ageMs,
    p2p_enabled: z.boolean(),
    transitions: z.number().int(),
    last_sync_ago_ms: ageMs.nullable(),
    /** Failure to the first entry or proof applied over HTTP, of the latest failover. */
    last_failover_ms: z.number().nullable(),
    /** Longest time for which some peer has held, by its signed word, entries that this node lacks. */
    behind_ms: ageMs.nullable(),
  }),
  heartbeat: z.object({ active: z.boolean(), interval_ms: z.number(), age_ms: ageMs.nullable() }),
  ledger: z.object({
    merkle_root: hash.nullable(),
    state_root: hash.nullable(),
    frontier: z.record(z.string(), z.number().int()),
    entries: z.number().int(),
    accounts: z.number().int(),
    rejected: z.number().int(),
    pending_final: z.number().int(),
    last_entry_ago_ms: ageMs.nullable(),
  }),
  diverged: z.boolean(),
  peers: z.array(peerView),
  components: z.object({
    p2p: component,
    http_sync: component,
    heartbeat: component,
    persistence: component,
  }),
  fault: z.object({ kind: z.string(), ends_in_ms: ageMs }).nullable(),
})
export type Health = z.infer<typeof healthAnswer>

/**
 * `GET /api/lattice/network`: the verdict on the lattice from what the asked node sees, which is
 * itself and its own links; `basis` says so.
 */
export const networkAnswer = z.object({
  success: z.literal(true),
  state: z.enum(networkStates),
  verdict: z.enum(verdicts),
  text: z.string(),
  served_by: z.string(),
  basis: z.string(),
})

/** `GET /api/lattice/events?since=n&limit=n` or `?last=n`: transitions and peer changes, oldest first. */
export const eventKinds = [
  'started',
  'stopped',
  'mode',
  'policy',
  'peer',
  'p2p',
  'divergence',
  'evidence',
  'refusal',
  'store',
  'fault',
  'clock',
] as const
export const latticeEvent = z.object({
  seq: z.number().int(),
  kind: z.enum(eventKinds),
  message: z.string(),
  age_ms: ageMs,
  at: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
})
export type LatticeEvent = z.infer<typeof latticeEvent>
export const eventsAnswer = z.object({
  success: z.literal(true),
  events: z.array(latticeEvent),
  next: z.number().int(),
})

/** `POST /api/lattice/probe`: a fresh dial from the asked node to another member. Needs `control`. */
export const probeRequest = z.strictObject({ peer: z.string(), transport: z.enum(['p2p', 'http']) })
export const probeAnswer = z.object({
  success: z.literal(true),
  peer: z.string(),
  transport: z.enum(['p2p', 'http']),
  /** `no-address`: this side has none to dial; the other side dials. `off`: the lung is switched off. */
  result: z.enum(['reached', 'failed', 'no-address', 'off']),
  rtt_ms: z.number().nullable(),
  address: z.string().nullable(),
  error: z.string().nullable(),
  /** Whether the pair's standing P2P connection is alive, whoever dialled it. */
  live: z.boolean(),
})
export type ProbeAnswer = z.infer<typeof probeAnswer>

/** `POST /api/lattice/fault`: break one thing until a deadline that the node itself holds. Needs `control`. */
export const faultKinds = ['p2p-stop'] as const
export const faultRequest = z.strictObject({
  kind: z.enum(faultKinds),
  for_ms: z.number().int().positive().max(FAULT_MS_MAX),
})
/** Also the answer of `GET` (what is armed) and `DELETE` (undo now). */
export const faultAnswer = z.object({
  success: z.literal(true),
  fault: z.object({ kind: z.enum(faultKinds), ends_in_ms: ageMs }).nullable(),
})

/** `POST /api/lattice/sync/switch?mode=p2p|http|auto&revert_after_ms=n`. Needs `control`. */
export const switchAnswer = z.object({
  success: z.boolean(),
  mode: z.enum(syncModes),
  policy: z.enum(syncPolicies),
  reverts_in_ms: ageMs.nullable(),
  message: z.string(),
})

/** `GET /api/lattice/p2p/status`, as the predecessor answered it. */
export const p2pStatusAnswer = z.object({
  success: z.literal(true),
  enabled: z.boolean(),
  started: z.boolean(),
  libp2p_available: z.boolean(),
  error: z.string().nullable(),
  topic: z.string(),
  listen_multiaddrs: z.array(z.string()),
  bootstrap_peers: z.array(z.string()),
  peer_count: z.number().int(),
  has_peers: z.boolean(),
  http_sync_enabled: z.boolean(),
  sync_mode: z.enum(syncModes),
  heartbeat_active: z.boolean(),
  message: z.string(),
})

/** `GET /api/persistence/integrity`: the store is read again, whole. */
export const integrityAnswer = z.object({
  success: z.boolean(),
  is_valid: z.boolean(),
  status: z.enum(['VALID', 'CORRUPTED', 'ERROR']),
  merkle_root: hash.nullable(),
  message: z.string(),
  entries_checked: z.number().int(),
  /** Nodes share one reading among all that ask within seconds; this is how old it is. */
  age_ms: ageMs,
})

/** Any refusal. `code` is for programs, `message` and `hint` for people. */
export const refusalAnswer = z.object({
  success: z.literal(false),
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
})
