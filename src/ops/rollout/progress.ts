import type { Generation } from '../targets/target.ts'
import type { Frontier } from '../../wire/frontier.ts'
import type { Step } from './plan.ts'

/** What a run tells while it works, in order. Steps of different nodes may overlap. */
export type Progress =
  | { kind: 'run-begun'; run: string; what: 'deploy' | 'rollback' | 'recovery'; release: string }
  | { kind: 'step-begun'; step: Step }
  | { kind: 'step-done'; step: Step; tookMs: number; unproven?: string }
  | { kind: 'step-failed'; step: Step; tookMs: number; reason: string; hint: string | undefined }
  /** Nodes go back to what they were, in this order. */
  | { kind: 'revert-begun'; nodes: readonly string[]; reason: string }
  | { kind: 'run-ended'; run: string; result: RunResult }

/**
 * `deployed`: every node is new and proven, but for what is `unproven`. `restored`: every node is what it was before. `split`:
 * neither could be proven.
 */
export type RunResult = 'deployed' | 'restored' | 'split'

export interface StepReport extends Step {
  state: 'done' | 'failed'
  tookMs: number
  reason?: string
  /** What of a gate that opened could not be seen, a sentence. */
  unproven?: string
}

export interface Failure {
  /** What failed first: the step's id; null when the run was interrupted between two. */
  step: string | null
  node: string | null
  code: string
  reason: string
  hint: string | undefined
  /** The end of the node's log, oldest line first. */
  logTail: readonly string[]
}

export interface NodeOutcome {
  name: string
  /** `unchanged`: it was not touched. `unknown`: its restore failed, or could not be proven. */
  state: 'new' | 'old' | 'unchanged' | 'unknown'
  generation: Generation | null
}

export interface Outcome {
  result: 'unchanged' | RunResult
  /** Id of the run in the journal; null when nothing had to be done. */
  run: string | null
  release: { id: string; version: string }
  nodes: readonly NodeOutcome[]
  steps: readonly StepReport[]
  /** What ended the run; null when it went through. */
  failure: Failure | null
  /** What else an operator should know: a prune that failed, a restore that is unproven. */
  warnings: readonly string[]
  /** What nobody could see of nodes that are said to be well, each a sentence. */
  unproven: readonly string[]
}

export type GateResult = { ok: true; tookMs: number } | { ok: false; reason: string; hint: string }

/** What a gate is told. */
export interface GateQuestion {
  /** What the node must be running. */
  generation: Generation
  release: string
  /** Configuration digest that it must report; null: not known, settings were edited by hand. */
  configDigest: string | null
  /** What it held before it was switched; null: it was down, or did not tell. */
  heldBefore: Frontier | null
  /** Names of the nodes that should be up by now, `node` among them. */
  activeNames: readonly string[]
  /**
   * To be called when the node fits in for the first time. Tells beside which of these nodes it has to
   * stay well: the others are switched from then on. Absent: beside all of them.
   */
  onFit?: () => readonly string[]
  signal: AbortSignal
}

/** Judges one node after it was switched. */
export type Gate = (node: string, question: GateQuestion) => Promise<GateResult>
