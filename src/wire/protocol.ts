/**
 * What two programs of a lattice must agree on before they can talk: protocol ids, paths, scopes.
 * The room `wire` owns everything said between programs (encodings, schemas, limits, verdicts). It
 * is pure: it touches no clock, randomness, process, file or network, and imports nothing of ours
 * but Merkle hashing.
 */

/** Version of entries, checkpoints, attestations and sync messages. */
export const WIRE_VERSION = 1

export const SYNC_PROTOCOL = '/aethel/sync/1'
export const BEAT_PROTOCOL = '/aethel/beat/1'

export const DEFAULT_TOPIC = 'aethel/lattice/v1'

/** Media type of sync requests and answers over HTTP. */
export const SYNC_MEDIA_TYPE = 'application/vnd.aethel.sync'
/** Media type of frames that are brought to a node: a backup, or a part of one. */
export const FRAMES_MEDIA_TYPE = 'application/octet-stream'

/** Paths that a peer or the CLI calls. The predecessor's own paths are listed in the API's README. */
export const paths = {
  accounts: '/api/lattice/accounts',
  attest: '/api/lattice/attest',
  canary: '/api/lattice/canary',
  changes: '/api/lattice/changes',
  checkpoint: '/api/lattice/checkpoint',
  consistency: '/api/lattice/proofs/consistency',
  entries: '/api/lattice/entries',
  events: '/api/lattice/events',
  fault: '/api/lattice/fault',
  health: '/api/lattice/health',
  import: '/api/lattice/import',
  inclusion: '/api/lattice/proofs/inclusion',
  integrity: '/api/persistence/integrity',
  livez: '/livez',
  metrics: '/metrics',
  network: '/api/lattice/network',
  p2pStatus: '/api/lattice/p2p/status',
  possession: '/api/lattice/possession',
  probe: '/api/lattice/probe',
  readyz: '/readyz',
  receipt: '/api/lattice/receipts',
  repair: '/api/lattice/repair',
  retire: '/api/lattice/retire',
  state: '/api/lattice/state',
  switch: '/api/lattice/sync/switch',
  sync: '/api/lattice/sync',
  verify: '/api/verify',
} as const

/** What a bearer token may do; each scope includes the ones before it. */
export const tokenScopes = ['submit', 'control', 'admin'] as const
export type TokenScope = (typeof tokenScopes)[number]

/** How a node may exchange entries, as the operator decides it. */
export const syncPolicies = ['auto', 'p2p', 'http'] as const
export type SyncPolicy = (typeof syncPolicies)[number]

/** How it does exchange them, as observed. */
export const syncModes = ['P2P', 'HTTP', 'NONE'] as const
export type SyncMode = (typeof syncModes)[number]

/** What carried an entry to a node. `local`: it was written there. `store`: read back at start. `import`: restored by the operator. */
export const carriers = ['local', 'P2P', 'HTTP', 'store', 'import'] as const
export type Carrier = (typeof carriers)[number]
