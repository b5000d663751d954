import { sign } from 'node:crypto'
import type { Health, LatticeEvent, ProbeAnswer, Receipt } from '../../wire/api.ts'
import { signAttestation, type SignedAttestation } from '../../wire/attestation.ts'
import { authorIdOf, type AuthorId } from '../../wire/author.ts'
import { signCheckpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import { NO_PREVIOUS, signEntry, type SignedEntry } from '../../wire/entry.ts'
import { covers, type Frontier } from '../../wire/frontier.ts'
import type { Intent } from '../../wire/intent.ts'
import { latticeIdOf } from '../../wire/lattice.ts'
import { signPossession } from '../../wire/possession.ts'
import type { SyncMode, SyncPolicy } from '../../wire/protocol.ts'
import type { Settings } from '../../wire/settings.ts'
import { verifySignature } from '../../wire/signature.ts'
import { NO_SEALS, signRetirement } from '../../wire/seal.ts'
import { decodeSyncRequest, encodeFrame, prefixed } from '../../wire/sync.ts'
import type { Retired } from '../replica/contract.ts'
import {
  UnavailableError,
  UnknownCutError,
  type Counters,
  type NodeIdentity,
  type NodeService,
  type Notice,
  type P2pStatus,
  type ReceiptWait,
  type StoreIntegrity,
  type SubmitOutcome,
} from '../service.ts'
import { healthOf } from './health.fixture.ts'
import { keyOf, peerOf, settingsOf, sha256, urlOf } from './lattice.fixture.ts'
import { FakeLedger } from './ledger.fixture.ts'

/** What this room's tests serve: a node of one author in memory, with real keys, entries and signatures. */

export class FakeNode implements NodeService {
  readonly settings: Settings
  readonly identity: NodeIdentity
  readonly author: AuthorId
  readonly ledger = new FakeLedger(() => this.checkpoint())
  refusalReason: string | null = null
  /** Set to make the next calls fail. */
  submitError: Error | null = null
  storeError: Error | null = null
  storeChecks = 0
  /** What a check of the store waits for. */
  storeGate: Promise<void> | null = null
  /** Nodes that hold each entry; `waitFor` waits for it to grow. */
  replicas = 1
  policy: SyncPolicy = 'auto'
  active: SyncMode = 'P2P'
  reason = 'all peers alive'
  isDiverged = false
  overall: Health['overall'] = 'healthy'
  peerTransports: Record<string, SyncMode> = { beta: 'P2P', gamma: 'P2P' }
  revertsInMs: number | null = null
  armed: { kind: 'p2p-stop'; endsInMs: number } | null = null
  /** What `serveSync` yields instead of the log, and what became of the signal it was given. */
  syncAnswer: (() => AsyncGenerator<Uint8Array>) | null = null
  syncSignal: AbortSignal | null = null
  probeDelayMs = 0
  readonly probed: string[] = []
  readonly waits: ReceiptWait[] = []

  readonly #key = keyOf('alpha')
  readonly incarnation = '0011223344556677'
  readonly #balances: Map<string, number>
  readonly #listeners = new Set<(notice: Notice) => void>()
  readonly #waiting = new Set<() => void>()

  constructor(overrides: Record<string, string> = {}) {
    this.settings = settingsOf(overrides)
    this.author = authorIdOf(this.#key.publicKey, Buffer.from(this.incarnation, 'hex'))
    this.#balances = new Map(this.settings.genesis)
    this.identity = {
      name: 'alpha',
      peerId: peerOf('alpha'),
      instance: 'aabbccddeeff0011',
      release: 'r0123456789ab',
      version: '0.1.0',
      latticeId: latticeIdOf('test', this.settings.genesis),
      configDigest: 'c'.repeat(64),
    }
  }

  get merkleRoot(): string | null {
    return this.refusalReason === null ? this.#rootHex() : null
  }

  get stateRoot(): string | null {
    return this.refusalReason === null ? sha256(JSON.stringify([...this.#balances])) : null
  }

  get entryCount(): number {
    return this.#entries.length
  }

  get #entries(): readonly SignedEntry[] {
    return this.ledger.logs.get(this.author) ?? []
  }

  get subscriberCount(): number {
    return this.#listeners.size
  }

  balances(): ReadonlyMap<string, number> {
    return this.#balances
  }

  frontier(): Frontier {
    return this.ledger.frontier()
  }

  health(): Health {
    return healthOf(this)
  }

  async submit(intents: readonly Intent[]): Promise<SubmitOutcome[]> {
    if (this.submitError !== null) throw this.submitError
    const outcomes = intents.map((intent) => this.#decide(intent))
    if (outcomes.some((outcome) => outcome.accepted)) this.announce()
    return outcomes
  }

  receipt(author: AuthorId, seq: number): Receipt | null {
    const [signed] = this.ledger.entries(author, seq, seq + 1)
    if (signed === undefined) return null
    return {
      author,
      seq,
      id: signed.id,
      level: this.replicas > 1 ? 'replicated' : 'local',
      replicas: this.replicas,
      outcome: 'applied',
      provisional: true,
      reason: null,
      via: 'local',
      age_ms: 3,
    }
  }

  async waitFor(
    wait: ReceiptWait,
    signal: AbortSignal,
  ): Promise<{ receipt: Receipt | null; reached: boolean }> {
    this.waits.push(wait)
    const isReached = (): boolean =>
      this.receipt(wait.author, wait.seq) !== null &&
      (wait.level.kind === 'local' ||
        (wait.level.kind === 'replicated' && this.replicas >= wait.level.replicas))
    const { promise, resolve } = Promise.withResolvers<void>()
    const check = (): void => {
      if (isReached() || signal.aborted) resolve()
    }
    const timer = setTimeout(resolve, wait.timeoutMs)
    signal.addEventListener('abort', check)
    this.#waiting.add(check)
    check()
    await promise
    clearTimeout(timer)
    this.#waiting.delete(check)
    return { receipt: this.receipt(wait.author, wait.seq), reached: isReached() }
  }

  replicate(replicas: number): void {
    this.replicas = replicas
    for (const check of this.#waiting) check()
  }

  attest(nonce: string, cut: Frontier | null, receivedMs: number): SignedAttestation {
    this.#refuseIfDown()
    if (cut !== null && !covers(this.frontier(), cut)) throw new UnknownCutError('not held')
    return signAttestation(
      {
        nonce,
        lattice: this.identity.latticeId,
        publicKey: this.#key.publicKey,
        name: 'alpha',
        instance: this.identity.instance,
        incarnation: this.incarnation,
        dataLocation: 'd'.repeat(64),
        release: this.identity.release,
        configDigest: this.identity.configDigest,
        frontier: this.frontier(),
        root: this.#rootHex(),
        stateRoot: this.stateRoot ?? NO_PREVIOUS,
        cut: cut === null ? null : { frontier: cut, root: this.ledger.rootAt(cut) },
        receivedMs,
        sentMs: Date.now(),
      },
      this.#key.sign,
    )
  }

  signState(root: string, timestampS: number): string {
    return sign(null, Buffer.from(`${root}:${timestampS}`), this.#key.key).toString('hex')
  }

  provePossession(nonce: string): Uint8Array {
    return signPossession({ nonce, lattice: this.identity.latticeId }, this.#key.sign)
  }

  async retire(incarnation: string): Promise<Retired> {
    if (incarnation === this.incarnation) return { refusal: 'in-use' }
    const author = authorIdOf(this.#key.publicKey, Buffer.from(incarnation, 'hex'))
    const size = this.ledger.logs.get(author)?.length ?? 0
    if (size === 0) return { refusal: 'unknown' }
    const lattice = this.identity.latticeId
    return { seal: signRetirement({ lattice, author, size }, this.#key.sign) }
  }

  async repair(): Promise<{ entriesKept: number; damagedFile: string }> {
    if (this.refusalReason === null) throw new UnavailableError('the store is not damaged')
    this.refusalReason = null
    return { entriesKept: this.entryCount, damagedFile: 'damaged-1-ledger.sqlite' }
  }

  serveSync(requestBytes: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array> {
    this.#refuseIfDown()
    this.syncSignal = signal
    decodeSyncRequest(requestBytes, verifySignature)
    return this.syncAnswer?.() ?? this.#frames()
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  checkpointFrame(): Uint8Array {
    this.#refuseIfDown()
    return encodeFrame({ kind: 'checkpoint', checkpoint: this.checkpoint() })
  }

  announce(frame = this.checkpointFrame(), kind: Notice['kind'] = 'checkpoint'): void {
    for (const listener of this.#listeners) listener({ kind, frame })
  }

  switchPolicy(policy: SyncPolicy, revertAfterMs: number | null): void {
    this.policy = policy
    this.revertsInMs = revertAfterMs
  }

  async probe(
    peer: string,
    transport: 'p2p' | 'http',
    signal: AbortSignal,
  ): Promise<Omit<ProbeAnswer, 'success'>> {
    this.probed.push(peer)
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.probeDelayMs)
    signal.addEventListener('abort', () => resolve())
    await promise
    clearTimeout(timer)
    const result = signal.aborted ? ('failed' as const) : ('reached' as const)
    return { peer, transport, result, rtt_ms: 2, address: urlOf(peer), error: null, live: true }
  }

  async armFault(kind: 'p2p-stop', forMs: number): Promise<void> {
    this.armed = { kind, endsInMs: forMs }
  }

  fault(): { kind: 'p2p-stop'; endsInMs: number } | null {
    return this.armed
  }

  async clearFault(): Promise<void> {
    this.armed = null
  }

  events(sinceSeq: number | null, limit: number): { events: LatticeEvent[]; next: number } {
    const all: LatticeEvent[] = ['started', 'peer', 'mode'].map((kind, index) => ({
      seq: index + 1,
      kind: kind as LatticeEvent['kind'],
      message: `${kind} happened`,
      age_ms: 1000 * (3 - index),
      at: '2026-01-01T00:00:00.000Z',
      data: {},
    }))
    const events =
      sinceSeq === null
        ? all.slice(-limit)
        : all.filter((event) => event.seq > sinceSeq).slice(0, limit)
    return { events, next: events.at(-1)?.seq ?? sinceSeq ?? 0 }
  }

  p2pStatus(): P2pStatus {
    return {
      isStarted: this.settings.p2pEnabled,
      error: null,
      listenMultiaddrs: ['/ip4/127.0.0.1/tcp/9000'],
      peerCount: 2,
      mode: this.active,
    }
  }

  async verifyStore(): Promise<StoreIntegrity> {
    this.storeChecks += 1
    await this.storeGate
    if (this.storeError !== null) throw this.storeError
    return { isValid: true, entriesChecked: this.#entries.length, message: 'all in order' }
  }

  counters(): Counters {
    return {
      entriesAppended: this.#entries.length,
      entriesReceived: new Map([['P2P', 7]]),
      entriesRefused: new Map([['bad-signature', 2]]),
      modeTransitions: new Map([['NONE→P2P', 1]]),
      syncExchanges: new Map([['HTTP ok', 4]]),
      storeCommits: 3,
      storeCommitMsTotal: 12,
      bytesReceived: new Map([['P2P', 900]]),
    }
  }

  checkpoint(): SignedCheckpoint {
    return signCheckpoint(
      {
        lattice: this.identity.latticeId,
        publicKey: this.#key.publicKey,
        incarnation: this.incarnation,
        frontier: this.frontier(),
        seals: NO_SEALS,
        root: this.#rootHex(),
        stateRoot: this.stateRoot ?? NO_PREVIOUS,
        clockFloor: 1,
        wallMs: 1,
      },
      this.#key.sign,
    )
  }

  #refuseIfDown(): void {
    if (this.refusalReason !== null) throw new UnavailableError(this.refusalReason)
  }

  #rootHex(): string {
    return this.ledger.rootAt(this.frontier())
  }

  #decide(intent: Intent): SubmitOutcome {
    if (this.refusalReason !== null) {
      return { accepted: false, code: 'unavailable', message: this.refusalReason }
    }
    const move = (account: string, amount: number): void => {
      this.#balances.set(account, (this.#balances.get(account) ?? 0) + amount)
    }
    if (intent.kind === 'transfer') {
      const held = this.#balances.get(intent.from) ?? 0
      if (held < intent.amount) {
        const message = `${intent.from} holds ${held}, not ${intent.amount}`
        return { accepted: false, code: 'overdraft', message }
      }
      move(intent.from, -intent.amount)
      move(intent.to, intent.amount)
    }
    if (intent.kind === 'issue') move(intent.to, intent.amount)
    return { accepted: true, receipt: this.#append(intent) }
  }

  #append(intent: Intent): Receipt {
    const seq = this.#entries.length
    const prev = this.#entries.at(-1)?.id ?? NO_PREVIOUS
    const { author, identity } = this
    const entry = { lattice: identity.latticeId, author, seq, prev, hlc: seq + 1, intent }
    this.ledger.append(signEntry(entry, this.#key.sign))
    return this.receipt(author, seq) as Receipt
  }

  async *#frames(): AsyncGenerator<Uint8Array> {
    yield prefixed(encodeFrame({ kind: 'checkpoint', checkpoint: this.checkpoint() }))
    yield prefixed(encodeFrame({ kind: 'entries', entries: [...this.#entries] }))
    yield prefixed(encodeFrame({ kind: 'end', entryCount: this.#entries.length }))
  }
}
