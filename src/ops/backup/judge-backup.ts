import { parseAuthorId, type AuthorId } from '../../wire/author.ts'
import type { Checkpoint, SignedCheckpoint } from '../../wire/checkpoint.ts'
import { EMPTY_FRONTIER, type Frontier } from '../../wire/frontier.ts'
import type { Genesis } from '../../wire/lattice.ts'
import { clip, coversSeals, type Seal, type Seals } from '../../wire/seal.ts'
import type { SyncFrame } from '../../wire/sync.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import { LogAudit } from '../verify/recompute/log-audit.ts'

/** Who a backup must be of. */
export interface BackupTerms {
  /** Lattice id, 64 hex. */
  lattice: string
  genesis: Genesis
  memberPeerIds: ReadonlySet<string>
}

export const backupTerms = ({ id, genesis, members }: DesiredLattice): BackupTerms => ({
  lattice: id,
  genesis,
  memberPeerIds: new Set(members.map((member) => member.peerId)),
})

/** A backup that was judged sound. */
export interface SoundBackup {
  entries: number
  /** Bytes of entries, without what surrounds them. */
  entryBytes: number
  /** All that it holds and that counts: at least what the checkpoint names. */
  frontier: Frontier
  /** The ends of logs that it proves. */
  seals: Seals
  /** The last in it; its root is the root over the entries. */
  checkpoint: Checkpoint
  /** Who signed it. */
  peerId: string
}

export type BackupVerdict =
  | { sound: true; backup: SoundBackup }
  | { sound: false; code: 'bad-backup' | 'foreign-backup'; problem: string }

/**
 * Recomputes what the frames of a backup come to: every signature, every chain, the root that each of
 * its checkpoints signs, and the state that the last one signs.
 */
export class BackupAudit {
  readonly #terms: BackupTerms
  readonly #log: LogAudit
  readonly #checkpoints: SignedCheckpoint[] = []
  readonly #seals = new Map<AuthorId, number>()
  #foreignSeals = 0

  constructor(terms: BackupTerms) {
    this.#terms = terms
    this.#log = new LogAudit({
      ...terms,
      frontiers: { held: EMPTY_FRONTIER, cut: EMPTY_FRONTIER, saved: null },
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
    if (frame.kind === 'seals') for (const seal of frame.seals) this.#takeSeal(seal)
  }

  /** Its proof was verified when it was decoded. Of several, the smallest counts. */
  #takeSeal({ lattice, author, size }: Seal): void {
    const peerId = parseAuthorId(author)?.peerId ?? ''
    if (lattice !== this.#terms.lattice || !this.#terms.memberPeerIds.has(peerId)) {
      this.#foreignSeals += 1
    }
    this.#seals.set(author, Math.min(size, this.#seals.get(author) ?? size))
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
    if (this.#foreignSeals > 0) return bad('it ends logs that are not this lattice’s')
    if (!coversSeals(this.#seals, last.checkpoint.seals)) {
      return bad('the proof that a log has ended is missing')
    }
    const { problemCount, problems, entries, bytes } = this.#log.result()
    if (problemCount > 0) return bad(`${problemCount} problems, the first: ${problems[0] ?? ''}`)
    for (const { checkpoint } of this.#checkpoints) {
      const root = this.#log.rootAt(checkpoint.frontier)
      if (root === null) return bad('entries that its checkpoint names are missing')
      if (root !== checkpoint.root) return bad('its entries do not come to the signed root')
    }
    const { checkpoint, peerId } = last
    if (this.#log.stateAt(checkpoint.frontier)?.root !== checkpoint.stateRoot) {
      return bad('its entries do not come to the signed state')
    }
    const seals = this.#seals
    const frontier = clip(this.#log.frontier(), seals)
    return {
      sound: true,
      backup: { entries, entryBytes: bytes, frontier, seals, checkpoint, peerId },
    }
  }
}

const bad = (problem: string) => ({ sound: false, code: 'bad-backup', problem }) as const
