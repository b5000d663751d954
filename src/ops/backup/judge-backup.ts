import type { Checkpoint, SignedCheckpoint } from '../../wire/checkpoint.ts'
import { EMPTY_FRONTIER, type Frontier } from '../../wire/frontier.ts'
import type { SyncFrame } from '../../wire/sync.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import { LogAudit } from '../verify/judge-log.ts'

/** Who a backup must be of. */
export interface BackupTerms {
  /** Lattice id, 64 hex. */
  lattice: string
  memberPeerIds: ReadonlySet<string>
}

export const backupTerms = ({ id, members }: DesiredLattice): BackupTerms => ({
  lattice: id,
  memberPeerIds: new Set(members.map((member) => member.peerId)),
})

/** A backup that was judged sound. */
export interface SoundBackup {
  entries: number
  /** Bytes of entries, without what surrounds them. */
  entryBytes: number
  /** All that it holds: at least what the checkpoint names. */
  frontier: Frontier
  /** The last in it; its root is the root over the entries. */
  checkpoint: Checkpoint
  /** Who signed it. */
  peerId: string
}

export type BackupVerdict =
  | { sound: true; backup: SoundBackup }
  | { sound: false; code: 'bad-backup' | 'foreign-backup'; problem: string }

/**
 * Recomputes what the frames of a backup come to: every signature, every chain, and the root that each
 * of its checkpoints signs.
 */
export class BackupAudit {
  readonly #terms: BackupTerms
  readonly #log: LogAudit
  readonly #checkpoints: SignedCheckpoint[] = []

  constructor(terms: BackupTerms) {
    this.#terms = terms
    this.#log = new LogAudit({
      ...terms,
      held: EMPTY_FRONTIER,
      cut: EMPTY_FRONTIER,
      signaturesPerAuthor: Number.MAX_SAFE_INTEGER,
      // Each entry is there once: nothing is gained by remembering what was verified.
      verified: { has: () => false, add: () => new Set() },
    })
  }

  get entries(): number {
    return this.#log.entries
  }

  take(frame: SyncFrame): void {
    if (frame.kind === 'checkpoint') this.#checkpoints.push(frame.checkpoint)
    if (frame.kind === 'entries') this.#log.take(frame.entries)
  }

  result(): BackupVerdict {
    const last = this.#checkpoints.at(-1)
    if (last === undefined) return bad('it holds no signed checkpoint')
    for (const { checkpoint, peerId } of this.#checkpoints) {
      if (checkpoint.lattice !== this.#terms.lattice) {
        const [its, ours] = [checkpoint.lattice, this.#terms.lattice].map((id) => id.slice(0, 12))
        return { ...bad(`it is of lattice ${its}…, not of ${ours}…`), code: 'foreign-backup' }
      }
      if (!this.#terms.memberPeerIds.has(peerId)) {
        return { ...bad(`it is signed by ${peerId}, who is no member`), code: 'foreign-backup' }
      }
    }
    const { problemCount, problems, entries, bytes } = this.#log.result()
    if (problemCount > 0) return bad(`${problemCount} problems, the first: ${problems[0] ?? ''}`)
    for (const { checkpoint } of this.#checkpoints) {
      const root = this.#log.rootAt(checkpoint.frontier)
      if (root === null) return bad('entries that its checkpoint names are missing')
      if (root !== checkpoint.root) return bad('its entries do not come to the signed root')
    }
    const { checkpoint, peerId } = last
    const frontier = this.#log.frontier()
    return { sound: true, backup: { entries, entryBytes: bytes, frontier, checkpoint, peerId } }
  }
}

const bad = (problem: string) => ({ sound: false, code: 'bad-backup', problem }) as const
