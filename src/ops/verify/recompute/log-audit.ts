import type { AuthorId } from '../../../wire/author.ts'
import type { Checkpoint } from '../../../wire/checkpoint.ts'
import type { Frontier } from '../../../wire/frontier.ts'
import type { Genesis } from '../../../wire/lattice.ts'
import type { Seal } from '../../../wire/seal.ts'
import { PROBLEMS_SHOWN_MAX } from '../limits.ts'
import { readCheckpoint } from './checkpoint.ts'
import { readEntry, type ReadEntry } from './entry.ts'
import { UnsoundBytesError } from './fields.ts'
import { sha256 } from './hash.ts'
import { latticeRoot } from './lattice-root.ts'
import { LeafLog, type LogBegin } from './leaf-log.ts'
import { keyInPeerId } from './peer-id.ts'
import { Replay, type State } from './replay.ts'
import { readSeal } from './seal.ts'
import { ed25519, type Verify } from './signature.ts'
import { isIncluded, leafHash } from './tree.ts'

export interface AuditTerms {
  /** Lattice id, 64 hex. */
  lattice: string
  genesis: Genesis
  /** Peer ids of the members: nobody else is an author. */
  memberPeerIds: Iterable<string>
  /** What the results are about; `held` is what the node signed that it holds. */
  frontiers: { held: Frontier; cut: Frontier; saved: Frontier | null }
  /** Where logs begin of which only the newest entries are looked at; all others at their first. */
  begins?: ReadonlyMap<AuthorId, LogBegin>
  /** Signatures that were verified already, and those verified now: nodes send the same entries. */
  verified: Pick<Set<string>, 'has' | 'add'>
  verify?: Verify
}

/** Bytes and the signature over them, as a node gives them away. */
export interface Signed {
  bytes: Uint8Array
  signature: Uint8Array
}

/** What recomputing a node's entries came to. Roots are 64 hex; null where the entries do not reach. */
export interface AuditedLog {
  entries: number
  bytes: number
  signaturesVerified: number
  /** Logs that were looked at only from here on: author → size. No state is recomputed then. */
  begins: Frontier
  /** Entries from before, each shown to stand in its place. */
  older: number
  problemCount: number
  /** The first of them. */
  problems: readonly string[]
  rootAtHeld: string | null
  rootAtCut: string | null
  /** Null also when the last run saved nothing. */
  rootAtSaved: string | null
  stateRootAtHeld: string | null
  /** Entries up to `held` that replay rejected. */
  rejectedAtHeld: number | null
  /** Logs that end for good, by proofs that were checked: author → size. */
  ends: ReadonlyMap<AuthorId, number>
  /** The signed checkpoint in front of the entries, and what its entries come to; null when none came. */
  checkpoint: AuditedCheckpoint | null
}

export interface AuditedCheckpoint {
  frontier: Frontier
  root: string
  stateRoot: string
  recomputedRoot: string | null
  recomputedStateRoot: string | null
}

interface AuthorLog {
  /** Null: no member's. */
  publicKey: Uint8Array | null
  tree: LeafLog
  /** Null: before the first entry of a log that is not looked at from its beginning. */
  lastId: string | null
  /** What the first entry that was looked at says it follows. */
  firstPrev: string | null
  lastHlc: number
}

/**
 * A node's logs recomputed from the bytes that it gives away: membership, sequence, chain, clock, ids and
 * signatures, the roots that it has signed and the state that it says they come to. The room `recompute`
 * shares no code with the node, so that one mistake cannot stand on both sides: of `wire` it imports types
 * and limits, of `merkle` nothing, and lint holds that line. It is pure.
 *
 * An entry that is not sound counts as a problem and still goes into its tree, so the roots show what the
 * node really gave. Memory: some 80 bytes an entry, and a digest for each signature in `verified`.
 */
export class LogAudit {
  readonly #terms: AuditTerms
  readonly #memberKeys: ReadonlySet<string>
  readonly #verify: Verify
  readonly #logs = new Map<AuthorId, AuthorLog>()
  readonly #replay: Replay
  readonly #ends = new Map<AuthorId, number>()
  readonly #problems: string[] = []
  #problemCount = 0
  #entries = 0
  #bytes = 0
  #signaturesVerified = 0
  #older = 0
  #checkpoint: Checkpoint | null = null

  constructor(terms: AuditTerms) {
    this.#terms = terms
    this.#memberKeys = new Set(
      [...terms.memberPeerIds].flatMap((peerId) => keyInPeerId(peerId) ?? []),
    )
    this.#verify = terms.verify ?? ed25519()
    this.#replay = new Replay(terms.genesis)
    for (const [author, begin] of this.#begins) this.#logs.set(author, this.#newLog(author, begin))
  }

  get #begins(): ReadonlyMap<AuthorId, LogBegin> {
    return this.#terms.begins ?? new Map()
  }

  get entries(): number {
    return this.#entries
  }

  /** What the entries taken so far reach. */
  frontier(): Frontier {
    return new Map(this.#logs.entries().map(([author, { tree }]) => [author, tree.size]))
  }

  /** Whether the entries reach all that the node signed that it holds. */
  get isComplete(): boolean {
    const { held } = this.#terms.frontiers
    return this.#reaches(held) && this.#reaches(this.#checkpoint?.frontier ?? held)
  }

  /** Takes the first checkpoint, which stands in front of the entries. */
  takeCheckpoint({ bytes, signature }: Signed): void {
    if (this.#checkpoint !== null) return
    const checkpoint = this.#soundly('its checkpoint', () =>
      readCheckpoint(bytes, signature, this.#verify),
    )
    if (checkpoint === null) return
    if (checkpoint.lattice !== this.#terms.lattice) {
      this.#problem('its checkpoint', 'is of another lattice')
    }
    this.#checkpoint = checkpoint
  }

  /** Takes proofs of ends of logs; of several ends of one log the first holds. */
  takeSeals(seals: readonly Pick<Seal, 'proof'>[]): void {
    for (const { proof } of seals) {
      const end = this.#soundly('a seal', () => readSeal(proof, this.#verify))
      if (end === null) continue
      const { lattice, author, size } = end
      if (lattice !== this.#terms.lattice) this.#problem('a seal', 'is of another lattice')
      else if (!this.#memberKeys.has(author.slice(0, 64)))
        this.#problem('a seal', 'is of no member')
      else this.#ends.set(author, Math.min(size, this.#ends.get(author) ?? size))
    }
  }

  take(entries: readonly Signed[]): void {
    for (const signed of entries) {
      this.#entries += 1
      this.#bytes += signed.bytes.length + signed.signature.length
      const read = this.#soundly(`entry ${this.#entries} of the stream`, () =>
        readEntry(signed.bytes),
      )
      if (read !== null) this.#append(read, signed.signature)
    }
  }

  /** Takes an entry from before the beginning of its log, with its path in the tree of that size. */
  takeOlder(
    { author, seq }: { author: AuthorId; seq: number },
    { bytes, signature }: Signed,
    path: readonly Uint8Array[],
  ): void {
    const place = where(author, seq)
    const [log, begin] = [this.#logOf(author), this.#begins.get(author)]
    const read = this.#soundly(place, () => readEntry(bytes))
    const root = begin === undefined ? null : log.tree.rootAt(begin.size)
    if (read === null || begin === undefined || root === null) return
    this.#older += 1
    const { entry, id } = read
    if (entry.author !== author || entry.seq !== seq) this.#problem(place, 'another stands there')
    if (entry.lattice !== this.#terms.lattice) this.#problem(place, 'is of another lattice')
    this.#checkSigned(log, place, read, signature)
    const leaf = leafHash(Buffer.from(id, 'hex'))
    if (!isIncluded({ leaf, index: seq, size: begin.size, proof: path, root })) {
      this.#problem(place, 'is not below the signed root')
    }
    if (seq === begin.size - 1 && id !== log.firstPrev) {
      this.#problem(place, 'is not what the entry after it follows')
    }
  }

  result(): AuditedLog {
    const { held, cut, saved } = this.#terms.frontiers
    const state = this.stateAt(held)
    const unheeded = this.#unheededEnds()
    return {
      entries: this.#entries,
      bytes: this.#bytes,
      signaturesVerified: this.#signaturesVerified,
      begins: new Map(this.#begins.entries().map(([author, { size }]) => [author, size])),
      older: this.#older,
      problemCount: this.#problemCount + unheeded.length,
      problems: [...this.#problems, ...unheeded].slice(0, PROBLEMS_SHOWN_MAX),
      rootAtHeld: this.rootAt(held),
      rootAtCut: this.rootAt(cut),
      rootAtSaved: saved === null ? null : this.rootAt(saved),
      stateRootAtHeld: state?.root ?? null,
      rejectedAtHeld: state?.rejected.size ?? null,
      ends: new Map(this.#ends),
      checkpoint: this.#checkpoint && this.#audited(this.#checkpoint),
    }
  }

  #audited({ frontier, root, stateRoot }: Checkpoint): AuditedCheckpoint {
    return {
      frontier,
      root,
      stateRoot,
      recomputedRoot: this.rootAt(frontier),
      recomputedStateRoot: this.stateAt(frontier)?.root ?? null,
    }
  }

  /** Ends of logs that the node proved and does not keep to, or keeps to and did not prove. */
  #unheededEnds(): string[] {
    const ended = [...this.#ends].filter(
      ([author, size]) => (this.#logs.get(author)?.tree.size ?? 0) > size,
    )
    const unproven = [...(this.#checkpoint?.seals ?? [])].filter(
      ([author, size]) => (this.#ends.get(author) ?? size + 1) > size,
    )
    return [
      ...ended.map(([author, size]) => `${where(author, size)}: its log ends before it`),
      ...unproven.map(
        ([author, size]) => `${where(author, size)}: nothing proves that it is sealed`,
      ),
    ]
  }

  /** The lattice root at a frontier, 64 hex; null where the entries do not reach. */
  rootAt(frontier: Frontier): string | null {
    return latticeRoot(
      frontier,
      (author, size) => this.#logs.get(author)?.tree.rootAt(size) ?? null,
    )
  }

  /** The ledger at any frontier; null where the entries do not reach, back to the first as well. */
  stateAt(frontier: Frontier): State | null {
    return this.#begins.size === 0 && this.#reaches(frontier)
      ? this.#replay.stateAt(frontier)
      : null
  }

  #append(read: ReadEntry, signature: Uint8Array): void {
    const { entry, id } = read
    const { author, seq, prev, hlc, lattice } = entry
    const log = this.#logOf(author)
    const place = where(author, seq)
    this.#checkSigned(log, place, read, signature)
    if (lattice !== this.#terms.lattice) this.#problem(place, 'is of another lattice')
    if (seq !== log.tree.size) this.#problem(place, `stands at position ${log.tree.size}`)
    if (log.lastId !== null && prev !== log.lastId)
      this.#problem(place, 'does not follow the entry before it')
    if (hlc <= log.lastHlc) this.#problem(place, 'its clock goes back')
    log.tree.append(leafHash(Buffer.from(id, 'hex')))
    log.firstPrev ??= prev
    log.lastId = id
    log.lastHlc = hlc
    this.#replay.take(entry)
  }

  #logOf(author: AuthorId): AuthorLog {
    const known = this.#logs.get(author)
    if (known !== undefined) return known
    const log = this.#newLog(author)
    this.#logs.set(author, log)
    return log
  }

  #newLog(author: AuthorId, begin?: LogBegin): AuthorLog {
    const key = author.slice(0, 64)
    return {
      publicKey: this.#memberKeys.has(key) ? Buffer.from(key, 'hex') : null,
      tree: new LeafLog(begin),
      lastId: begin === undefined ? '0'.repeat(64) : null,
      firstPrev: null,
      lastHlc: 0,
    }
  }

  #checkSigned(
    { publicKey }: AuthorLog,
    place: string,
    { id, message }: ReadEntry,
    signature: Uint8Array,
  ): void {
    if (publicKey === null) return this.#problem(place, 'its author is no member')
    this.#signaturesVerified += 1
    const digest = sha256(Buffer.from(id, 'hex'), signature).toString('latin1')
    if (this.#terms.verified.has(digest)) return
    if (this.#verify(publicKey, message, signature)) this.#terms.verified.add(digest)
    else this.#problem(place, 'is not signed by its author')
  }

  #reaches(frontier: Frontier): boolean {
    return frontier
      .entries()
      .every(([author, size]) => (this.#logs.get(author)?.tree.size ?? 0) >= size)
  }

  /** What `read` returns; null, and a problem, when the bytes are not sound. */
  #soundly<T>(place: string, read: () => T): T | null {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof UnsoundBytesError)) throw error
      this.#problem(place, error.message)
      return null
    }
  }

  #problem(place: string, what: string): void {
    this.#problemCount += 1
    if (this.#problems.length < PROBLEMS_SHOWN_MAX) this.#problems.push(`${place}: ${what}`)
  }
}

const where = (author: AuthorId, seq: number): string => `${author.slice(0, 12)}…#${seq}`
