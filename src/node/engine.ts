import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Receipt } from '../wire/api.ts'
import type { AuthorId } from '../wire/author.ts'
import type { Intent } from '../wire/intent.ts'
import { rejectionTexts } from './replica/core.ts'
import type { Core } from './replica/core.ts'
import type { CoreEvent, Now, Output, Ready, Retired, SubmitVerdict } from './replica/contract.ts'
import type { ReceiptLevel, Settled } from './replica/receipts.ts'
import type { Batch, Store } from './store/store.ts'

/** Events that may wait for the next turn; beyond them peers' input is dropped, and fetched again later. */
const QUEUE_MAX = 20_000
/** Events from which a peer that brings much has to wait. */
const QUEUE_EASY = 8
/** Milliseconds of stepping after which a turn ends: heartbeats and answers must get their time. */
const TURN_MS_MAX = 30
/** Milliseconds that what peers brought may wait for a turn. */
const REST_MS_MAX = 5

export interface Clock {
  wallMs(): number
  monoMs(): number
}

export const systemClock: Clock = { wallMs: () => Date.now(), monoMs: () => performance.now() }

/** What the engine asks the lungs to do: the outputs of the core that leave the process. */
export type LungOutput = Extract<Output, { kind: 'pull' | 'watch' | 'gossip' | 'checkpoint' }>
/** What the engine leaves to others: to the lungs, and to who owns the store. */
export type OutwardOutput = LungOutput | Extract<Output, { kind: 'rebuild' | 'reincarnate' }>

export interface EngineHandlers {
  onOutput(output: OutwardOutput): void
  /** The store did not take a commit; this engine is at its end. */
  onFailed(error: Error): void
}

/**
 * Drives the core: gathers the events of one turn of the event loop, steps through them, commits what
 * they make durable in one transaction, and only then lets anything out. Many callers thus share one
 * write to the disk, and what is in memory between two turns is on the disk.
 */
export class Engine {
  readonly core: Core
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: Logger
  readonly #handlers: EngineHandlers
  readonly #submissions = new Map<number, PromiseWithResolvers<readonly SubmitVerdict[]>>()
  readonly #waits = new Map<number, (settled: Settled) => void>()
  readonly #retirements = new Map<number, PromiseWithResolvers<Retired>>()
  #queue: CoreEvent[] = []
  #turn: NodeJS.Immediate | null = null
  #pause: NodeJS.Timeout | null = null
  #wake: NodeJS.Timeout | null = null
  #nextTicket = 1
  #failure: string | null = null
  #isClosed = false
  #commits = 0
  #commitMsTotal = 0
  #commitMsLast = 0
  #appended = 0
  #lastEntryAtMs: number | null = null

  constructor(core: Core, store: Store, clock: Clock, log: Logger, handlers: EngineHandlers) {
    this.core = core
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#handlers = handlers
  }

  /** Why nothing is accepted any more; null while all is well. */
  get failure(): string | null {
    return this.#failure
  }

  get commits(): {
    count: number
    msTotal: number
    entriesAppended: number
    lastEntryAtMs: number | null
  } {
    return {
      count: this.#commits,
      msTotal: this.#commitMsTotal,
      entriesAppended: this.#appended,
      lastEntryAtMs: this.#lastEntryAtMs,
    }
  }

  /** Hands the core something that happened. */
  push(event: CoreEvent): void {
    if (this.#isClosed || this.#failure !== null) return
    if (
      this.#queue.length >= QUEUE_MAX &&
      (event.kind === 'entries' || event.kind === 'checkpoint')
    )
      return
    this.#queue.push(event)
    if (event.kind === 'entries' && this.#commitMsLast >= 1) this.#rest()
    else this.#hurry()
  }

  /** The same, and it has taken effect when this returns. Nothing happens after a failure. */
  apply(event: CoreEvent): void {
    this.push(event)
    this.#drain()
  }

  /** Stops everything for good: what is in memory can no longer be trusted to be on the disk. */
  fail(reason: string): void {
    if (this.#failure !== null) return
    this.#failure = reason
    this.#queue = []
    this.#log.fatal({}, `[STORE] ${reason}`)
    this.#endWaits(reason)
  }

  /** Resolves when there is room for more from a peer: who brings much is slowed down, not stored up. */
  async room(): Promise<void> {
    while (this.#queue.length > QUEUE_EASY) await nextTurn()
  }

  /** Resolves when what was accepted is on the disk. Rejects when the store fails. */
  submit(intents: readonly Intent[]): Promise<readonly SubmitVerdict[]> {
    const ticket = this.#nextTicket++
    const pending = Promise.withResolvers<readonly SubmitVerdict[]>()
    if (this.#isClosed || this.#failure !== null)
      return Promise.reject(new Error(this.#failure ?? 'the node is stopping'))
    this.#submissions.set(ticket, pending)
    this.push({ kind: 'submit', ticket, intents })
    return pending.promise
  }

  /** Resolves when it is on the disk. Rejects when the store fails. */
  retire(incarnation: string): Promise<Retired> {
    const ticket = this.#nextTicket++
    const pending = Promise.withResolvers<Retired>()
    if (this.#isClosed || this.#failure !== null)
      return Promise.reject(new Error(this.#failure ?? 'the node is stopping'))
    this.#retirements.set(ticket, pending)
    this.push({ kind: 'retire', ticket, incarnation })
    return pending.promise
  }

  /** Resolves when the level is reached, at the deadline, or when `signal` aborts. */
  async wait(
    author: AuthorId,
    seq: number,
    level: ReceiptLevel,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Settled> {
    const ticket = this.#nextTicket++
    const unreached = (): Settled => ({
      ticket,
      receipt: this.#failure === null ? this.receiptOf(author, seq) : null,
      isReached: false,
    })
    if (signal.aborted || this.#isClosed || this.#failure !== null) return unreached()
    const settled = Promise.withResolvers<Settled>()
    const abort = (): void => {
      this.push({ kind: 'cancel', ticket })
      settled.resolve(unreached())
    }
    this.#waits.set(ticket, settled.resolve)
    signal.addEventListener('abort', abort, { once: true })
    this.push({
      kind: 'wait',
      ticket,
      author,
      seq,
      level,
      deadlineMs: this.#clock.monoMs() + timeoutMs,
    })
    try {
      return await settled.promise
    } finally {
      this.#waits.delete(ticket)
      signal.removeEventListener('abort', abort)
    }
  }

  receiptOf(author: AuthorId, seq: number): Receipt | null {
    return this.core.receiptOf(author, seq, this.#clock.monoMs())
  }

  /** Finishes what was handed over and stops. */
  close(): void {
    this.#drain()
    this.#isClosed = true
    if (this.#turn !== null) clearImmediate(this.#turn)
    if (this.#pause !== null) clearTimeout(this.#pause)
    if (this.#wake !== null) clearTimeout(this.#wake)
    this.#endWaits('the node is stopping')
  }

  /** A turn as soon as there is time. */
  #hurry(): void {
    this.#turn ??= setImmediate(() => this.#runTurn(TURN_MS_MAX))
  }

  /**
   * Nobody waits for what peers bring: where the disk is slow, a turn for that alone comes after as long a
   * rest as the last commit took, and takes with it what came meanwhile.
   */
  #rest(): void {
    this.#pause ??= setTimeout(
      () => this.#runTurn(TURN_MS_MAX),
      Math.min(this.#commitMsLast, REST_MS_MAX),
    )
  }

  #drain(): void {
    while (this.#queue.length > 0 && this.#failure === null) this.#runTurn(Number.POSITIVE_INFINITY)
  }

  #runTurn(msMax: number): void {
    if (this.#turn !== null) clearImmediate(this.#turn)
    if (this.#pause !== null) clearTimeout(this.#pause)
    this.#turn = null
    this.#pause = null
    if (this.#isClosed || this.#failure !== null) return
    const now: Now = { wallMs: this.#clock.wallMs(), monoMs: this.#clock.monoMs() }
    const readies = this.#stepThrough(now, msMax)
    if (!this.#commit(readies, now)) return
    for (const output of readies.flatMap((ready) => ready.outputs)) this.#carryOut(output)
    if (this.#queue.length > 0) this.#hurry()
    this.#schedule(readies.at(-1)?.wakeAtMs ?? Number.POSITIVE_INFINITY)
  }

  /** Steps through what waits, at least one event and for about so long; a tick when nothing does. */
  #stepThrough(now: Now, msMax: number): Ready[] {
    if (this.#queue.length === 0) return [this.core.step({ kind: 'tick' }, now)]
    const readies: Ready[] = []
    for (const event of this.#queue) {
      readies.push(this.core.step(event, now))
      if (this.#clock.monoMs() - now.monoMs >= msMax) break
    }
    this.#queue = this.#queue.slice(readies.length)
    return readies
  }

  #commit(readies: readonly Ready[], now: Now): boolean {
    const batch: Batch = {
      entries: readies.flatMap((ready) => ready.entries),
      checkpoints: newestOf(readies.flatMap((ready) => ready.checkpoints)),
      seals: readies.flatMap((ready) => ready.seals),
      cuts: readies.flatMap((ready) => ready.cuts),
      snapshots: readies.flatMap(({ snapshot }) => (snapshot === null ? [] : [snapshot])),
      staleSnapshotsHlc: readies.reduce<number | null>(
        (least, { staleSnapshotsHlc: hlc }) =>
          hlc === null ? least : Math.min(least ?? Number.POSITIVE_INFINITY, hlc),
        null,
      ),
      reservedClock: readies.reduce<number | null>(
        (last, ready) => ready.reservedClock ?? last,
        null,
      ),
      events: readies.flatMap((ready) => ready.events),
    }
    const isNeeded =
      batch.entries.length + batch.events.length + batch.seals.length > 0 ||
      batch.snapshots.length > 0 ||
      batch.staleSnapshotsHlc !== null ||
      batch.reservedClock !== null
    if (!isNeeded) return true
    const startedMs = this.#clock.monoMs()
    try {
      this.#store.commit(batch, now.wallMs)
    } catch (error) {
      // Memory is ahead of the disk now, so nothing may be answered from it any more.
      this.fail(`the store failed: ${(error as Error).message}`)
      this.#handlers.onFailed(error as Error)
      return false
    }
    this.#commits += 1
    this.#commitMsLast = this.#clock.monoMs() - startedMs
    this.#commitMsTotal += this.#commitMsLast
    if (batch.entries.length > 0) {
      this.#appended += batch.entries.length
      this.#lastEntryAtMs = now.monoMs
    }
    for (const { kind, message, data } of batch.events)
      this.#log.info({ event: kind, ...data }, `${tagOf(kind)} ${message}`)
    return true
  }

  #endWaits(reason: string): void {
    for (const pending of [...this.#submissions.values(), ...this.#retirements.values()])
      pending.reject(new Error(reason))
    this.#submissions.clear()
    this.#retirements.clear()
    for (const [ticket, resolve] of this.#waits) {
      resolve({ ticket, receipt: null, isReached: false })
    }
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case 'acknowledge':
        this.#submissions.get(output.ticket)?.resolve(output.verdicts)
        this.#submissions.delete(output.ticket)
        return
      case 'settled':
        this.#waits.get(output.ticket)?.(output)
        return
      case 'retired':
        this.#retirements.get(output.ticket)?.resolve(output.result)
        this.#retirements.delete(output.ticket)
        return
      case 'rebuild':
      case 'reincarnate':
      case 'pull':
      case 'watch':
      case 'gossip':
      case 'checkpoint':
        return this.#handlers.onOutput(output)
    }
  }

  #schedule(wakeAtMs: number): void {
    if (this.#wake !== null) clearTimeout(this.#wake)
    this.#wake = null
    if (!Number.isFinite(wakeAtMs) || this.#turn !== null) return
    this.#wake = setTimeout(
      () => this.push({ kind: 'tick' }),
      Math.max(1, wakeAtMs - this.#clock.monoMs()),
    )
  }
}

const newestOf = <T extends { peerId: string }>(checkpoints: readonly T[]): T[] => [
  ...new Map(checkpoints.map((one) => [one.peerId, one])).values(),
]

/** The tags that operators grep for. */
const tagOf = (kind: string): string =>
  kind === 'p2p'
    ? '[LATTICE_P2P]'
    : kind === 'peer' || kind === 'mode'
      ? '[P2P_HEARTBEAT]'
      : '[LATTICE]'

export const rejectionText = (code: keyof typeof rejectionTexts): string => rejectionTexts[code]
