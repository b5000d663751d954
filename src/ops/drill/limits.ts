import { FAULT_MS_MAX } from '../../wire/limits.ts'

/** What a lattice must show under every fault, named once. */
export const objectives = {
  /** Milliseconds from the fault to the first entry applied on the other side of the break. */
  activationMs: 3000,
  /** Milliseconds from the node's return until all exchange entries with it again as before. */
  recoveryMs: 2000,
  /** Milliseconds from the node's return until all hold what was acknowledged before it. */
  equalFrontierMs: 5000,
  /** Acknowledged entries that some node lacks after convergence. */
  lostMax: 0,
  /** Share of the writes to the nodes without a fault that were acknowledged. */
  othersSuccessMin: 0.99,
} as const

export interface DrillLimits {
  /** Milliseconds that one fault may last, whatever happens; at most `FAULT_MS_MAX`. */
  faultMsMax: number
  /** Milliseconds after the undo within which the lattice must be whole again. */
  convergeMsMax: number
}

export const defaultLimits: DrillLimits = { faultMsMax: 120_000, convergeMsMax: 15_000 }

export const defaultOptions = { writesPerSecond: 10, baselineMs: 5000, holdMs: 6000 }

/** What options may be, least and most. */
export const optionBounds = {
  /** Writes per second to each node. */
  writesPerSecond: [1, 100],
  baselineMs: [1000, 600_000],
  holdMs: [1000, FAULT_MS_MAX],
  faultMsMax: [1000, FAULT_MS_MAX],
  convergeMsMax: [1000, 120_000],
} as const

/** Pause between two looks at a node's health: the error of what is measured by looking. */
export const POLL_MS = 25
/** How often waits look at what the readers saw; nothing is measured by it. */
export const LOOK_MS = 10
/** How often a killed node's place is looked at for its return. */
export const OBSERVE_MS = 100

/** How long a question may take before it counts as unanswered. */
export const HEALTH_MS_MAX = 1000
export const RECEIPT_MS_MAX = 1000
export const ATTEST_MS_MAX = 3000
export const WRITE_MS_MAX = 2000
/** The same for one try of the retrying client, which then asks the next node. */
export const TRY_MS_MAX = 1000
/** A writer that was held up catches up on this much of its schedule; the rest is left out. */
export const CATCH_UP_MS_MAX = 1000
/** Receipts asked of one node after one look at it. */
export const QUESTIONS_MAX = 8

/** For the lattice to be whole under load before a fault. */
export const WARM_UP_MS_MAX = 5000
/** A fault is broken in within this, or it is undone again. */
export const INJECT_MS_MAX = 10_000
/** How late a node may undo a fault by itself, and how early that counts as too early. */
export const SELF_UNDO_MS_MAX = 2000
export const EARLY_MS = 250
/** From a kill until its supervisor has the node running again; after a few kills in a row it waits longer. */
export const RETURN_MS_MAX = 45_000
/** One try to undo, how many there are, and the pause between two. */
export const UNDO_MS_MAX = 20_000
export const UNDO_TRIES = 3
export const UNDO_PAUSE_MS = 500

/** After the load ended: for all nodes to hold the same. */
export const SETTLE_MS_MAX = 15_000
export const SETTLE_POLL_MS = 50
/** Equal frontiers that do not change for this long are what the lattice has come to. */
export const STILL_MS = 500
/** Exchanges to read back one node's entries. */
export const PULLS_MAX = 50

/** When the drill stops early: a node without a fault that is silent, or is cut from another one, for so long. */
export const SILENT_MS_MAX = 2000
export const UNLINKED_MS_MAX = 3000
/** Seconds in a row in which too few writes to nodes without a fault succeed. */
export const POOR_SECONDS_MAX = 5
