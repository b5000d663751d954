import { leafHash, MerkleLog } from '../../merkle/index.ts'
import { parseAuthorId, type AuthorId } from '../../wire/author.ts'
import { fromHex, toHex } from '../../wire/bytes.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import { isSigned, NO_PREVIOUS, type SignedEntry } from '../../wire/entry.ts'
import { covers, latticeRoot, sizeAt, type Frontier } from '../../wire/frontier.ts'
import { verifySignature } from '../../wire/signature.ts'
import { PROBLEMS_SHOWN_MAX } from './limits.ts'
import type { AuditedLog } from './observation.ts'

export interface AuditTerms {
  /** Lattice id, 64 hex. */
  lattice: string
  /** Peer ids of the members: nobody else is an author. */
  memberPeerIds: ReadonlySet<string>
  /** What the node signed that it holds. */
  held: Frontier
  cut: Frontier
  /** Of each author, this many of the newest entries held have their signature verified. */
  signaturesPerAuthor: number
  /** Signatures that were verified already, and those verified now: nodes send the same entries. */
  verified: Pick<Set<string>, 'has' | 'add'>
}

interface AuthorAudit {
  isMember: boolean
  tree: MerkleLog
  lastId: string
  lastHlc: number
}

/**
 * Recomputes a node's logs from the entries it gives away, by code that is not the node's: membership,
 * sequence, chain, clock, ids and signatures, and with Merkle trees of its own the roots that the node
 * has signed. An entry that is not sound counts as a problem and still goes into its tree, so the roots
 * show what the node really gave.
 */
export class LogAudit {
  readonly #terms: AuditTerms
  readonly #authors = new Map<AuthorId, AuthorAudit>()
  readonly #problems: string[] = []
  #problemCount = 0
  #entries = 0
  #bytes = 0
  #signaturesVerified = 0
  #checkpoint: AuditedLog['checkpoint'] = null

  constructor(terms: AuditTerms) {
    this.#terms = terms
  }

  get entries(): number {
    return this.#entries
  }

  /** What the entries taken so far reach. */
  frontier(): Frontier {
    return new Map(this.#authors.entries().map(([author, { tree }]) => [author, tree.size]))
  }

  takeCheckpoint({ checkpoint: { frontier, root, stateRoot } }: SignedCheckpoint): void {
    this.#checkpoint ??= { frontier, root, stateRoot }
  }

  take(entries: readonly SignedEntry[]): void {
    for (const signed of entries) this.#take(signed)
  }

  /** Lattice root recomputed from the entries, 64 hex; null where they do not reach. */
  rootAt(frontier: Frontier): string | null {
    if (!covers(this.frontier(), frontier)) return null
    const rootOf = (author: AuthorId, size: number): Uint8Array =>
      this.#authors.get(author)?.tree.root(size) ?? new Uint8Array()
    return toHex(latticeRoot(frontier, rootOf))
  }

  result(): AuditedLog {
    const { held, cut } = this.#terms
    return {
      entries: this.#entries,
      bytes: this.#bytes,
      signaturesVerified: this.#signaturesVerified,
      problemCount: this.#problemCount,
      problems: this.#problems,
      rootAtHeld: this.rootAt(held),
      rootAtCut: this.rootAt(cut),
      checkpoint: this.#checkpoint,
    }
  }

  #take(signed: SignedEntry): void {
    const { entry, id } = signed
    const where = `${entry.author.slice(0, 12)}…#${entry.seq}`
    const log = this.#logOf(entry.author)
    this.#entries += 1
    this.#bytes += signed.bytes.length + signed.signature.length
    if (!log.isMember) this.#problem(`${where}: its author is no member`)
    if (entry.lattice !== this.#terms.lattice) this.#problem(`${where}: is of another lattice`)
    if (entry.seq !== log.tree.size) this.#problem(`${where}: stands at position ${log.tree.size}`)
    if (entry.prev !== log.lastId) this.#problem(`${where}: does not follow the entry before it`)
    if (entry.hlc <= log.lastHlc) this.#problem(`${where}: its clock goes back`)
    if (!this.#isSigned(signed)) this.#problem(`${where}: is not signed by its author`)
    log.tree.append(leafHash(fromHex(id) ?? new Uint8Array()))
    log.lastId = id
    log.lastHlc = entry.hlc
  }

  #logOf(author: AuthorId): AuthorAudit {
    const known = this.#authors.get(author)
    if (known !== undefined) return known
    const parts = parseAuthorId(author)
    const log = {
      isMember: parts !== null && this.#terms.memberPeerIds.has(parts.peerId),
      tree: new MerkleLog(),
      lastId: NO_PREVIOUS,
      lastHlc: 0,
    }
    this.#authors.set(author, log)
    return log
  }

  #isSigned(signed: SignedEntry): boolean {
    const { held, signaturesPerAuthor, verified } = this.#terms
    const { author, seq } = signed.entry
    if (seq < sizeAt(held, author) - signaturesPerAuthor) return true
    this.#signaturesVerified += 1
    const key = `${signed.id}${toHex(signed.signature)}`
    if (verified.has(key)) return true
    if (!isSigned(signed, verifySignature)) return false
    verified.add(key)
    return true
  }

  #problem(text: string): void {
    this.#problemCount += 1
    if (this.#problems.length < PROBLEMS_SHOWN_MAX) this.#problems.push(text)
  }
}
