import { readFile } from 'node:fs/promises'
import { OperatorError } from '../ops/errors.ts'
import { writeWhole } from '../ops/host/durable-file.ts'
import { formatCheckpoints, nextCheckpoints, parseCheckpoints } from '../ops/verify/checkpoints.ts'
import { savedClaims, type RootClaim } from '../ops/verify/root-proof.ts'
import { verifyTriangle } from '../ops/verify/triangle.ts'
import type { SavedCheckpoints, TriangleReport } from '../ops/verify/observation.ts'
import type { App } from './command.ts'
import type { Lattice } from './lattice.ts'
import { phaseFiles } from './phase-files.ts'
import type { JournalRecord } from '../ops/rollout/journal-record.ts'

export interface VerificationTerms {
  /** Release that all nodes should run; null when it is not known. */
  expectedRelease: string | null
  full: boolean
}

/** Verifies the lattice against what the last run saw, and keeps what this one saw for the next. */
export async function verifyLattice(
  { options, signal, screen }: App,
  { inventory, desired, clients }: Lattice,
  { expectedRelease, full }: VerificationTerms,
): Promise<TriangleReport> {
  const { checkpoints } = phaseFiles(inventory, options.phase)
  const saved = await readSaved(checkpoints)
  const title = {
    doing: 'verifying identity, edges, roots and flow',
    done: 'looked at identity, edges, roots and flow',
  }
  const report = await screen.during(title, async () =>
    verifyTriangle({
      lattice: desired,
      clients,
      expectedRelease,
      saved,
      options: { full },
      signal,
    }),
  )
  const next = nextCheckpoints(desired, report, saved)
  await writeWhole(checkpoints, formatCheckpoints(next), 0o600)
  return report
}

/** What the last verification from here saw of the nodes of this lattice, to hold a node to. */
export async function keptClaims(
  { options }: App,
  { inventory, desired }: Lattice,
): Promise<{ claims: RootClaim[]; unchecked: string[] }> {
  const saved = await readSaved(phaseFiles(inventory, options.phase).checkpoints)
  return saved !== null && saved.lattice === desired.id && saved.nodes.length > 0
    ? { claims: savedClaims(saved.nodes), unchecked: [] }
    : { claims: [], unchecked: ['what nodes signed before: no verification was kept here'] }
}

/** Null before the first run. A file that is none of ours is no first run: that would forgive a rollback. */
async function readSaved(path: string): Promise<SavedCheckpoints | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  const saved = parseCheckpoints(text)
  if (saved !== null) return saved
  throw new OperatorError('checkpoints', `${path} is not what the last verification saved`, {
    exit: 'badInput',
    hint: 'move it away; then what the nodes signed before is not compared once',
  })
}

/** The release that the last deploy or rollback brought to the nodes; null: there was none. */
export function recordedRelease(records: readonly JournalRecord[]): string | null {
  const ended = records.findLast((record) => record.type === 'end' && record.result === 'deployed')
  const begun = records.find((record) => record.type === 'begin' && record.run === ended?.run)
  return begun?.type === 'begin' ? begun.release.id : null
}
