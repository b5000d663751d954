import { signCheckpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import { peerIdOf } from '../../wire/signature.ts'
import type { Book } from './book.ts'
import type { CoreConfig, Now } from './contract.ts'
import type { HybridClock } from './hybrid-clock.ts'
import { CHECKPOINT_DELAY_MS, CHECKPOINT_SPACING_MS } from './limits.ts'

/** Our own checkpoints: when the next one is due, and what it promises. */
export class Promises {
  readonly #config: CoreConfig
  readonly #book: Book
  readonly #clock: HybridClock
  readonly #peerId: string
  #newest: SignedCheckpoint
  #dueAtMs: number
  #sentAtMs = Number.NEGATIVE_INFINITY

  constructor(config: CoreConfig, book: Book, clock: HybridClock, now: Now) {
    this.#config = config
    this.#book = book
    this.#clock = clock
    this.#peerId = peerIdOf(config.publicKey)
    this.#dueAtMs = now.monoMs
    // Nothing can be made durable here, so it promises no more than what is on the disk already.
    this.#newest = this.#sign(clock.promised, now)
  }

  get newest(): SignedCheckpoint {
    return this.#newest
  }

  /** Monotonic time; never, while there is nothing that could be signed. */
  dueAtMs(): number {
    return this.#isSilent ? Number.POSITIVE_INFINITY : this.#dueAtMs
  }

  /** Something changed that the others want to know soon. */
  hurry({ monoMs }: Now): void {
    const dueAtMs = Math.max(monoMs + CHECKPOINT_DELAY_MS, this.#sentAtMs + CHECKPOINT_SPACING_MS)
    this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs)
  }

  /** Makes the next one. `reserve`: the clock that must be durable before it leaves; null: it is. */
  next(now: Now): { checkpoint: SignedCheckpoint; reserve: number | null } {
    const { floor, reserve } = this.#clock.promise(now.wallMs)
    this.#newest = this.#sign(floor, now)
    this.#sentAtMs = now.monoMs
    this.#dueAtMs = now.monoMs + this.#config.exchange.heartbeatMs
    return { checkpoint: this.#newest, reserve }
  }

  /** The state is not that of the frontier, or our log has ended. */
  get #isSilent(): boolean {
    return this.#book.isStateStale || this.#book.isOwnLogSealed
  }

  #sign(clockFloor: number, { wallMs }: Now): SignedCheckpoint {
    const { lattice, publicKey, incarnation, sign } = this.#config
    const { logs, ledger } = this.#book
    const { seals } = logs
    const [frontier, root] = [logs.frontier(), logs.root()]
    const stateRoot = ledger.accounts.root()
    return signCheckpoint(
      { lattice, publicKey, incarnation, frontier, seals, root, stateRoot, clockFloor, wallMs },
      sign,
      this.#peerId,
    )
  }
}
