import type { LatticeEvent } from '../../wire/api.ts'
import type { AuthorId } from '../../wire/author.ts'
import type { WireErrorCode } from '../../wire/cbor.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import type { Entry, SignedEntry } from '../../wire/entry.ts'
import type { Intent } from '../../wire/intent.ts'
import type { Genesis } from '../../wire/lattice.ts'
import type { SyncPolicy } from '../../wire/protocol.ts'
import type { Sign, Verify } from '../../wire/signature.ts'
import type { GossipMessage } from '../../wire/sync.ts'
import type { Rejection } from './accounts.ts'
import type { ExchangeOutput, ExchangeSettings, PullResult, Via } from './exchange.ts'
import type { LungState, P2pLife } from './mode.ts'
import type { ReceiptLevel, Settled } from './receipts.ts'

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
  /** Id of a stored entry that is too old to be remembered here. */
  idOf(author: AuthorId, seq: number): string
}

/** What the store gave back at the start. */
export interface Restored {
  /** Each author's in sequence. */
  entries: readonly SignedEntry[]
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
  | { kind: 'entries'; entries: readonly SignedEntry[]; from: string; via: Via }
  /** Its signature was checked when it was decoded. */
  | { kind: 'checkpoint'; checkpoint: SignedCheckpoint; via: Via }
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
  /** Everything that is stored, after a `rebuild` output. */
  | { kind: 'rebuild'; entries: Iterable<Entry> }
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
  /** Read all entries and give them back with a `rebuild` event. */
  | { kind: 'rebuild' }

/**
 * Make `entries`, `checkpoints`, `evidence`, `reservedClock` and `events` durable in one transaction;
 * only then carry out `outputs`, in order. If it cannot be made durable, carry out nothing and stop:
 * a restart from the store forgets what was never acknowledged.
 */
export interface Ready {
  entries: SignedEntry[]
  checkpoints: SignedCheckpoint[]
  /** Second entries of authors that signed two with one sequence number. */
  evidence: SignedEntry[]
  reservedClock: number | null
  events: EventDraft[]
  outputs: Output[]
  /** Send a `tick` at this monotonic time at the latest. */
  wakeAtMs: number
}
