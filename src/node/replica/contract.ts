import type { LatticeEvent } from '../../wire/api.ts'
import type { AuthorId } from '../../wire/author.ts'
import type { WireErrorCode } from '../../wire/cbor.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import type { Frontier } from '../../wire/frontier.ts'
import type { Intent } from '../../wire/intent.ts'
import type { Genesis } from '../../wire/lattice.ts'
import type { SyncPolicy } from '../../wire/protocol.ts'
import type { Sign, Verify } from '../../wire/signature.ts'
import type { GossipMessage } from '../../wire/sync.ts'
import type { Seal } from '../../wire/seal.ts'
import type { Rejection } from './accounts.ts'
import type { ExchangeOutput, ExchangeSettings, PullResult, Via } from './exchange.ts'
import type { RestoredLog } from './logs.ts'
import type { LungState, P2pLife } from './mode.ts'
import type { ReceiptLevel, Settled } from './receipts.ts'
import type { KeptSnapshot, Snapshot } from './snapshot.ts'

/**
 * What goes into the replica and what comes out. The room `replica` owns every decision about entries,
 * state, finality and exchange. It is pure: time, keys and results of I/O come in as values, and what
 * must be stored or sent goes out as values, so one seed replays a whole run.
 */
export interface CoreConfig {
  /** Lattice id, 64 hex. */
  lattice: string
  genesis: Genesis
  publicKey: Uint8Array
  /** Random id of the data directory, 16 hex. */
  incarnation: string
  /** Peer id → public key of every other member. */
  others: ReadonlyMap<string, Uint8Array>
  exchange: Omit<ExchangeSettings, 'peerIds'>
  sign: Sign
  verify: Verify
  /** A stored entry; null when it is not there. Asked for those that are too old to be remembered here. */
  stored(author: AuthorId, seq: number): SignedEntry | null
  /** Other bounds than those of `limits.ts`. */
  bounds?: Partial<Bounds>
}

export interface Bounds {
  openMax: number
  snapshotEntries: number
}

/** What the store gave back at the start. */
export interface Restored {
  seals: readonly Seal[]
  /** The state that a run before kept; null: everything is replayed. */
  snapshot: Snapshot | null
  /** The logs as far as the snapshot reaches. */
  logs: readonly RestoredLog[]
  /** Every entry beyond, each author's in sequence; faster when they are in the one order. */
  entries: Iterable<SignedEntry>
  checkpoints: readonly SignedCheckpoint[]
  /** The clock up to which an earlier run may have made promises, microseconds. */
  reservedClock: number
}

/** Wall clock for entries, monotonic clock for every duration. */
export interface Now {
  wallMs: number
  monoMs: number
}

export type CoreEvent =
  | { kind: 'submit'; ticket: number; intents: readonly Intent[] }
  | { kind: 'entries'; entries: readonly SignedEntry[]; from: string; via: Via | 'import' }
  /** Its signature was checked when it was decoded. */
  | { kind: 'checkpoint'; checkpoint: SignedCheckpoint; via: Via }
  /** Their signatures were checked when they were decoded. */
  | { kind: 'seals'; seals: readonly Seal[]; from: string }
  /** Something from a peer that could not even be decoded. */
  | { kind: 'refused'; code: WireErrorCode; from: string; message: string }
  | { kind: 'pull-ended'; peerId: string; via: Via; result: PullResult }
  | { kind: 'p2p-peer'; peerId: string; life: P2pLife; heardAtMs: number | null }
  | { kind: 'p2p-lung'; state: LungState }
  /** The stream of change notices opened or brought something, or it closed. */
  | { kind: 'notices'; peerId: string; isOpen: boolean }
  | { kind: 'policy'; policy: SyncPolicy; reason: string }
  /** Something that the shell wants kept as an event. */
  | { kind: 'note'; event: EventDraft }
  | {
      kind: 'wait'
      ticket: number
      author: AuthorId
      seq: number
      level: ReceiptLevel
      deadlineMs: number
    }
  | { kind: 'cancel'; ticket: number }
  /**
   * What a `rebuild` output asked for: a snapshot from before its clock, how far the logs are read after
   * it, all entries between in the one order, and the end.
   */
  | { kind: 'rebuild-begin'; snapshot: Snapshot | null; frontier: Frontier }
  | { kind: 'rebuild-entries'; entries: readonly SignedEntry[] }
  | { kind: 'rebuild-end' }
  /** The operator's word that a directory which this node had is gone for good. */
  | { kind: 'retire'; ticket: number; incarnation: string }
  | { kind: 'tick' }

export type SubmitVerdict =
  | { isAccepted: true; author: AuthorId; seq: number }
  | { isAccepted: false; rejection: Rejection }

export type EventDraft = Pick<LatticeEvent, 'kind' | 'message' | 'data'>

export type Output =
  | ExchangeOutput
  | { kind: 'acknowledge'; ticket: number; verdicts: readonly SubmitVerdict[] }
  | { kind: 'gossip'; frame: GossipMessage }
  /** Ours, new: to gossip and to everyone who watches. */
  | { kind: 'checkpoint'; checkpoint: SignedCheckpoint }
  | ({ kind: 'settled' } & Settled)
  /** Read the newest snapshot from before this clock, and all entries after it, and give them back. */
  | { kind: 'rebuild'; beforeHlc: number }
  | { kind: 'retired'; ticket: number; result: Retired }
  /** Our own log was ended: the directory needs another incarnation, and this core is at its end. */
  | { kind: 'reincarnate' }

/** What became of a retirement. `ahead`: some member holds more of that log than we do. */
export type Retired = { seal: Seal } | { refusal: 'in-use' | 'unknown' | 'ahead' }

/**
 * Make everything but `outputs` durable in one transaction, first `entries`, then the rest;
 * only then carry out `outputs`, in order. If it cannot be made durable, carry out nothing and stop:
 * a restart from the store forgets what was never acknowledged.
 */
export interface Ready {
  entries: SignedEntry[]
  checkpoints: SignedCheckpoint[]
  seals: Seal[]
  /** Logs that end earlier now: what lies behind is no part of them any more. */
  cuts: { author: AuthorId; size: number }[]
  snapshot: KeptSnapshot | null
  /** Snapshots of this clock and later do not hold any more. */
  staleSnapshotsHlc: number | null
  reservedClock: number | null
  events: EventDraft[]
  outputs: Output[]
  /** Send a `tick` at this monotonic time at the latest. */
  wakeAtMs: number
}

export const emptyReady = (): Ready => ({
  entries: [],
  checkpoints: [],
  seals: [],
  cuts: [],
  snapshot: null,
  staleSnapshotsHlc: null,
  reservedClock: null,
  events: [],
  outputs: [],
  wakeAtMs: Number.POSITIVE_INFINITY,
})
