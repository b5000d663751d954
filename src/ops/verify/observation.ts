import type { Health, ProbeAnswer, Receipt } from '../../wire/api.ts'
import type { Frontier } from '../../wire/frontier.ts'
import type { Verdict } from '../../wire/verdict.ts'
import type { AttestObservation } from '../client/attestation.ts'
import type { NodeAnswerCode } from '../client/node-answer-error.ts'
import type { IntegrityAnswer, StateAnswer } from '../client/node-client.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import type { Phase } from '../inventory/inventory.ts'
import type { AuditedExtension } from './recompute/extension.ts'
import type { AuditedLog } from './recompute/log-audit.ts'

/**
 * What came of one question. A question that was not put is an answer too: `not-asked` (the node could
 * not be asked, or an earlier answer was missing), `no-token`.
 */
export type Answer<T> = { ok: true; value: T; tookMs: number } | Failure

export interface Failure {
  ok: false
  code: NodeAnswerCode | 'not-asked' | 'no-token'
  /** Names the node. */
  message: string
  hint: string | null
  /** HTTP status, of a refusal. */
  status: number | null
}

/** Everything that one look at a lattice brought. Plain and immutable; the judge sees nothing else. */
export interface Observation {
  lattice: DesiredLattice
  /** Null: what release should run is not known. */
  expectedRelease: string | null
  /** What the run before this one saw; null: there is none. */
  saved: SavedCheckpoints | null
  nodes: readonly NodeObservation[]
  /** The common cut that the nodes were asked about; null when no node showed a frontier. */
  cut: Frontier | null
  probes: readonly ProbeObservation[]
  canaries: readonly CanaryObservation[]
  tookMs: number
}

export interface NodeObservation {
  name: string
  /** The first answer: who it is. */
  identity: Answer<AttestObservation>
  clock: Answer<readonly ClockSample[]>
  /** What it holds, after the canaries. */
  held: Answer<AttestObservation>
  /** What it tells clients that it holds: between `held` and `atCut`. */
  state: Answer<StateAnswer>
  /** What it holds a moment later, with the root at the common cut. */
  atCut: Answer<AttestObservation>
  /** With the root at the frontier saved by the last run; null when nothing of this node was saved. */
  atSaved: Answer<AttestObservation> | null
  /** That what it holds now extends what was saved; null when nothing of this node was saved. */
  extension: Answer<AuditedExtension> | null
  health: Answer<Health>
  integrity: Answer<IntegrityAnswer>
  log: Answer<AuditedLog>
}

export interface ClockSample {
  instance: string
  offsetMs: number
  rttMs: number
}

export interface ProbeObservation {
  from: string
  to: string
  transport: 'p2p' | 'http'
  answer: Answer<ProbeAnswer>
}

export interface CanaryObservation {
  from: string
  sent: Answer<Receipt>
  arrivals: readonly { at: string; answer: Answer<CanaryArrival> }[]
}

export interface CanaryArrival {
  /** Null: not there when the time was up. */
  receipt: Receipt | null
  /** From before the canary was sent until the other node's receipt was here: an upper bound. */
  sinceSentMs: number
}

/** What a run saw of each node, for the next run to hold the nodes to. */
export interface SavedCheckpoints {
  lattice: string
  nodes: readonly SavedCheckpoint[]
}

export interface SavedCheckpoint {
  name: string
  peerId: string
  incarnation: string
  frontier: Frontier
  root: string
}

export const checkIds = [
  'config',
  'identity',
  'data',
  'operator',
  'edges',
  'clock',
  'releases',
  'config-digest',
  'roots',
  'recompute',
  'integrity',
  'canary',
  'history',
  'split-view',
] as const
export type CheckId = (typeof checkIds)[number]

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

export interface CheckResult {
  id: CheckId
  verdict: Verdict
  /** One sentence. */
  summary: string
  evidence: Json
}

/** Something that this run says nothing about. `id`: of a check, or of a part of it after a dot. */
export interface Unchecked {
  id: string
  reason: string
}

export interface TriangleReport {
  verdict: Verdict
  phase: Phase
  checks: CheckResult[]
  nodes: ReportedNode[]
  unchecked: Unchecked[]
  took_ms: number
}

/** A node as it showed itself; null where it did not. */
export interface ReportedNode {
  name: string
  url: string
  /** As it should be. */
  peer_id: string
  instance: string | null
  incarnation: string | null
  release: string | null
  merkle_root: string | null
  state_root: string | null
  /** Author id → entries. */
  frontier: Record<string, number> | null
  entries: number | null
  mode: 'P2P' | 'HTTP' | 'NONE' | null
  clock_offset_ms: number | null
  /** Whether it answered and proved who it is. */
  reachable: boolean
}
