import type { Receipt } from '../../wire/api.ts'
import { authorIdOf, type AuthorId } from '../../wire/author.ts'
import { WireError, type WireErrorCode } from '../../wire/cbor.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import { signEntry, type SignedEntry } from '../../wire/entry.ts'
import { totalOf } from '../../wire/frontier.ts'
import type { Intent } from '../../wire/intent.ts'
import { ENTRIES_PER_FRAME_MAX } from '../../wire/limits.ts'
import { signRetirement, type Seal } from '../../wire/seal.ts'
import { Book } from './book.ts'
import {
  emptyReady,
  type CoreConfig,
  type CoreEvent,
  type EventDraft,
  type Now,
  type Output,
  type Ready,
  type Restored,
  type Retired,
  type SubmitVerdict,
} from './contract.ts'
import { Exchange, type Via } from './exchange.ts'
import { ForkSearch } from './fork-search.ts'
import { HybridClock } from './hybrid-clock.ts'
import type { Ledger } from './ledger.ts'
import type { Logs } from './logs.ts'
import { Peers } from './peers.ts'
import { Promises } from './promises.ts'
import { Waiters } from './receipts.ts'
import { Refusals } from './refusals.ts'

export { rejectionTexts } from './accounts.ts'

/**
 * The node's decisions as one state machine: `step(event, now)` returns what to make durable and what
 * to do after that. Only `step` changes anything, and it does no I/O: production and simulation drive
 * the same code. The getters are views of what the last step left.
 */
export class Core {
  readonly peers: Peers
  readonly exchange: Exchange
  readonly forks = new ForkSearch()
  readonly #config: CoreConfig
  readonly #book: Book
  readonly #clock: HybridClock
  readonly #promises: Promises
  readonly #waiters = new Waiters()
  readonly #refusals = new Refusals()
  readonly #received = new Map<Via | 'import', number>()
  /** Something happened that a caller may wait for. */
  #isNews = false
  #isAtEnd = false
  #ready: Ready = emptyReady()

  constructor(config: CoreConfig, restored: Restored, now: Now) {
    this.#config = config
    this.#book = new Book(config, restored)
    const stateRoot = () => (this.#book.isStateStale ? null : this.ledger.accounts.root())
    this.peers = new Peers(this.logs, config.others, stateRoot, now.monoMs)
    this.exchange = new Exchange(
      { peerIds: [...config.others.keys()], ...config.exchange },
      now.monoMs,
    )
    this.#clock = new HybridClock(this.logs.lastHlc(), restored.reservedClock)
    for (const checkpoint of restored.checkpoints) {
      if (config.others.has(checkpoint.peerId)) this.peers.record(checkpoint, now.monoMs)
    }
    this.#settle()
    this.#promises = new Promises(config, this.#book, this.#clock, now)
  }

  get author(): AuthorId {
    return this.#book.author
  }

  get logs(): Logs {
    return this.#book.logs
  }

  /** The state; that of an older frontier while it is made anew. */
  get ledger(): Ledger {
    return this.#book.ledger
  }

  /** The newest checkpoint that was sent. */
  get checkpoint(): SignedCheckpoint {
    return this.#promises.newest
  }

  get refused(): ReadonlyMap<WireErrorCode, number> {
    return this.#refusals.counts
  }

  /** Entries that came from elsewhere, by what carried them. */
  get received(): ReadonlyMap<Via | 'import', number> {
    return this.#received
  }

  get isDiverged(): boolean {
    return this.peers.isAnyDiffering()
  }

  receiptOf(author: AuthorId, seq: number, nowMs: number): Receipt | null {
    return this.#book.receiptOf(author, seq, 1 + this.peers.holdersOf(author, seq), nowMs)
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
        this.forks.lookedThrough(event.peerId, event.via, event.result, this.logs.frontier())
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
        return void this.#ready.events.push(event.event)
      case 'wait':
        this.#isNews = true
        if (!this.#waiters.add(event))
          this.#output({ kind: 'settled', ticket: event.ticket, receipt: null, isReached: false })
        return
      case 'cancel':
        return this.#waiters.cancel(event.ticket)
      case 'seals':
        return this.#receiveSeals(event.seals, event.from, now)
      case 'retire': {
        const result = this.#retire(event.incarnation, now)
        return this.#output({ kind: 'retired', ticket: event.ticket, result })
      }
      case 'rebuild-begin':
        return this.#book.beginRebuild(event.snapshot, event.frontier)
      case 'rebuild-entries':
        return this.#book.takeRebuilt(event.entries, this.peers.isAnyAhead())
      case 'rebuild-end':
        if (this.#book.endRebuild()) this.#changed(now)
        return
      case 'tick':
        return
    }
  }

  #submit(ticket: number, intents: readonly Intent[], now: Now): void {
    // Nothing can be appended behind the end; who submitted is told when this core is replaced.
    if (this.#book.isOwnLogSealed) return
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

  #receive(received: readonly SignedEntry[], from: string, via: Via | 'import', now: Now): void {
    const accepted: SignedEntry[] = []
    const seconds: SignedEntry[] = []
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
        this.#refuse(error.code, from, error.message)
        if (error.code === 'equivocation') seconds.push(signed)
        // What it holds before this is not what we hold there.
        if (error.code === 'broken-chain') this.forks.begin(from, now.monoMs)
      }
    }
    if (accepted.length > 0) {
      this.#received.set(via, (this.#received.get(via) ?? 0) + accepted.length)
      this.#applyAppended(accepted, via, now)
      this.#changed(now)
    }
    for (const second of seconds) {
      const seal = this.#book.proofAgainst(second)
      if (seal !== null) this.#seal(seal, now)
    }
  }

  /** What was just appended to the logs goes into the state and into what must be durable. */
  #applyAppended(entries: readonly SignedEntry[], via: Via | 'import' | 'local', now: Now): void {
    this.#ready.entries.push(...entries)
    for (const { entry } of entries) this.#clock.see(entry.hlc)
    if (this.#book.apply(entries, via, now.monoMs) === 'too-late')
      this.#note('evidence', 'an entry came before a final one; the state is made anew', {})
  }

  #receiveSeals(seals: readonly Seal[], from: string, now: Now): void {
    for (const seal of seals) {
      try {
        this.#seal(seal, now)
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        this.#refuse(error.code, from, error.message)
      }
    }
  }

  #retire(incarnation: string, now: Now): Retired {
    const { lattice, publicKey, sign } = this.#config
    const author = authorIdOf(publicKey, Buffer.from(incarnation, 'hex'))
    const size = this.logs.sizeOf(author)
    if (author === this.author) return { refusal: 'in-use' }
    if (size === 0) return { refusal: 'unknown' }
    if (this.peers.sizeClaimed(author) > size) return { refusal: 'ahead' }
    const seal = signRetirement({ lattice, author, size }, sign)
    this.#seal(seal, now)
    return { seal }
  }

  #seal(seal: Seal, now: Now): void {
    const { author, size, proof } = seal
    const leftOut = this.#book.seal(seal)
    if (leftOut === null) return
    this.#ready.seals.push(seal)
    if (leftOut > 0) this.#ready.cuts.push({ author, size })
    const why = proof.kind === 'equivocation' ? 'its author signed two entries' : 'it was retired'
    const kind = proof.kind === 'equivocation' ? 'evidence' : 'store'
    this.#note(kind, `a log ends at ${size}: ${why}`, { author, size, left_out: leftOut })
    this.#output({ kind: 'gossip', frame: { kind: 'seals', seals: [seal] } })
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
      this.#differs(peerId, now)
    this.#ready.checkpoints.push(signed)
    this.#isNews = true
  }

  /** After entries were appended: compare with the peers again, and let them know soon. */
  #changed(now: Now): void {
    this.#isNews = true
    for (const peerId of this.peers.compare()) this.#differs(peerId, now)
    for (const peerId of this.#config.others.keys()) this.#setBehind(peerId, false, now)
    this.#promises.hurry(now)
  }

  #setBehind(peerId: string, isNotice: boolean, now: Now): void {
    if (this.peers.recordOf(peerId)?.isMatch === true) this.forks.stop(peerId)
    const sinceMs = this.peers.aheadSinceMs(peerId) ?? this.forks.sinceMs(peerId)
    this.exchange.setBehind(peerId, sinceMs, isNotice, now.monoMs)
  }

  #sendDue(now: Now): void {
    if (!this.#book.isStateStale) this.#settle()
    this.#ready.snapshot = this.#book.dueSnapshot()
    const { staleSnapshotsHlc, rebuildBeforeHlc } = this.#book.settleDebts()
    this.#ready.staleSnapshotsHlc = staleSnapshotsHlc
    if (rebuildBeforeHlc !== null) this.#output({ kind: 'rebuild', beforeHlc: rebuildBeforeHlc })
    // Also for a log that was found sealed at the start: the process may have died before it was heard.
    if (this.#book.isOwnLogSealed && !this.#isAtEnd) this.#output({ kind: 'reincarnate' })
    this.#isAtEnd = this.#book.isOwnLogSealed
    const due = this.exchange.due(now.monoMs)
    for (const output of due.outputs) {
      if (output.kind === 'pull') this.forks.asks(output.peerId, output.via)
      this.#output(output)
    }
    if (due.modeChange !== null) {
      const { from, to, reason } = due.modeChange
      this.#note('mode', `${from} → ${to}: ${reason}`, { from, to, reason })
    }
    if (now.monoMs >= this.#promises.dueAtMs()) this.#promise(now)
    if (this.#isNews || now.monoMs >= this.#waiters.wakeAtMs()) this.#settleWaiters(now)
    this.#ready.wakeAtMs = Math.min(
      this.#promises.dueAtMs(),
      this.exchange.wakeAtMs(now.monoMs),
      this.#waiters.wakeAtMs(),
    )
  }

  /**
   * What no member can write before any more is final, unless our disk alone holds something before it:
   * that may be lost, and be as if it never was.
   */
  #settle(): void {
    const isAnyElsewhere = this.#config.others.size > 0
    const promised = Math.min(this.peers.clockFloor(), this.#clock.floor)
    if (promised > this.ledger.finalClock) {
      const alone = isAnyElsewhere ? this.#book.aloneFrom(this.peers) : Number.POSITIVE_INFINITY
      if (this.ledger.settle(Math.min(promised, alone)) > 0) this.#isNews = true
    }
    this.ledger.fold(this.peers.isAnyAhead())
  }

  #settleWaiters(now: Now): void {
    const receiptOf = (author: AuthorId, seq: number): Receipt | null =>
      this.#book.isStateStale ? null : this.receiptOf(author, seq, now.monoMs)
    for (const settled of this.#waiters.settle(receiptOf, now.monoMs))
      this.#output({ kind: 'settled', ...settled })
    this.#isNews = false
  }

  #promise(now: Now): void {
    const { checkpoint, reserve } = this.#promises.next(now)
    this.#ready.reservedClock = reserve
    this.#output({ kind: 'checkpoint', checkpoint })
  }

  #refuse(code: WireErrorCode, from: string, message: string): void {
    const count = this.#refusals.count(code)
    if (count === null) return
    const kind = code === 'clock-ahead' ? 'clock' : 'refusal'
    this.#note(kind, `refused (${code}): ${message}`, { code, from, count })
  }

  #differs(peerId: string, now: Now): void {
    this.forks.begin(peerId, now.monoMs)
    this.#setBehind(peerId, false, now)
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
