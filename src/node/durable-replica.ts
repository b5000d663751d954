import type { Logger } from 'pino'
import type { Receipt } from '../wire/api.ts'
import type { AuthorId } from '../wire/author.ts'
import { WireError } from '../wire/cbor.ts'
import type { SignedEntry } from '../wire/entry.ts'
import { EMPTY_FRONTIER, type Frontier } from '../wire/frontier.ts'
import type { Intent } from '../wire/intent.ts'
import type { Member } from '../wire/lattice.ts'
import type { Settings } from '../wire/settings.ts'
import { verifySignature } from '../wire/signature.ts'
import { decodeSyncRequest, type SyncRequest } from '../wire/sync.ts'
import { Engine, rejectionText, type Clock, type LungOutput, type OutwardOutput } from './engine.ts'
import type { NodeKey } from './keys.ts'
import type { CoreConfig, CoreEvent, Retired, SubmitVerdict } from './replica/contract.ts'
import { Core } from './replica/core.ts'
import { coreConfigOf, isCorruption, restoredFrom, snapshotIn } from './restore.ts'
import { UnavailableError } from './service.ts'
import type { ReceiptWait, StoreIntegrity, SubmitOutcome } from './service.ts'
import { SignatureCheck } from './signature-check.ts'
import { auditStore } from './store-audit.ts'
import { StoreError } from './store/errors.ts'
import { emptyBatch, Store } from './store/store.ts'
import { repairStore, type Repaired } from './repair.ts'
import { rebuildFrom } from './rebuild.ts'
import { syncAnswer } from './sync-answer.ts'

/** A store that failed is opened again after this long, and then ever less often. */
const REOPEN_FIRST_MS = 500
const REOPEN_MAX_MS = 30_000
/** The old entries of a store that was not read whole at the start are looked at from then on. */
const AUDIT_DELAY_MS = 10_000

export interface DurableReplicaOptions {
  settings: Settings
  key: NodeKey
  /** Lattice id, 64 hex. */
  lattice: string
  others: readonly Member[]
  clock: Clock
  log: Logger
  /** What the lungs are to do. */
  onOutput: (output: LungOutput) => void
  /** The store was opened again: everything that was told to the core before is to be told anew. */
  onReopened: () => void
}

/**
 * This node's copy of the ledger: the core, its store and the engine between them. A store that is
 * corrupt leaves a replica that says so and neither accepts nor answers anything. One that could not be
 * written is opened again until it can: what was not on the disk was never acknowledged.
 */
export class DurableReplica {
  readonly #signatures = new SignatureCheck()
  readonly #options: DurableReplicaOptions
  readonly #stopping = new AbortController()
  #store: Store | null = null
  #engine: Engine | null
  #corruption: string | null = null
  #reopen: NodeJS.Timeout | null = null
  #reopenMs = REOPEN_FIRST_MS
  #isRepairing = false

  /** Opens and verifies the store. Throws `StoreError` for one that is in use, foreign or unwritable. */
  constructor(options: DurableReplicaOptions) {
    this.#options = options
    this.#engine = this.#start()
  }

  /** Throws `UnavailableError` when there is none that could be opened. */
  get store(): Store {
    if (this.#store === null) throw new UnavailableError(this.refusalReason ?? 'no store is open')
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

  /** Hands the core something that happened; nothing while there is none. */
  push(event: CoreEvent): void {
    this.#engine?.push(event)
  }

  async submit(intents: readonly Intent[]): Promise<SubmitOutcome[]> {
    const verdicts = await this.usable().engine.submit(intents)
    return verdicts.map((verdict) => this.#outcomeOf(verdict))
  }

  /** Ends the log of a directory that this node had and has no more. */
  retire(incarnation: string): Promise<Retired> {
    return this.usable().engine.retire(incarnation)
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

  /** Looks at the signatures of entries that we do not hold, beside the other work. */
  lookAt(entries: readonly SignedEntry[]): Promise<void> {
    const { logs } = this.usable().core
    return this.#signatures.lookAt(entries.filter((signed) => !logs.holds(signed)))
  }

  /** What we ask a peer with: what we hold, and our promise in return. */
  syncRequest(peerId: string): SyncRequest {
    const { core } = this.usable()
    return {
      lattice: this.#options.lattice,
      frontier: core.forks.frontierFor(peerId, core.logs.frontier()),
      seals: core.logs.seals,
      checkpoint: core.checkpoint,
    }
  }

  /** Throws `WireError` for a bad request, `UnavailableError` when there is nothing to answer from. */
  serveSync(requestBytes: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { core, engine } = this.usable()
    const request = this.#requestOf(requestBytes, engine)
    if (request.checkpoint !== null) {
      engine.push({ kind: 'checkpoint', checkpoint: request.checkpoint, via: 'HTTP' })
    }
    const source = {
      checkpoint: core.checkpoint,
      frontier: core.logs.frontier(),
      sealsBeyond: core.logs.sealsBeyond.bind(core.logs),
      entries: (author: AuthorId, from: number, to: number) => this.store.entries(author, from, to),
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
  async verify(pace: 'now' | 'background' = 'now'): Promise<StoreIntegrity> {
    const { core, engine } = this.usable()
    const { genesis } = this.#options.settings
    try {
      const entriesChecked = await auditStore({
        store: this.store,
        core,
        genesis,
        pace,
        signal: this.#stopping.signal,
      })
      const message = `${entriesChecked} entries, all signed and in order`
      return { isValid: true, entriesChecked, message }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      // A store that was opened again meanwhile is another one, and was read at that.
      if (engine === this.#engine) this.#condemn(error)
      return { isValid: false, entriesChecked: 0, message: error.message }
    }
  }

  /**
   * Begins a new database in place of a damaged one, which is kept beside it: with what of each log is
   * sound, and under another incarnation; the peers bring the rest. Resolves with how many entries were
   * sound. Throws `UnavailableError` when nothing is damaged, `StoreError` when it cannot be done.
   */
  async repair(): Promise<Repaired> {
    if (this.#corruption === null) throw new UnavailableError('the store is not damaged')
    if (this.#isRepairing) throw new UnavailableError('the store is being repaired')
    this.#isRepairing = true
    try {
      return await this.#repair(this.#corruption)
    } finally {
      this.#isRepairing = false
    }
  }

  async #repair(why: string): Promise<Repaired> {
    const { stateDir } = this.#options.settings
    this.#engine?.close()
    this.#closeStore()
    const repaired = await repairStore(stateDir, (directory) => this.#openStore(directory))
    this.#store = this.#openStore()
    this.#corruption = null
    this.#engine = this.#start()
    const message = `store repaired: ${repaired.entriesKept} entries were sound, the rest comes from the peers`
    this.push({
      kind: 'note',
      event: { kind: 'store', message, data: { why, damaged_file: repaired.damagedFile } },
    })
    this.#options.log.warn({}, `[STORE] ${message}`)
    this.#options.onReopened()
    return repaired
  }

  close(): void {
    this.#stopping.abort()
    if (this.#reopen !== null) clearTimeout(this.#reopen)
    this.#engine?.close()
    this.#closeStore()
  }

  #closeStore(): void {
    this.#store?.close()
    this.#store = null
  }

  #openStore(directory = this.#options.settings.stateDir): Store {
    const { lattice, key } = this.#options
    return new Store(directory, lattice, key.peerId)
  }

  /** An engine on what the store remembers; null, and the reason kept, when that cannot be trusted. */
  #start(): Engine | null {
    try {
      this.#store ??= this.#openStore()
      const core = this.#restore(this.#store)
      return new Engine(core, this.#store, this.#options.clock, this.#options.log, {
        onOutput: (output) => this.#carryOut(output),
        onFailed: (error) => this.#storeFailed(error),
      })
    } catch (error) {
      if (!isCorruption(error)) throw error
      this.#condemn(error)
      return null
    }
  }

  /** From the newest snapshot; from all entries when that does not fit what is on the disk. */
  #restore(store: Store): Core {
    const { key, lattice, log } = this.#options
    const snapshot = snapshotIn(store, { publicKey: key.publicKey, lattice })
    if (snapshot !== null) {
      try {
        const core = new Core(this.#coreConfig(store), restoredFrom(store, snapshot), this.#now())
        this.#auditLater()
        return core
      } catch (error) {
        if (!isCorruption(error)) throw error
        log.warn({}, `[STORE] a kept state is not used: ${error.message}`)
        store.forgetSnapshots()
      }
    }
    return new Core(this.#coreConfig(store), restoredFrom(store, null), this.#now())
  }

  /** What lies behind a snapshot was not read at the start. */
  #auditLater(): void {
    setTimeout(() => {
      if (this.#stopping.signal.aborted || this.refusalReason !== null) return
      this.verify('background').catch((error: unknown) => {
        if (this.#stopping.signal.aborted) return
        this.#options.log.warn({ error: (error as Error).message }, '[STORE] not read to the end')
      })
    }, AUDIT_DELAY_MS).unref()
  }

  #carryOut(output: OutwardOutput): void {
    switch (output.kind) {
      case 'rebuild':
        void this.#rebuild(output.beforeHlc)
        return
      case 'reincarnate':
        // Not before the rest of what this turn asks for is carried out.
        setImmediate(() => this.#reincarnate())
        return
      default:
        this.#options.onOutput(output)
    }
  }

  async #rebuild(beforeHlc: number): Promise<void> {
    const engine = this.#engine
    if (engine === null) return
    const { key, lattice } = this.#options
    try {
      const snapshot = snapshotIn(this.store, { publicKey: key.publicKey, lattice }, beforeHlc)
      await rebuildFrom(this.store, snapshot, engine)
    } catch (error) {
      // A store that was opened again meanwhile is another one.
      if (engine !== this.#engine) return
      engine.fail(`the store cannot be read: ${(error as Error).message}`)
      this.#storeFailed(error as Error)
    }
  }

  /** Our own log has ended: this directory goes on under another incarnation. */
  #reincarnate(): void {
    if (this.#stopping.signal.aborted) return
    this.#engine?.fail('this log was ended; another one begins')
    this.store.reincarnate()
    this.#openAgain()
  }

  #storeFailed(error: Error): void {
    if (isCorruption(error)) return this.#condemn(error)
    this.#openAgainAfter(this.#reopenMs)
    this.#reopenMs = Math.min(this.#reopenMs * 2, REOPEN_MAX_MS)
  }

  #openAgainAfter(ms: number): void {
    if (this.#stopping.signal.aborted) return
    this.#reopen = setTimeout(() => this.#openAgain(), ms)
  }

  /** What is on the disk counts, and is read as at a start; it must take a write first. */
  #openAgain(): void {
    const failed = this.#engine
    failed?.close()
    this.#closeStore()
    try {
      this.#store = this.#openStore()
      const message = `store opened again: ${failed?.failure ?? ''}`
      this.#store.commit(
        { ...emptyBatch, events: [{ kind: 'store', message, data: {} }] },
        this.#now().wallMs,
      )
      this.#engine = this.#start()
      this.#reopenMs = REOPEN_FIRST_MS
      this.#options.log.info({}, `[STORE] ${message}`)
      this.#options.onReopened()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#options.log.warn({}, `[STORE] ${error.message}`)
      this.#storeFailed(error)
    }
  }

  #condemn(error: Error & { hint?: string }): void {
    this.#corruption = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
    this.#engine?.fail(error.message)
    this.#options.log.error({}, `[STORE] ${this.#corruption}`)
  }

  #coreConfig(store: Store): CoreConfig {
    return coreConfigOf(this.#options, store, this.#signatures.verify)
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
