import type { SignedCheckpoint } from './checkpoint.ts'
import type { SignedEntry } from './entry.ts'
import { frontierObject } from './frontier.ts'
import type { CheckpointView, EntryView } from './ledger-api.ts'

/** What was signed, as JSON: what the bytes say, and the bytes. */

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

const signedView = ({ bytes, signature }: { bytes: Uint8Array; signature: Uint8Array }) => ({
  bytes: base64(bytes),
  signature: base64(signature),
})

export function entryViewOf(signed: SignedEntry): EntryView {
  const { author, seq, prev, hlc, intent } = signed.entry
  return { author, seq, id: signed.id, prev, hlc, intent, ...signedView(signed) }
}

export function checkpointViewOf(signed: SignedCheckpoint): CheckpointView {
  const { lattice, incarnation, frontier, seals, root } = signed.checkpoint
  const { stateRoot, clockFloor, wallMs } = signed.checkpoint
  return {
    peer_id: signed.peerId,
    lattice,
    incarnation,
    frontier: frontierObject(frontier),
    seals: Object.fromEntries(seals),
    root,
    state_root: stateRoot,
    clock_floor: clockFloor,
    wall_ms: wallMs,
    ...signedView(signed),
  }
}
