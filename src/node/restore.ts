import { WireError } from '../wire/cbor.ts'
import type { NodeKey } from './keys.ts'
import type { CoreConfig, Restored } from './replica/contract.ts'
import { decodeSnapshot, type Snapshot } from './replica/snapshot.ts'
import type { Member } from '../wire/lattice.ts'
import type { Settings } from '../wire/settings.ts'
import { publicKeyOf, verifySignature, type Verify } from '../wire/signature.ts'
import { StoreError } from './store/errors.ts'
import type { Store } from './store/store.ts'

interface NodeFacts {
  settings: Settings
  key: NodeKey
  others: readonly Member[]
  /** Lattice id, 64 hex. */
  lattice: string
}

/** What a core on this store has to know. */
export const coreConfigOf = (
  { settings, key, others, lattice }: NodeFacts,
  store: Store,
  verify: Verify,
): CoreConfig => ({
  lattice,
  genesis: settings.genesis,
  publicKey: key.publicKey,
  incarnation: store.incarnation,
  others: new Map(others.map(({ peerId }) => [peerId, publicKeyOf(peerId) ?? new Uint8Array()])),
  exchange: {
    policy: settings.syncPolicy,
    httpPollMs: settings.httpPollMs,
    heartbeatMs: settings.heartbeatMs,
  },
  sign: key.sign,
  verify,
  stored: (author, seq) => store.entry(author, seq),
})

/** What a store remembers, from its newest snapshot on. Throws `StoreError` or `WireError`. */
export function restoredFrom(store: Store, snapshot: Snapshot | null): Restored {
  const sizes = snapshot?.folded.sizes
  return {
    seals: store.seals(),
    snapshot,
    logs: sizes === undefined ? [] : store.logs(sizes),
    entries: store.audited('newest', sizes),
    checkpoints: store.checkpoints(),
    reservedClock: store.reservedClock,
  }
}

/** The newest snapshot of this node's own, from before a clock; null when there is none that can be read. */
export function snapshotIn(
  store: Store,
  { publicKey, lattice }: { publicKey: Uint8Array; lattice: string },
  beforeHlc?: number,
): Snapshot | null {
  const row = store.snapshot(beforeHlc)
  if (row === null) return null
  try {
    const snapshot = decodeSnapshot(row.bytes, row.signature, publicKey, verifySignature)
    return snapshot.lattice === lattice ? snapshot : null
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

/** What is on the disk is not what was written, as far as one can tell. */
export const isCorruption = (error: unknown): error is StoreError | WireError =>
  error instanceof WireError || (error instanceof StoreError && error.code === 'corrupt')
