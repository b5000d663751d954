import { leafHash, MerkleLog } from '../../merkle/index.ts'
import type { AuthorId } from '../../wire/author.ts'
import { toHex } from '../../wire/bytes.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import { compareEntries, type Position, type SignedEntry } from '../../wire/entry.ts'
import { latticeRoot, type Frontier } from '../../wire/frontier.ts'
import type { Seal } from '../../wire/seal.ts'
import type { AuthorTree } from '../replica/logs.ts'
import type { ImportOutcome, NodeLedger } from '../service.ts'

/** The evidence of a node in memory: real logs, real trees. */
export class FakeLedger implements NodeLedger {
  readonly logs = new Map<AuthorId, SignedEntry[]>()
  /** Signs a checkpoint of what is held. */
  readonly #sign: () => SignedCheckpoint
  /** Set to make an older one the newest. */
  signed: SignedCheckpoint | null = null
  readonly seals: Seal[] = []
  readonly imported: (readonly SignedEntry[])[] = []
  /** What an import waits for, and what it refuses. */
  importGate: Promise<void> | null = null
  refuses: (signed: SignedEntry) => boolean = () => false

  constructor(sign: () => SignedCheckpoint) {
    this.#sign = sign
  }

  append(signed: SignedEntry): void {
    const { author } = signed.entry
    const log = this.logs.get(author)
    if (log === undefined) this.logs.set(author, [signed])
    else log.push(signed)
  }

  frontier(): Frontier {
    return new Map(this.logs.entries().map(([author, log]) => [author, log.length]))
  }

  rootAt(frontier: Frontier): string {
    const rootOf = (author: AuthorId, size: number): Uint8Array =>
      this.treeOf(author)?.root(size) ?? new Uint8Array()
    return toHex(latticeRoot(frontier, rootOf))
  }

  checkpoint(): SignedCheckpoint {
    return this.signed ?? this.#sign()
  }

  treeOf(author: AuthorId): AuthorTree | null {
    const log = this.logs.get(author)
    if (log === undefined) return null
    const tree = new MerkleLog()
    tree.appendAll(log.map(({ id }) => leafHash(Buffer.from(id, 'hex'))))
    return tree
  }

  entries(author: AuthorId, from: number, to: number): SignedEntry[] {
    return (this.logs.get(author) ?? []).slice(from, to)
  }

  history(account: string, before: Position | null, limit: number): SignedEntry[] {
    return [...this.logs.values()]
      .flat()
      .filter(({ entry }) => JSON.stringify(entry.intent).includes(`"${account}"`))
      .filter(({ entry }) => before === null || compareEntries(entry, before) < 0)
      .toSorted((a, b) => compareEntries(b.entry, a.entry))
      .slice(0, limit)
  }

  async importSeals(seals: readonly Seal[]): Promise<void> {
    this.seals.push(...seals)
  }

  async import(entries: readonly SignedEntry[]): Promise<ImportOutcome> {
    this.imported.push(entries)
    await this.importGate
    const refused = entries.filter((signed) => this.refuses(signed))
    const rest = entries.filter((signed) => !this.refuses(signed))
    const fresh = rest.filter(
      ({ entry }) => entry.seq >= (this.logs.get(entry.author)?.length ?? 0),
    )
    for (const signed of fresh) this.append(signed)
    return {
      newCount: fresh.length,
      heldCount: rest.length - fresh.length,
      leftOutCount: 0,
      refused: refused.map(({ entry: { author, seq } }) => ({
        author,
        seq,
        code: 'broken-chain',
        message: 'prev is not the entry before',
      })),
    }
  }
}
