import type { PhaseRecord } from '../ops/rollout/record.ts'
import type { Target } from '../ops/targets/target.ts'

/** Where the nodes of a phase live, and where it is written down what was done to them. */
export interface Site {
  /** In the order of nodes.yaml. */
  targets: readonly Target[]
  record: PhaseRecord
  /**
   * Begins to connect to all hosts at once, so that what follows need not wait for one after the other.
   * Resolves when all are connected, or cannot be; what came of it is told to who asks them.
   */
  approach(): Promise<void>
  /** Whether the hosts have what a command needs that changes something there. Changes nothing. */
  isPrepared(): Promise<boolean>
  /**
   * The record without hosts that keep none, because nothing of ours is there. The host of the node
   * `name`, unless it is null, is first brought what keeping one takes.
   */
  recordWith(name: string | null): Promise<PhaseRecord>
  /** Brings it. Harmless beside other commands; what runs is not touched. */
  prepare(): Promise<void>
}
