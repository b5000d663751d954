import { leafHash, MerkleLog, rootOfLeaves } from '../../merkle/index.ts'
import { authorKeyHex, type AuthorId } from '../../wire/author.ts'
import { equalBytes, toHex } from '../../wire/bytes.ts'
import { WireError } from '../../wire/cbor.ts'
import { isSigned, NO_PREVIOUS, type SignedEntry } from '../../wire/entry.ts'
import { authorsOf, covers, latticeLeaf, sizeAt, type Frontier } from '../../wire/frontier.ts'
import type { Verify } from '../../wire/signature.ts'
import { AUTHORS_MAX } from '../../wire/limits.ts'
import { NO_SEALS, type Seal, type Seals } from '../../wire/seal.ts'
import { CLOCK_AHEAD_US_MAX } from './limits.ts'

interface AuthorLog {
  tree: MerkleLog
  lastId: string
  lastHlc: number
  /** Its leaf in the lattice's tree, at the size at which that was asked for last. */
  leaf: { size: number; hash: Uint8Array } | null
}

/** An author's log as a store kept it: its leaves one behind the other, and its last entry. */
export interface RestoredLog {
  author: AuthorId
  leaves: Uint8Array
  last: SignedEntry
}

/** What proofs are made of. */
export type AuthorTree = Pick<
  MerkleLog,
  'size' | 'root' | 'leaf' | 'inclusionProof' | 'consistencyProof'
>

/** Where a received entry belongs; `sealed`: behind the end of its author's log, so nowhere. */
export type Placement = 'next' | 'held' | 'gap' | 'sealed'

/** The leaf of an entry in its author's Merkle log. */
export const entryLeaf = (id: string): Uint8Array => leafHash(Buffer.from(id, 'hex'))

/**
 * Every author's append-only log, as Merkle trees over entry ids. What may be appended is decided by
 * the entry's bytes, its signature and its author's own log; never by when or where it arrived.
 */
export class Logs {
  readonly #lattice: string
  readonly #memberKeys: ReadonlySet<string>
  readonly #verify: Verify
  readonly #logs = new Map<AuthorId, AuthorLog>()
  /** Null since there are others. */
  #authors: readonly AuthorId[] | null = []
  readonly #seals = new Map<AuthorId, Seal>()
  #sealSizes: Seals = NO_SEALS
  /** Of what is held now; null since that changed. */
  #frontier: Frontier | null = null
  #root: string | null = null

  constructor(lattice: string, memberKeys: Iterable<Uint8Array>, verify: Verify) {
    this.#lattice = lattice
    this.#memberKeys = new Set([...memberKeys].map(toHex))
    this.#verify = verify
  }

  /** What is held now; it stays as it is when the logs grow. */
  frontier(): Frontier {
    if (this.#frontier !== null) return this.#frontier
    const frontier = new Map<AuthorId, number>()
    for (const author of this.authors) frontier.set(author, this.sizeOf(author))
    this.#frontier = frontier
    return frontier
  }

  /** Whose logs these are, in the one order; the same array until there are others. */
  get authors(): readonly AuthorId[] {
    this.#authors ??= [...this.#logs.keys()].toSorted()
    return this.#authors
  }

  /** The ends of logs that are known, the smallest of each author. */
  get seals(): Seals {
    return this.#sealSizes
  }

  /** The proofs of the ends that these seals do not know. */
  sealsBeyond(known: Seals): Seal[] {
    return [...this.#seals.values()].filter(
      ({ author, size }) => size < (known.get(author) ?? Number.POSITIVE_INFINITY),
    )
  }

  sizeOf(author: AuthorId): number {
    return this.#logs.get(author)?.tree.size ?? 0
  }

  /** The Merkle log of an author, for proofs; null when nothing of it is held. */
  treeOf(author: AuthorId): AuthorTree | null {
    return this.#logs.get(author)?.tree ?? null
  }

  /** Id of the author's last entry; zeros when there is none. */
  lastId(author: AuthorId): string {
    return this.#logs.get(author)?.lastId ?? NO_PREVIOUS
  }

  /** The largest clock in any log, microseconds. */
  lastHlc(): number {
    return this.#logs.values().reduce((last, log) => Math.max(last, log.lastHlc), 0)
  }

  /** Lattice root at what is held, 64 hex. */
  root(): string {
    this.#root ??= this.#rootAt(this.frontier())
    return this.#root
  }

  /** Lattice root at a cut, 64 hex; null when the logs do not reach it. */
  rootAt(cut: Frontier): string | null {
    const held = this.frontier()
    if (!covers(held, cut)) return null
    return covers(cut, held) ? this.root() : this.#rootAt(cut)
  }

  /**
   * Where an entry that was received belongs; `held` when it is there already. Throws `WireError` for
   * one that can never be appended; `equivocation` when its author signed another in its place.
   */
  place(signed: SignedEntry, nowUs: number): Placement {
    const { entry } = signed
    if (entry.lattice !== this.#lattice)
      throw new WireError('wrong-lattice', 'entry of another lattice')
    if (!this.#memberKeys.has(authorKeyHex(entry.author)))
      throw new WireError('unknown-author', 'author is no member')
    if (entry.seq >= this.#endOf(entry.author)) return 'sealed'
    const log = this.#logs.get(entry.author)
    const size = log?.tree.size ?? 0
    if (entry.seq > size) return 'gap'
    if (log !== undefined && entry.seq < size) {
      if (equalBytes(log.tree.leaf(entry.seq), entryLeaf(signed.id))) return 'held'
      if (!isSigned(signed, this.#verify))
        throw new WireError('bad-signature', 'entry not signed by its author')
      throw new WireError('equivocation', `author ${entry.author} signed two entries ${entry.seq}`)
    }
    if (!isSigned(signed, this.#verify))
      throw new WireError('bad-signature', 'entry not signed by its author')
    if (entry.prev !== this.lastId(entry.author))
      throw new WireError('broken-chain', 'prev is not the entry before')
    if (entry.hlc <= (log?.lastHlc ?? 0)) throw new WireError('broken-chain', 'the clock goes back')
    if (entry.hlc > nowUs + CLOCK_AHEAD_US_MAX)
      throw new WireError('clock-ahead', 'entry from the future, held back')
    if (log === undefined && this.#logs.size >= AUTHORS_MAX)
      throw new WireError('too-large', 'too many authors')
    return 'next'
  }

  /** Appends an entry that `place` called `next`, or one of our own. */
  append(signed: SignedEntry): void {
    const { author, hlc } = signed.entry
    this.#changed()
    const log = this.#logs.get(author)
    if (log === undefined) {
      const tree = new MerkleLog()
      tree.append(entryLeaf(signed.id))
      this.#logs.set(author, { tree, lastId: signed.id, lastHlc: hlc, leaf: null })
      this.#authors = null
    } else {
      log.tree.append(entryLeaf(signed.id))
      log.lastId = signed.id
      log.lastHlc = hlc
    }
  }

  /** Begins a log with what a store kept of it. */
  restore({ author, leaves, last }: RestoredLog): void {
    const tree = new MerkleLog()
    tree.appendPacked(leaves)
    this.#logs.set(author, { tree, lastId: last.id, lastHlc: last.entry.hlc, leaf: null })
    this.#authors = null
    this.#changed()
  }

  /** The leaves `[from, to)` of a log, one behind the other. */
  leaves(author: AuthorId, from: number, to: number): Uint8Array {
    return this.#logs.get(author)?.tree.leaves(from, to) ?? new Uint8Array()
  }

  /** Whether this entry is held where it belongs. */
  holds({ entry, id }: SignedEntry): boolean {
    const log = this.#logs.get(entry.author)
    if (log === undefined || entry.seq >= log.tree.size) return false
    return equalBytes(log.tree.leaf(entry.seq), entryLeaf(id))
  }

  /**
   * Ends a log for good. Returns how many of its entries are left out by that; null when an end as early
   * was known. Throws `WireError` for a seal of another lattice or of no member.
   */
  seal(seal: Seal): number | null {
    if (seal.lattice !== this.#lattice)
      throw new WireError('wrong-lattice', 'seal of another lattice')
    if (!this.#memberKeys.has(authorKeyHex(seal.author)))
      throw new WireError('unknown-author', 'seal of no member')
    if (seal.size >= this.#endOf(seal.author)) return null
    this.#seals.set(seal.author, seal)
    this.#sealSizes = new Map(this.#seals.entries().map(([author, { size }]) => [author, size]))
    const leftOut = Math.max(0, this.sizeOf(seal.author) - seal.size)
    if (leftOut === 0) return 0
    this.#changed()
    if (seal.size === 0) {
      this.#logs.delete(seal.author)
      this.#authors = null
    } else this.#logs.get(seal.author)?.tree.truncate(seal.size)
    return leftOut
  }

  #rootAt(cut: Frontier): string {
    return toHex(
      rootOfLeaves(authorsOf(cut).map((author) => this.#leafAt(author, sizeAt(cut, author)))),
    )
  }

  /** The first entries of a log never change, and so neither does its leaf at a size. */
  #leafAt(author: AuthorId, size: number): Uint8Array {
    const log = this.#logs.get(author)
    if (log === undefined) return latticeLeaf(author, size, new Uint8Array())
    if (log.leaf?.size !== size)
      log.leaf = { size, hash: latticeLeaf(author, size, log.tree.root(size)) }
    return log.leaf.hash
  }

  #changed(): void {
    this.#frontier = null
    this.#root = null
  }

  #endOf(author: AuthorId): number {
    return this.#sealSizes.get(author) ?? Number.POSITIVE_INFINITY
  }
}
