import type { Bounds, CoreConfig, Now, Restored } from '../../src/node/replica/contract.ts'
import type { Core } from '../../src/node/replica/core.ts'
import type { Snapshot } from '../../src/node/replica/snapshot.ts'
import { CorruptError, type Drive } from './drive.ts'
import { configOf, keyOf, type Lattice } from './members.ts'
import type { Release } from './release.ts'

/** What a process begins with. */
export interface Premises {
  drive: Drive
  lattice: Lattice
  index: number
  release: Release
  isOurs: boolean
  exchange: CoreConfig['exchange']
  bounds: Bounds | null
  now: Now
}

/** What a process began from. `instead`: from all entries, since the snapshot could not be used. */
export type Beginning = 'entries' | 'snapshot' | 'instead'

/**
 * A core as a disk remembers it: from the newest snapshot; from all entries when that does not fit what is
 * on the disk. Throws `CorruptError` for a disk that is not what it was.
 */
export function begun(premises: Premises): { core: Core; beginning: Beginning } {
  const { drive } = premises
  const snapshot = snapshotIn(premises)
  if (snapshot !== null) {
    try {
      return { core: coreAfter(snapshot, premises), beginning: 'snapshot' }
    } catch (error) {
      if (!isCorruption(error)) throw error
    }
  }
  const isKept = drive.snapshot() !== null
  if (isKept) drive.forgetSnapshots()
  return { core: coreAfter(null, premises), beginning: isKept ? 'instead' : 'entries' }
}

/** The newest snapshot from before a clock, kept by this release or by one of the same format. */
export function snapshotIn(
  { drive, lattice, index, release }: Premises,
  beforeHlc?: number,
): Snapshot | null {
  const row = drive.snapshot(beforeHlc)
  if (row === null) return null
  const { publicKey } = keyOf(lattice, index)
  try {
    return release.decodeSnapshot(row.bytes, row.signature, publicKey, lattice.verify)
  } catch (error) {
    if (!isCorruption(error)) throw error
    return null
  }
}

/** Releases have classes of their own. */
export const isCorruption = (error: unknown): boolean =>
  error instanceof CorruptError || (error instanceof Error && error.name === 'WireError')

function coreAfter(snapshot: Snapshot | null, premises: Premises): Core {
  const { drive, lattice, index, release, exchange, bounds, now } = premises
  drive.audit(snapshot?.folded.sizes, lattice.verify)
  const config = {
    ...configOf(
      lattice,
      index,
      drive.incarnation,
      exchange,
      (author, seq) => drive.entry(author, seq) ?? null,
    ),
    ...(bounds === null ? {} : { bounds }),
  }
  return new release.Core(config, restored(snapshot, premises), now)
}

/** Another release reads the bytes, and makes of them what it does. */
function restored(
  snapshot: Snapshot | null,
  { drive, lattice, release, isOurs }: Premises,
): Restored {
  const read = drive.restored(snapshot)
  if (isOurs) return read
  const { verify } = lattice
  const { decodeCheckpoint, decodeEntry, decodeFrame, encodeFrame } = release
  const seals = decodeFrame(encodeFrame({ kind: 'seals', seals: [...read.seals] }), verify)
  return {
    ...read,
    seals: seals.kind === 'seals' ? seals.seals : [],
    entries: [...read.entries].map((one) => decodeEntry(one.bytes, one.signature)),
    checkpoints: read.checkpoints.map((one) => decodeCheckpoint(one.bytes, one.signature, verify)),
  }
}
