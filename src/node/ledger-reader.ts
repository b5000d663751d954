import type { AuthorId } from '../wire/author.ts'
import { WireError } from '../wire/cbor.ts'
import type { SignedCheckpoint } from '../wire/checkpoint.ts'
import type { Position, SignedEntry } from '../wire/entry.ts'
import type { Seal } from '../wire/seal.ts'
import type { DurableReplica } from './durable-replica.ts'
import type { CoreEvent } from './replica/contract.ts'
import type { AuthorTree } from './replica/logs.ts'
import { UnavailableError, type ImportOutcome, type NodeLedger } from './service.ts'

/** Reads and imports entries for the API. What it says is held was read from the disk. */
export class LedgerReader implements NodeLedger {
  readonly #replica: DurableReplica
  readonly #wallMs: () => number

  constructor(replica: DurableReplica, wallMs: () => number) {
    this.#replica = replica
    this.#wallMs = wallMs
  }

  checkpoint(): SignedCheckpoint {
    return this.#replica.usable().core.checkpoint
  }

  treeOf(author: AuthorId): AuthorTree | null {
    return this.#replica.usable().core.logs.treeOf(author)
  }

  entries(author: AuthorId, from: number, to: number): SignedEntry[] {
    this.#replica.usable()
    return [...this.#replica.store.entries(author, from, to)]
  }

  history(account: string, before: Position | null, limit: number): SignedEntry[] {
    this.#replica.usable()
    const { store } = this.#replica
    return store
      .history(account, before, limit)
      .flatMap(({ author, seq }) => store.entry(author, seq) ?? [])
  }

  async importSeals(seals: readonly Seal[]): Promise<void> {
    await this.#taken({ kind: 'seals', seals, from: 'import' })
  }

  async import(entries: readonly SignedEntry[]): Promise<ImportOutcome> {
    this.#replica.usable()
    const heldBefore = entries.filter((signed) => this.#isStored(signed)).length
    await this.#taken({ kind: 'entries', entries, from: 'import', via: 'import' })
    const missing = entries.filter((signed) => !this.#isStored(signed))
    const reasons = missing.map((signed) => ({ ...signed.entry, ...this.#whyNot(signed) }))
    const refused = reasons.filter(({ code }) => code !== 'sealed')
    return {
      newCount: entries.length - heldBefore - missing.length,
      heldCount: heldBefore,
      leftOutCount: missing.length - refused.length,
      refused: refused.map(({ author, seq, code, message }) => ({ author, seq, code, message })),
    }
  }

  /** Resolves when an event has taken effect and that is on the disk. */
  async #taken(event: CoreEvent): Promise<void> {
    const { engine } = this.#replica.usable()
    await engine.room()
    engine.push(event)
    // An empty submission is acknowledged after everything before it is on the disk.
    await engine.submit([]).catch((error: unknown) => {
      throw new UnavailableError((error as Error).message)
    })
  }

  #isStored({ entry, id }: SignedEntry): boolean {
    const size = this.#replica.core?.logs.sizeOf(entry.author) ?? 0
    return entry.seq < size && this.#replica.store.entry(entry.author, entry.seq)?.id === id
  }

  #whyNot(signed: SignedEntry): { code: string; message: string } {
    const { core } = this.#replica.usable()
    try {
      switch (core.logs.place(signed, this.#wallMs() * 1000)) {
        case 'gap':
          return { code: 'gap', message: 'an entry before it is missing' }
        case 'sealed':
          return { code: 'sealed', message: 'its author’s log ends before it' }
        default:
          return { code: 'not-taken', message: 'the node did not take it now; send it again' }
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      return { code: error.code, message: error.message }
    }
  }
}
