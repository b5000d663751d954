import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Receipt } from '../wire/api.ts'
import type { AuthorId } from '../wire/author.ts'
import { WireError } from '../wire/cbor.ts'
import type { Entry } from '../wire/entry.ts'
import { covers, EMPTY_FRONTIER, equalFrontiers, type Frontier } from '../wire/frontier.ts'
import type { Intent } from '../wire/intent.ts'
import type { Member } from '../wire/lattice.ts'
import type { Settings } from '../wire/settings.ts'
import { publicKeyOf, verifySignature } from '../wire/signature.ts'
import { decodeSyncRequest, type SyncRequest } from '../wire/sync.ts'
import { Engine, rejectionText, type Clock, type OutwardOutput } from './engine.ts'
import type { NodeKey } from './keys.ts'
import type { SubmitVerdict } from './replica/contract.ts'
import { Core } from './replica/core.ts'
import { Ledger } from './replica/ledger.ts'
import { Logs } from './replica/logs.ts'
import { UnavailableError } from './service.ts'
import type { ReceiptWait, StoreIntegrity, SubmitOutcome } from './service.ts'
import { StoreError } from './store/errors.ts'
import { Store } from './store/store.ts'
import { syncAnswer } from './sync-answer.ts'

export interface DurableReplicaOptions {
  settings: Settings
  key: NodeKey
  /** Lattice id, 64 hex. */
  lattice: string
  others: readonly Member[]
  clock: Clock
  log: Logger
  /** What the lungs are to do. */
  onOutput: (output: OutwardOutput) => void
}

/**
 * This node's copy of the ledger: the core, its store and the engine between them. A store that is
 * corrupt leaves a replica that says so and neither accepts nor answers anything.
 */
export class DurableReplica {
  readonly #options: DurableReplicaOptions
  readonly #store: Store
  readonly #engine: Engine | null
  #corruption: string | null = null

  /** Opens and verifies the store. Throws `StoreError` for one that is in use, foreign or unwritable. */
  constructor(options: DurableReplicaOptions) {
    this.#options = options
    this.#store = new Store(options.settings.stateDir, options.lattice, options.key.peerId)
    const core = this.#restore()
    this.#engine =
      core === null
        ? null
        : new Engine(core, this.#store, options.clock, options.log, options.onOutput)
  }

  get store(): Store {
    return this.#store
  }

  /** Null when the store could not be read. */
  get engine(): Engine | null {
    return this.#engine
  }

  get core(): Core | null {
    return this.#engine?.core ?? null
  }

  /** Why nothing is accepted or answered now. */
  get refusalReason(): string | null {
    return this.#corruption ?? this.#engine?.failure ?? null
  }

  /** The core while what it holds is also on the disk; null otherwise. */
  get soundCore(): Core | null {
    return this.refusalReason === null ? this.core : null
  }

  get frontier(): Frontier {
    return this.soundCore?.logs.frontier() ?? EMPTY_FRONTIER
  }

  /** Engine and core while all is well. Throws `UnavailableError`. */
  usable(): { engine: Engine; core: Core } {
    if (this.#engine === null || this.refusalReason !== null) {
      throw new UnavailableError(this.refusalReason ?? 'the node is not started')
    }
    return { engine: this.#engine, core: this.#engine.core }
  }

  async submit(intents: readonly Intent[]): Promise<SubmitOutcome[]> {
    const verdicts = await this.usable().engine.submit(intents)
    return verdicts.map((verdict) => this.#outcomeOf(verdict))
  }

  /** Throws `UnavailableError` when nothing may be answered from memory. */
  receipt(author: AuthorId, seq: number): Receipt | null {
    return this.usable().engine.receiptOf(author, seq)
  }

  async waitFor(
    { author, seq, level, timeoutMs }: ReceiptWait,
    signal: AbortSignal,
  ): Promise<{ receipt: Receipt | null; reached: boolean }> {
    const { receipt, isReached } = await this.usable().engine.wait(
      author,
      seq,
      level,
      timeoutMs,
      signal,
    )
    return { receipt, reached: isReached }
  }

  /** What we ask a peer with: our frontier, and our promise in return. */
  syncRequest(): SyncRequest {
    const { core } = this.usable()
    return {
      lattice: this.#options.lattice,
      frontier: core.logs.frontier(),
      checkpoint: core.checkpoint,
    }
  }

  /** Throws `WireError` for a bad request, `UnavailableError` when there is nothing to answer from. */
  serveSync(requestBytes: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { core, engine } = this.usable()
    const request = this.#requestOf(requestBytes, engine)
    // The caller told us what it holds: the exchange goes both ways with one request each.
    if (request.checkpoint !== null) {
      engine.push({ kind: 'checkpoint', checkpoint: request.checkpoint, via: 'HTTP' })
    }
    const source = {
      checkpoint: core.checkpoint,
      frontier: core.logs.frontier(),
      entries: (author: AuthorId, from: number, to: number) =>
        this.#store.entries(author, from, to),
    }
    return syncAnswer(request, source, signal)
  }

  #requestOf(bytes: Uint8Array, engine: Engine): SyncRequest {
    try {
      const request = decodeSyncRequest(bytes, verifySignature)
      if (request.lattice === this.#options.lattice) return request
      throw new WireError('wrong-lattice', 'the caller is of another lattice')
    } catch (error) {
      if (error instanceof WireError) {
        engine.push({ kind: 'refused', code: error.code, from: 'a caller', message: error.message })
      }
      throw error
    }
  }

  /** Reads the whole store again, beside the running work. What it finds wrong stops the replica. */
  async verify(): Promise<StoreIntegrity> {
    const { core } = this.usable()
    const frontierBefore = core.logs.frontier()
    const logs = new Logs(this.#options.lattice, [], verifySignature)
    const entries: Entry[] = []
    try {
      for (const page of this.#store.pages('all')) {
        for (const signed of page) {
          logs.append(signed)
          entries.push(signed.entry)
        }
        await nextTurn()
      }
      this.#compare(core, logs, entries, frontierBefore)
      const message = `${entries.length} entries, all signed and in order`
      return { isValid: true, entriesChecked: entries.length, message }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#corruption = error.message
      this.#engine?.fail(error.message)
      return { isValid: false, entriesChecked: entries.length, message: this.#corruption }
    }
  }

  /** Throws `StoreError` when what was read is not what this process holds. */
  #compare(core: Core, logs: Logs, entries: readonly Entry[], frontierBefore: Frontier): void {
    const read = logs.frontier()
    if (!covers(read, frontierBefore) || core.logs.rootAt(read) !== logs.root()) {
      throw new StoreError('corrupt', 'the store holds other entries than this process', '')
    }
    // Entries that came during the reading make the states incomparable; the next reading sees them.
    if (!equalFrontiers(read, core.logs.frontier())) return
    const ledger = new Ledger(this.#options.settings.genesis)
    ledger.rebuild(entries)
    if (ledger.accounts.root() !== core.ledger.accounts.root()) {
      throw new StoreError(
        'corrupt',
        'replaying the store gives another state than this process holds',
        '',
      )
    }
  }

  close(): void {
    this.#engine?.close()
    this.#store.close()
  }

  /** The core as the store remembers it; null, and the reason kept, when that cannot be trusted. */
  #restore(): Core | null {
    try {
      const entries = this.#store.load('newest')
      const checkpoints = this.#store.checkpoints()
      return new Core(
        this.#coreConfig(),
        { entries, checkpoints, reservedClock: this.#store.reservedClock },
        this.#now(),
      )
    } catch (error) {
      const isCorrupt =
        (error instanceof StoreError && error.code === 'corrupt') || error instanceof WireError
      if (!isCorrupt) throw error
      this.#corruption =
        error instanceof StoreError ? `${error.message}; ${error.hint}` : error.message
      this.#options.log.error({}, `[STORE] ${this.#corruption}`)
      return null
    }
  }

  #coreConfig(): ConstructorParameters<typeof Core>[0] {
    const { settings, key, others, lattice } = this.#options
    return {
      lattice,
      genesis: settings.genesis,
      publicKey: key.publicKey,
      incarnation: this.#store.incarnation,
      others: new Map(
        others.map(({ peerId }) => [peerId, publicKeyOf(peerId) ?? new Uint8Array()]),
      ),
      exchange: {
        policy: settings.syncPolicy,
        httpPollMs: settings.httpPollMs,
        heartbeatMs: settings.heartbeatMs,
      },
      sign: key.sign,
      verify: verifySignature,
      idOf: (author, seq) => this.#store.entry(author, seq)?.id ?? '',
    }
  }

  #outcomeOf(verdict: SubmitVerdict): SubmitOutcome {
    if (!verdict.isAccepted) {
      return { accepted: false, code: verdict.rejection, message: rejectionText(verdict.rejection) }
    }
    const receipt = this.receipt(verdict.author, verdict.seq)
    if (receipt === null) throw new UnavailableError('the entry was accepted but is not held')
    return { accepted: true, receipt }
  }

  #now(): { wallMs: number; monoMs: number } {
    return { wallMs: this.#options.clock.wallMs(), monoMs: this.#options.clock.monoMs() }
  }
}
