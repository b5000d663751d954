import type { AuthorId } from '../wire/author.ts'
import type { Frontier } from '../wire/frontier.ts'
import type { SignedCheckpoint } from '../wire/checkpoint.ts'
import type { Position, SignedEntry } from '../wire/entry.ts'
import type { Seal } from '../wire/seal.ts'
import type { Retired } from './replica/contract.ts'
import type { AuthorTree } from './replica/logs.ts'
import type { Repaired } from './repair.ts'
import type { Health, LatticeEvent, ProbeAnswer, Receipt } from '../wire/api.ts'
import type { Intent } from '../wire/intent.ts'
import type { SyncMode, SyncPolicy } from '../wire/protocol.ts'
import type { Settings } from '../wire/settings.ts'
import type { GossipMessage } from '../wire/sync.ts'
import type { SignedAttestation } from '../wire/attestation.ts'

/**
 * What the HTTP API may ask of the running node. The room `node` owns the process that holds a replica
 * of the ledger and keeps it in step with the others. It must not know how it was deployed, and its
 * API must reach replica, store and lungs through this interface alone.
 */
export interface NodeService {
  readonly settings: Settings
  readonly identity: NodeIdentity
  readonly ledger: NodeLedger

  /** Null until the store is open and verified; the reason is in `refusalReason`. */
  readonly merkleRoot: string | null
  readonly stateRoot: string | null
  /** Balances in minor units, in account order. */
  balances(): ReadonlyMap<string, number>
  frontier(): Frontier
  health(): Health

  /** Why nothing can be accepted now (a corrupt store, a stop under way); null when it can. */
  readonly refusalReason: string | null

  /**
   * Decides each intent in turn against the state as this node knows it, and appends what holds.
   * Resolves when all that was accepted is on this disk. Rejects only when the store fails.
   */
  submit(intents: readonly Intent[]): Promise<SubmitOutcome[]>
  receipt(author: AuthorId, seq: number): Receipt | null
  /** Resolves when the level is reached, at the deadline, or when `signal` aborts, with what then holds. */
  waitFor(
    wait: ReceiptWait,
    signal: AbortSignal,
  ): Promise<{ receipt: Receipt | null; reached: boolean }>

  /** Throws `UnknownCutError` when this node does not cover the cut. `receivedMs`: wall clock when asked. */
  attest(nonce: string, cut: Frontier | null, receivedMs: number): SignedAttestation
  /** Ed25519 over UTF-8 `"{root}:{timestamp}"`, 128 hex: the predecessor's signed state. */
  signState(root: string, timestampS: number): string

  /** Proves that this node has its key, whatever its store is like. `nonce`: 32 hex. */
  provePossession(nonce: string): Uint8Array
  /** Ends the log of a directory that this node had and has no more. */
  retire(incarnation: string): Promise<Retired>
  /** Begins a new store with what is sound of a damaged one. Throws `UnavailableError` when none is damaged. */
  repair(): Promise<Repaired>

  /** Answers one sync request. Throws `WireError` before the first chunk for a bad request. */
  serveSync(request: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * Calls back with the node's newest signed checkpoint whenever it changed, and with what was just written
   * here, once it is on the disk; returns the unsubscriber.
   */
  onNotice(listener: (notice: Notice) => void): () => void
  /** The newest checkpoint, as a frame. */
  checkpointFrame(): Uint8Array

  switchPolicy(policy: SyncPolicy, revertAfterMs: number | null): void
  probe(
    peerName: string,
    transport: 'p2p' | 'http',
    signal: AbortSignal,
  ): Promise<Omit<ProbeAnswer, 'success'>>
  armFault(kind: 'p2p-stop', forMs: number): Promise<void>
  fault(): { kind: 'p2p-stop'; endsInMs: number } | null
  clearFault(): Promise<void>

  /** Events after `sinceSeq`; null: the newest. The oldest first. */
  events(sinceSeq: number | null, limit: number): { events: LatticeEvent[]; next: number }
  p2pStatus(): P2pStatus
  /** Reads the whole store again and compares it with what is in memory. */
  verifyStore(): Promise<StoreIntegrity>
  /** Monotonic counters since the start, for metrics. */
  counters(): Counters
}

/** The ledger's evidence. Every method throws `UnavailableError` while nothing may be answered. */
export interface NodeLedger {
  /** The newest that this node has signed; what it names is held. */
  checkpoint(): SignedCheckpoint
  /** The Merkle log of an author; null when nothing of it is held. */
  treeOf(author: AuthorId): AuthorTree | null
  /** Entries `[from, to)` of one author, in sequence; fewer when there are fewer. */
  entries(author: AuthorId, from: number, to: number): SignedEntry[]
  /** Entries that name an account, newest first, those before the cursor only. */
  history(account: string, before: Position | null, limit: number): SignedEntry[]
  /** Takes ends of logs as it takes a peer's. Resolves when they are on this disk. */
  importSeals(seals: readonly Seal[]): Promise<void>
  /** Takes entries as it takes a peer's. Resolves when what was taken is on this disk. */
  import(entries: readonly SignedEntry[]): Promise<ImportOutcome>
}

export interface ImportOutcome {
  /** Entries that were not on this disk before, and are now. */
  newCount: number
  heldCount: number
  /** Entries behind the end of a sealed log: they are no part of the ledger. */
  leftOutCount: number
  refused: { author: AuthorId; seq: number; code: string; message: string }[]
}

/** What a node tells those who listen: an encoded frame, and what is in it. */
export interface Notice {
  kind: GossipMessage['kind']
  frame: Uint8Array
}

export interface NodeIdentity {
  name: string
  peerId: string
  instance: string
  release: string
  version: string
  latticeId: string
  configDigest: string
}

export type SubmitOutcome =
  | { accepted: true; receipt: Receipt }
  | {
      accepted: false
      code: 'overdraft' | 'unknown-account' | 'limit' | 'unavailable'
      message: string
    }

export interface ReceiptWait {
  author: AuthorId
  seq: number
  level: { kind: 'local' } | { kind: 'replicated'; replicas: number } | { kind: 'final' }
  timeoutMs: number
}

export interface P2pStatus {
  isStarted: boolean
  error: string | null
  listenMultiaddrs: string[]
  /** Peers subscribed over a live connection. */
  peerCount: number
  mode: SyncMode
}

export interface StoreIntegrity {
  isValid: boolean
  entriesChecked: number
  message: string
}

export interface Counters {
  entriesAppended: number
  entriesReceived: ReadonlyMap<'P2P' | 'HTTP' | 'import', number>
  entriesRefused: ReadonlyMap<string, number>
  modeTransitions: ReadonlyMap<string, number>
  syncExchanges: ReadonlyMap<string, number>
  storeCommits: number
  storeCommitMsTotal: number
  bytesReceived: ReadonlyMap<'P2P' | 'HTTP', number>
}

export class UnknownCutError extends Error {
  override readonly name = 'UnknownCutError'
  readonly code = 'unknown-cut'
}

/** The node cannot do this now; its message says why. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
  readonly code = 'unavailable'
}
