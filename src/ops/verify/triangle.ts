import type { Clock } from '../client/clock.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import { judge } from './judge.ts'
import type { SavedCheckpoints, TriangleReport } from './observation.ts'
import { observeLattice } from './observe.ts'
import type { PullBounds } from './observe-logs.ts'

export interface TriangleOptions {
  lattice: DesiredLattice
  clients: readonly NodeClient[]
  /** Release that should run on all nodes; null when no deployment is recorded. */
  expectedRelease: string | null
  /** What the last run saw (`readCheckpoints`); null at the first. */
  saved: SavedCheckpoints | null
  options?: { full?: boolean; bounds?: PullBounds }
  clock?: Clock
  signal: AbortSignal
}

/**
 * The room `verify` owns what may be said about a lattice: it observes (effects, no opinion), judges (pure,
 * over the observation alone) and waits for a node to fit in (the gate). It must never report as good what
 * it did not see: missing, empty, null and skipped are UNKNOWN or unchecked, not PASS. It changes nothing
 * on any node but for the canaries, signed no-ops.
 *
 * Observes the lattice once and judges it. Failures of nodes are in the report; throws only the signal's
 * reason.
 */
export async function verifyTriangle({
  options = {},
  ...rest
}: TriangleOptions): Promise<TriangleReport> {
  return judge(await observeLattice({ ...rest, ...options }))
}
