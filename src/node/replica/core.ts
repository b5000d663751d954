import type { Receipt } from '../../wire/api.ts'
import { authorIdOf, type AuthorId } from '../../wire/author.ts'
import { WireError, type WireErrorCode } from '../../wire/cbor.ts'
import { signCheckpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import { signEntry, type Entry, type SignedEntry } from '../../wire/entry.ts'
import { totalOf } from '../../wire/frontier.ts'
import type { Intent } from '../../wire/intent.ts'
import { ENTRIES_PER_FRAME_MAX } from '../../wire/limits.ts'
import { rejectionTexts } from './accounts.ts'
import type {
  CoreConfig,
  CoreEvent,
  EventDraft,
  Now,
  Output,
  Ready,
  Restored,
  SubmitVerdict,
} from './contract.ts'
import { Exchange, type Via } from './exchange.ts'
import { HybridClock } from './hybrid-clock.ts'
import { Ledger } from './ledger.ts'
import { CHECKPOINT_DELAY_MS, CHECKPOINT_SPACING_MS } from './limits.ts'
import { Logs } from './logs.ts'
import { Peers } from './peers.ts'
import { Arrivals, Waiters } from './receipts.ts'
import { Refusals } from './refusals.ts'

export { rejectionTexts } from './accounts.ts'

/**
 * The node's decisions as one state machine: `step(event, now)` returns what to make durable and what
 * to do after that. Only `step` changes anything, and it does no I/O: production and simulation drive
 * the same code. The getters are views of what the last step left.
 */
export class Core {
  readonly author: AuthorId
  readonly logs: Logs
  readonly ledger: Ledger
  readonly peers: Peers
  readonly exchange: Exchange
  readonly #config: CoreConfig
  readonly #clock: HybridClock
  readonly #waiters = new Waiters()
  readonly #arrivals = new Arrivals()
  readonly #refusals = new Refusals()
  readonly #received = new Map<Via, number>()
  #checkpoint: SignedCheckpoint
  #checkpointDueAtMs: number
  #checkpointSentAtMs: number
  /** An entry came before a final one: the ledger lacks it until everything was replayed. */
  #isRebuilding = false
  /** Something happened that a caller may wait for. */
  #isNews = false
  #ready: Ready = emptyReady()

  constructor(config: CoreConfig, restored: Restored, now: Now) {
    this.#config = config
    this.author = authorIdOf(config.publicKey, Buffer.from(config.incarnation, 'hex'))
    const keys = [config.publicKey, ...config.others.values()]
    this.logs = new Logs(config.lattice, keys, config.verify)
    this.ledger = new Ledger(config.genesis)
    this.peers = new Peers(this.logs, config.others, () =>
      this.#isRebuilding ? null : this.ledger.accounts.root(),
    )
    this.exchange = new Exchange(
      { peerIds: [...config.others.keys()], ...config.exchange },
      now.monoMs,
    )
    for (const entry of restored.entries) this.logs.append(entry)
    this.ledger.rebuild(restored.entries.map((signed) => signed.entry))
    this.#clock = new HybridClock(this.logs.lastHlc(), restored.reservedClock)
    for (const checkpoint of restored.checkpoints) {
      if (config.others.has(checkpoint.peerId)) this.peers.record(checkpoint, now.monoMs)
    }
    this.#checkpointDueAtMs = now.monoMs
    this.#checkpointSentAtMs = Number.NEGATIVE_INFINITY
    this.#settle()
    // Nothing can be made durable here, so it promises no more than what is on the disk already.
    this.#checkpoint = this.#signCheckpoint(this.#clock.promised, now)
  }

  /** The newest checkpoint that was sent. */
  get checkpoint(): SignedCheckpoint {
    return this.#checkpoint
  }

  get refused(): ReadonlyMap<WireErrorCode, number> {
    return this.#refusals.counts
  }

  /** Entries that came from peers, by what carried them. */
  get received(): ReadonlyMap<Via, number> {
    return this.#received
  }

  get isDiverged(): boolean {
    return this.peers.isAnyDiffering()
  }

  receiptOf(author: AuthorId, seq: number, nowMs: number): Receipt | null {
    const outcome = this.ledger.outcomeOf(author, seq)
    const arrival = this.#arrivals.of(author, seq)
    if (outcome === null || seq >= this.logs.sizeOf(author)) return null
    const replicas = 1 + this.peers.holdersOf(author, seq)
    return {
      author,
      seq,
      id: arrival?.id ?? this.#config.idOf(author, seq),
      level: outcome.isFinal ? 'final' : replicas > 1 ? 'replicated' : 'local',
      replicas,
      outcome: outcome.rejection === null ? 'applied' : 'rejected',
      provisional: !outcome.isFinal,
      reason: outcome.rejection === null ? null : rejectionTexts[outcome.rejection],
      via: arrival?.via ?? 'store',
      age_ms: arrival === undefined ? 0 : Math.max(0, nowMs - arrival.atMs),
    }
  }

  step(event: CoreEvent, now: Now): Ready {
    this.#ready = emptyReady()
    this.#take(event, now)
    this.#sendDue(now)
    return this.#ready
  }

  #take(event: CoreEvent, now: Now): void {
    switch (event.kind) {
      case 'submit':
        return this.#submit(event.ticket, event.intents, now)
      case 'entries':
        return this.#receive(event.entries, event.from, event.via, now)
      case 'checkpoint':
        return this.#recordCheckpoint(event.checkpoint, event.via, now)
      case 'refused':
        return this.#refuse(event.code, event.from, event.message)
      case 'pull-ended':
        this.#setBehind(event.peerId, false, now)
        return this.exchange.pullEnded(event.peerId, event.via, event.result, now.monoMs)
      case 'p2p-peer':
        return this.exchange.setP2p(event.peerId, event.life, event.heardAtMs, now.monoMs)
      case 'p2p-lung':
        return this.exchange.setLung(event.state, now.monoMs)
      case 'notices':
        return this.exchange.setNotified(event.peerId, event.isOpen, now.monoMs)
      case 'policy':
        this.#note('policy', `policy ${this.exchange.policy} → ${event.policy}: ${event.reason}`, {
          policy: event.policy,
        })
        return this.exchange.setPolicy(event.policy, now.monoMs)
      case 'note':
        this.#ready.events.push(event.event)
        return
      case 'wait':
        this.#isNews = true
        if (!this.#waiters.add(event))
          this.#output({ kind: 'settled', ticket: event.ticket, receipt: null, isReached: false })
        return
      case 'cancel':
        return this.#waiters.cancel(event.ticket)
      case 'rebuild':
        return this.#rebuild([...event.entries], now)
      case 'tick':
        return
    }
  }

  #submit(ticket: number, intents: readonly Intent[], now: Now): void {
    const verdicts: SubmitVerdict[] = []
    const entries: SignedEntry[] = []
    for (const intent of intents) {
      const rejection = this.ledger.rejectionOf(intent)
      if (rejection !== null) {
        verdicts.push({ isAccepted: false, rejection })
        continue
      }
      const signed = this.#write(intent, now)
      entries.push(signed)
      verdicts.push({ isAccepted: true, author: this.author, seq: signed.entry.seq })
    }
    this.#output({ kind: 'acknowledge', ticket, verdicts })
    for (let start = 0; start < entries.length; start += ENTRIES_PER_FRAME_MAX) {
      this.#output({
        kind: 'gossip',
        frame: { kind: 'entries', entries: entries.slice(start, start + ENTRIES_PER_FRAME_MAX) },
      })
    }
    if (entries.length > 0) this.#changed(now)
  }

  #write(intent: Intent, now: Now): SignedEntry {
    const entry = {
      lattice: this.#config.lattice,
      author: this.author,
      seq: this.logs.sizeOf(this.author),
      prev: this.logs.lastId(this.author),
      hlc: this.#clock.tick(now.wallMs),
      intent,
    }
    const signed = signEntry(entry, this.#config.sign)
    this.logs.append(signed)
    this.#applyAppended([signed], 'local', now)
    return signed
  }

  #receive(received: readonly SignedEntry[], from: string, via: Via, now: Now): void {
    const accepted: SignedEntry[] = []
    const stopped = new Set<AuthorId>()
    for (const signed of received) {
      const { author } = signed.entry
      if (stopped.has(author)) continue
      try {
        const placement = this.logs.place(signed, now.wallMs * 1000)
        if (placement === 'gap') stopped.add(author)
        if (placement !== 'next') continue
        this.logs.append(signed)
        accepted.push(signed)
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        stopped.add(author)
        if (error.code === 'equivocation' && this.#refusals.isEvidenceWanted(author))
          this.#ready.evidence.push(signed)
        this.#refuse(error.code, from, error.message)
      }
    }
    if (accepted.length === 0) return
    this.#received.set(via, (this.#received.get(via) ?? 0) + accepted.length)
    this.#applyAppended(accepted, via, now)
    this.#changed(now)
  }

  /** What was just appended to the logs goes into the state and into what must be durable. */
  #applyAppended(entries: readonly SignedEntry[], via: Via | 'local', now: Now): void {
    this.#ready.entries.push(...entries)
    for (const { entry, id } of entries) {
      this.#clock.see(entry.hlc)
      this.#arrivals.record(entry.author, entry.seq, { id, via, atMs: now.monoMs })
    }
    if (this.ledger.insert(entries) || this.#isRebuilding) return
    this.#isRebuilding = true
    this.#note('evidence', 'an entry came before a final one; the state is replayed', {})
    this.#output({ kind: 'rebuild' })
  }

  #rebuild(entries: readonly Entry[], now: Now): void {
    // Entries came in while the store was read: what was read is not all any more.
    if (entries.length < totalOf(this.logs.frontier())) return this.#output({ kind: 'rebuild' })
    this.ledger.rebuild(entries)
    this.#isRebuilding = false
    this.#changed(now)
  }

  #recordCheckpoint(signed: SignedCheckpoint, via: Via, now: Now): void {
    const { peerId, checkpoint } = signed
    if (checkpoint.lattice !== this.#config.lattice)
      return this.#refuse('wrong-lattice', peerId, 'checkpoint of another lattice')
    if (!this.#config.others.has(peerId))
      return this.#refuse('unknown-author', peerId, 'checkpoint of a stranger')
    const wasMatch = this.peers.recordOf(peerId)?.isMatch
    const news = this.peers.record(signed, now.monoMs)
    this.#setBehind(peerId, via === 'HTTP', now)
    if (news === 'old') return
    if (news === 'contradiction') {
      const message = 'a member signed a checkpoint that does not extend its last'
      if (this.#refusals.isNewContradiction(peerId))
        this.#note('evidence', message, { peer: peerId })
      return this.#refuse('equivocation', peerId, message)
    }
    this.#refusals.fits(peerId)
    if (this.peers.recordOf(peerId)?.isMatch === false && wasMatch !== false)
      this.#noteDivergence(peerId)
    this.#ready.checkpoints.push(signed)
    this.#isNews = true
  }

  /** After entries were appended: compare with the peers again, and let them know soon. */
  #changed(now: Now): void {
    this.#isNews = true
    for (const peerId of this.peers.compare()) this.#noteDivergence(peerId)
    for (const peerId of this.#config.others.keys()) this.#setBehind(peerId, false, now)
    const dueAtMs = Math.max(
      now.monoMs + CHECKPOINT_DELAY_MS,
      this.#checkpointSentAtMs + CHECKPOINT_SPACING_MS,
    )
    this.#checkpointDueAtMs = Math.min(this.#checkpointDueAtMs, dueAtMs)
  }

  #setBehind(peerId: string, isNotice: boolean, now: Now): void {
    this.exchange.setBehind(peerId, this.peers.aheadSinceMs(peerId), isNotice, now.monoMs)
  }

  #sendDue(now: Now): void {
    if (!this.#isRebuilding) this.#settle()
    const due = this.exchange.due(now.monoMs)
    for (const output of due.outputs) this.#output(output)
    if (due.modeChange !== null) {
      const { from, to, reason } = due.modeChange
      this.#note('mode', `${from} → ${to}: ${reason}`, { from, to, reason })
    }
    // While the state is not that of the frontier there is nothing that could be signed.
    if (!this.#isRebuilding && now.monoMs >= this.#checkpointDueAtMs) this.#sendCheckpoint(now)
    if (this.#isNews || now.monoMs >= this.#waiters.wakeAtMs()) this.#settleWaiters(now)
    this.#ready.wakeAtMs = Math.min(
      this.#isRebuilding ? Number.POSITIVE_INFINITY : this.#checkpointDueAtMs,
      this.exchange.wakeAtMs(now.monoMs),
      this.#waiters.wakeAtMs(),
    )
  }

  /**
   * What no member can write before any more is final, unless our disk alone holds something before it:
   * that may be lost, and be as if it never was.
   */
  #settle(): void {
    const firstAlone = this.peers.sizeElsewhere(this.author)
    const isAnyElsewhere = this.#config.others.size > 0
    const aloneFrom = isAnyElsewhere ? this.ledger.openClockOf(this.author, firstAlone) : null
    const floor = Math.min(
      this.peers.clockFloor(),
      this.#clock.floor,
      aloneFrom ?? Number.POSITIVE_INFINITY,
    )
    if (this.ledger.settle(floor) > 0) this.#isNews = true
  }

  #settleWaiters(now: Now): void {
    const receiptOf = (author: AuthorId, seq: number): Receipt | null =>
      this.#isRebuilding ? null : this.receiptOf(author, seq, now.monoMs)
    for (const settled of this.#waiters.settle(receiptOf, now.monoMs))
      this.#output({ kind: 'settled', ...settled })
    this.#isNews = false
  }

  #sendCheckpoint(now: Now): void {
    const { floor, reserve } = this.#clock.promise(now.wallMs)
    if (reserve !== null) this.#ready.reservedClock = reserve
    this.#checkpoint = this.#signCheckpoint(floor, now)
    this.#checkpointSentAtMs = now.monoMs
    this.#checkpointDueAtMs = now.monoMs + this.#config.exchange.heartbeatMs
    this.#output({ kind: 'checkpoint', checkpoint: this.#checkpoint })
  }

  #signCheckpoint(clockFloor: number, now: Now): SignedCheckpoint {
    return signCheckpoint(
      {
        lattice: this.#config.lattice,
        publicKey: this.#config.publicKey,
        incarnation: this.#config.incarnation,
        frontier: this.logs.frontier(),
        root: this.logs.root(),
        stateRoot: this.ledger.accounts.root(),
        clockFloor,
        wallMs: now.wallMs,
      },
      this.#config.sign,
    )
  }

  #refuse(code: WireErrorCode, from: string, message: string): void {
    const count = this.#refusals.count(code)
    if (count === null) return
    const kind = code === 'clock-ahead' ? 'clock' : 'refusal'
    this.#note(kind, `refused (${code}): ${message}`, { code, from, count })
  }

  #noteDivergence(peerId: string): void {
    this.#note('divergence', 'same entries claimed, another root', {
      peer: peerId,
      entries: totalOf(this.logs.frontier()),
    })
  }

  #note(kind: EventDraft['kind'], message: string, data: EventDraft['data']): void {
    this.#ready.events.push({ kind, message, data })
  }

  #output(output: Output): void {
    this.#ready.outputs.push(output)
  }
}

const emptyReady = (): Ready => ({
  entries: [],
  checkpoints: [],
  evidence: [],
  reservedClock: null,
  events: [],
  outputs: [],
  wakeAtMs: Number.POSITIVE_INFINITY,
})
