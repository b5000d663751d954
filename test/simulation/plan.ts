import type { Bounds } from '../../src/node/replica/contract.ts'
import type { ReceiptLevel } from '../../src/node/replica/receipts.ts'
import type { Intent } from '../../src/wire/intent.ts'
import type { SyncPolicy } from '../../src/wire/protocol.ts'

/**
 * What goes wrong in a run, as plain data: it is printed when a run fails, and shrunk. Times in ms. A
 * node is named by a number that is taken modulo their count, so that a plan stays one when it shrinks.
 */
export type Fault =
  /** Killed; what it was writing then is done, or lost, or torn, or done and never told. */
  | { kind: 'crash'; atMs: number; node: number; forMs: number; moment: CrashMoment }
  /** Killed, and comes back with an empty disk. */
  | { kind: 'wipe'; atMs: number; node: number; forMs: number }
  /** Killed; what was on its disk is not any more what was written there. */
  | { kind: 'rot'; atMs: number; node: number; forMs: number; damage: Damage }
  /** Writes fail: the node stops at the first, and is started again when they work. */
  | { kind: 'disk'; atMs: number; node: number; forMs: number; failure: DiskFailure }
  /** Each write takes this long, and nothing else happens in the node meanwhile. */
  | { kind: 'slow-disk'; atMs: number; node: number; forMs: number; writeMs: number }
  /** Nothing passes from one node to another over these lungs, in silence; or neither way. */
  | {
      kind: 'cut'
      atMs: number
      link: readonly [from: number, to: number]
      isOneWay: boolean
      forMs: number
      lungs: Cut
    }
  /** Nothing passes between these nodes and the others. */
  | { kind: 'split'; atMs: number; side: readonly number[]; forMs: number; lungs: Cut }
  /** Gossip is lost, doubled and out of order; everything takes longer by chance. */
  | { kind: 'noise'; atMs: number; forMs: number; lossPermille: number; spreadMs: number }
  /** The P2P lung is switched off. */
  | { kind: 'p2p-stop'; atMs: number; node: number; forMs: number }
  /** The wall clock jumps to so much beside the true time, and stays there. */
  | { kind: 'clock'; atMs: number; node: number; toMs: number }
  | { kind: 'policy'; atMs: number; node: number; forMs: number; policy: SyncPolicy }
  /** Restarted with another release, and later again with ours. */
  | { kind: 'release'; atMs: number; node: number; forMs: number; release: OtherRelease }
  /** What it sends is made worse on its way, or what it signs is not true. */
  | { kind: 'lies'; atMs: number; node: number; forMs: number; lie: Lie; oneIn: number }
  /**
   * Someone with the node's key signs other entries from so far before the end of its log, and sends them
   * to these nodes; and, when `isShown`, at the end of the time to all.
   */
  | {
      kind: 'fork'
      atMs: number
      node: number
      forMs: number
      back: number
      count: number
      side: readonly number[]
      isShown: boolean
    }
  /** The operator's word that the directory which the node lost last is gone for good. */
  | { kind: 'retire'; atMs: number; node: number }

/** `torn`: while it writes; of what was under way each piece is kept, lost, or half of it is. */
export type CrashMoment = 'idle' | 'before-commit' | 'torn' | 'after-commit'
/** A byte of an entry is another, or one of the newest snapshot; or the end of a log is gone. */
export type Damage = 'flip' | 'snapshot' | 'tail'
/** `full`: refused, and nothing was written. `io`: failed while it was written. */
export type DiskFailure = 'full' | 'io'
export type Cut = 'P2P' | 'HTTP' | 'both'
export type OtherRelease = 'older' | 'newer'

/** Lies that need no key: a bad network, a bad proxy or a bad member may tell them. */
export const unsignedLies = [
  'garbled',
  'truncated',
  'replayed',
  'reversed',
  'withheld',
  'forged',
  'stranger',
  'foreign',
] as const
/** Lies that a member has signed with its own key. */
export const signedLies = ['wrong-root', 'wrong-state', 'overclaim', 'false-floor'] as const
export type Lie = (typeof unsignedLies)[number] | (typeof signedLies)[number]

/** A client's request, and the receipt that it waits for. */
export interface Submission {
  atMs: number
  node: number
  intents: readonly Intent[]
  wait: { level: ReceiptLevel; forMs: number } | null
}

/** A whole run: the same plan is the same run, to the last step. */
export interface Plan {
  /** Decides everything that the plan does not name. */
  seed: number
  nodes: NodeCount
  /** Faults begin and end within this time; then everything must come together again. */
  lengthMs: number
  heartbeatMs: number
  httpPollMs: number
  /** The bounds of the cores, small ones where there are few entries; null: their own. */
  bounds: Bounds | null
  /** Besides the submissions a client writes this often, to one node after the other; null: none does. */
  writeEveryMs: number | null
  faults: readonly Fault[]
  submissions: readonly Submission[]
}

/** Of what goes wrong in hours of calm. */
export const FAULTS_PER_HOUR_MAX = 6

export const nodeCounts = [3, 5, 7] as const
export type NodeCount = (typeof nodeCounts)[number]

/** Three nodes and nothing that goes wrong. */
export const quiet: Plan = {
  seed: 1,
  nodes: 3,
  lengthMs: 5000,
  heartbeatMs: 500,
  httpPollMs: 1000,
  bounds: null,
  writeEveryMs: null,
  faults: [],
  submissions: [],
}
