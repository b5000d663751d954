import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import type { Logger } from 'pino'
import type { Health, LatticeEvent, ProbeAnswer, Receipt } from '../wire/api.ts'
import { INSTANCE_BYTES, signAttestation, type SignedAttestation } from '../wire/attestation.ts'
import type { AuthorId } from '../wire/author.ts'
import { signCall } from '../wire/caller.ts'
import type { Frontier } from '../wire/frontier.ts'
import type { Intent } from '../wire/intent.ts'
import { latticeIdOf, type Member } from '../wire/lattice.ts'
import { signPossession } from '../wire/possession.ts'
import type { SyncPolicy } from '../wire/protocol.ts'
import type { Settings } from '../wire/settings.ts'
import { encodeFrame, type GossipMessage } from '../wire/sync.ts'
import { DurableReplica } from './durable-replica.ts'
import type { Clock } from './engine.ts'
import { healthOf } from './health.ts'
import { LedgerReader } from './ledger-reader.ts'
import type { NodeKey } from './keys.ts'
import { Lungs } from './lungs.ts'
import { Overrides } from './overrides.ts'
import type { Retired } from './replica/contract.ts'
import type { Repaired } from './repair.ts'
import { UnavailableError, UnknownCutError } from './service.ts'
import type {
  Counters,
  NodeIdentity,
  NodeService,
  Notice,
  P2pStatus,
  ReceiptWait,
  StoreIntegrity,
  SubmitOutcome,
} from './service.ts'

export interface NodeOptions {
  settings: Settings
  key: NodeKey
  configDigest: string
  release: string
  version: string
  clock: Clock
  log: Logger
}

/** One running node: a durable replica, its two lungs, and what the operator may override. */
export class LatticeNode implements NodeService {
  readonly settings: Settings
  readonly ledger: LedgerReader
  readonly #options: NodeOptions
  readonly #lattice: string
  readonly #instance = randomBytes(INSTANCE_BYTES).toString('hex')
  readonly #others: readonly Member[]
  readonly #replica: DurableReplica
  readonly #startedAtMs: number
  readonly #noticeListeners = new Set<(notice: Notice) => void>()
  #httpServer: Server | null = null
  #lungs: Lungs | null = null
  #overrides: Overrides | null = null
  #heartbeatAtMs: number | null = null
  #isLeaving = false

  /** Opens and verifies the store. Throws `StoreError` for one that is in use, foreign or unwritable. */
  constructor(options: NodeOptions) {
    const { settings, key, clock, log } = options
    this.#options = options
    this.settings = settings
    this.#startedAtMs = clock.monoMs()
    this.#others = settings.members.filter((member) => member.name !== settings.nodeName)
    this.#lattice = latticeIdOf(settings.latticeName, settings.genesis)
    this.#replica = new DurableReplica({
      settings,
      key,
      lattice: this.#lattice,
      others: this.#others,
      clock,
      log,
      onOutput: (output) => {
        if (output.kind === 'checkpoint') this.#tell(output)
        if (output.kind === 'gossip') this.#tell(output.frame)
        this.#lungs?.carryOut(output)
      },
      onReopened: () => void this.#breatheAnew(),
    })
    this.ledger = new LedgerReader(this.#replica, () => clock.wallMs())
  }

  get identity(): NodeIdentity {
    const { settings, key, release, version, configDigest } = this.#options
    return {
      name: settings.nodeName,
      peerId: key.peerId,
      instance: this.#instance,
      release,
      version,
      latticeId: this.#lattice,
      configDigest,
    }
  }

  /** Starts the exchange with the other members; their WebSockets come in through `httpServer`. */
  start(httpServer: Server): void {
    this.#httpServer = httpServer
    this.#breathe()
  }

  /** Both lungs, for the core that there is now. */
  #breathe(): void {
    const { engine } = this.#replica
    const httpServer = this.#httpServer
    if (engine === null || httpServer === null) return
    const { settings, identity } = this
    const { key, log, clock } = this.#options
    this.#lungs = new Lungs(
      { settings, seed: key.seed, others: this.#others, httpServer, log },
      {
        push: (event) => engine.push(event),
        lookAt: (entries) => this.#replica.lookAt(entries),
        room: () => engine.room(),
        syncRequest: (peerId) => this.#replica.syncRequest(peerId),
        serveSync: (request, signal) => this.serveSync(request, signal),
        signedCall: (peerId) => this.#signedCall(peerId),
      },
    )
    this.#overrides = new Overrides({ settings, clock, engine, p2p: this.#lungs.p2pLifecycle })
    const message = `node ${identity.name} started`
    engine.push({
      kind: 'note',
      event: { kind: 'started', message, data: { release: identity.release } },
    })
    void this.#overrides.settle()
  }

  /** The store was opened again: another core knows nothing of what the lungs told the one before. */
  async #breatheAnew(): Promise<void> {
    this.#overrides?.close()
    await this.#lungs?.close()
    if (!this.#isLeaving) this.#breathe()
  }

  /** Ends the exchange with the other members. The API still answers from what is held. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    this.#overrides?.close()
    await this.#lungs?.close()
  }

  /** Finishes what was accepted and closes the store. */
  close(): void {
    this.#replica.close()
  }

  get refusalReason(): string | null {
    return this.#replica.refusalReason
  }

  get merkleRoot(): string | null {
    return this.#replica.soundCore?.logs.root() ?? null
  }

  get stateRoot(): string | null {
    return this.#replica.soundCore?.ledger.accounts.root() ?? null
  }

  balances(): ReadonlyMap<string, number> {
    return this.#replica.soundCore?.ledger.accounts.sorted() ?? new Map()
  }

  frontier(): Frontier {
    return this.#replica.frontier
  }

  health(): Health {
    return healthOf({
      settings: this.settings,
      identity: this.identity,
      others: this.#others,
      core: this.#replica.core,
      refusalReason: this.refusalReason,
      lives: this.#lungs?.p2pPeers() ?? [],
      p2pError: this.#lungs?.p2pLifecycle.error ?? null,
      isP2pRunning: this.#lungs?.p2pLifecycle.isRunning ?? false,
      startedAtMs: this.#startedAtMs,
      heartbeatAtMs: this.#heartbeatAtMs,
      policyRevertAtMs: this.#overrides?.policyRevertAtMs ?? null,
      lastEntryAtMs: this.#replica.engine?.commits.lastEntryAtMs ?? null,
      p2pStopEndsAtMs: this.#overrides?.p2pStopEndsAtMs ?? null,
      nowMs: this.#options.clock.monoMs(),
      pid: process.pid,
    })
  }

  submit(intents: readonly Intent[]): Promise<SubmitOutcome[]> {
    return this.#replica.submit(intents)
  }

  receipt(author: AuthorId, seq: number): Receipt | null {
    return this.#replica.receipt(author, seq)
  }

  waitFor(
    wait: ReceiptWait,
    signal: AbortSignal,
  ): Promise<{ receipt: Receipt | null; reached: boolean }> {
    return this.#replica.waitFor(wait, signal)
  }

  attest(nonce: string, cut: Frontier | null, receivedMs: number): SignedAttestation {
    const { core } = this.#replica.usable()
    const cutRoot = cut === null ? null : core.logs.rootAt(cut)
    if (cut !== null && cutRoot === null) {
      throw new UnknownCutError('this node does not hold everything of that cut')
    }
    const { identity } = this
    return signAttestation(
      {
        nonce,
        lattice: identity.latticeId,
        publicKey: this.#options.key.publicKey,
        name: identity.name,
        instance: identity.instance,
        incarnation: this.#replica.store.incarnation,
        dataLocation: this.#replica.store.location,
        release: identity.release,
        configDigest: identity.configDigest,
        frontier: core.logs.frontier(),
        root: core.logs.root(),
        stateRoot: core.ledger.accounts.root(),
        cut: cut === null || cutRoot === null ? null : { frontier: cut, root: cutRoot },
        receivedMs,
        sentMs: this.#options.clock.wallMs(),
      },
      this.#options.key.sign,
    )
  }

  signState(root: string, timestampS: number): string {
    return Buffer.from(
      this.#options.key.signRaw(Buffer.from(`${root}:${timestampS}`, 'utf8')),
    ).toString('hex')
  }

  provePossession(nonce: string): Uint8Array {
    return signPossession({ nonce, lattice: this.#lattice }, this.#options.key.sign)
  }

  retire(incarnation: string): Promise<Retired> {
    return this.#replica.retire(incarnation)
  }

  repair(): Promise<Repaired> {
    return this.#replica.repair()
  }

  serveSync(request: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#replica.serveSync(request, signal)
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    this.#noticeListeners.add(listener)
    return () => this.#noticeListeners.delete(listener)
  }

  checkpointFrame(): Uint8Array {
    return encodeFrame({ kind: 'checkpoint', checkpoint: this.#replica.usable().core.checkpoint })
  }

  switchPolicy(policy: SyncPolicy, revertAfterMs: number | null): void {
    this.#replica.usable()
    this.#started().overrides.switchPolicy(policy, revertAfterMs)
  }

  probe(
    peerName: string,
    transport: 'p2p' | 'http',
    signal: AbortSignal,
  ): Promise<Omit<ProbeAnswer, 'success'>> {
    const member = this.#others.find((other) => other.name === peerName)
    if (member === undefined) throw new UnavailableError(`${peerName} is no other member`)
    return this.#started().lungs.probe(member, transport, signal)
  }

  armFault(_kind: 'p2p-stop', forMs: number): Promise<void> {
    return this.#started().overrides.stopP2p(forMs)
  }

  fault(): { kind: 'p2p-stop'; endsInMs: number } | null {
    const endsAtMs = this.#overrides?.p2pStopEndsAtMs ?? null
    if (endsAtMs === null) return null
    return { kind: 'p2p-stop', endsInMs: Math.max(0, endsAtMs - this.#options.clock.monoMs()) }
  }

  async clearFault(): Promise<void> {
    await this.#overrides?.startP2p()
  }

  events(sinceSeq: number | null, limit: number): { events: LatticeEvent[]; next: number } {
    const { store } = this.#replica
    if (!store.isOpen) throw new UnavailableError(this.refusalReason ?? 'the store is not open')
    const wallMs = this.#options.clock.wallMs()
    const events =
      sinceSeq === null ? store.newestEvents(limit, wallMs) : store.events(sinceSeq, limit, wallMs)
    return { events, next: events.at(-1)?.seq ?? sinceSeq ?? 0 }
  }

  p2pStatus(): P2pStatus {
    const lungs = this.#lungs
    return {
      isStarted: lungs?.p2pLifecycle.isRunning ?? false,
      error: lungs?.p2pLifecycle.error ?? null,
      listenMultiaddrs: lungs?.listenMultiaddrs() ?? [],
      peerCount: lungs?.p2pPeers().filter((peer) => peer.state === 'alive').length ?? 0,
      mode: this.#replica.core?.exchange.mode.active ?? 'NONE',
    }
  }

  verifyStore(): Promise<StoreIntegrity> {
    if (this.refusalReason !== null) {
      return Promise.resolve({ isValid: false, entriesChecked: 0, message: this.refusalReason })
    }
    return this.#replica.verify()
  }

  counters(): Counters {
    const { core, engine } = this.#replica
    return {
      entriesAppended: engine?.commits.entriesAppended ?? 0,
      entriesReceived: core?.received ?? new Map(),
      entriesRefused: core?.refused ?? new Map(),
      modeTransitions: core?.exchange.transitions ?? new Map(),
      syncExchanges: this.#lungs?.exchanges ?? new Map(),
      storeCommits: engine?.commits.count ?? 0,
      storeCommitMsTotal: engine?.commits.msTotal ?? 0,
      bytesReceived: this.#lungs?.bytesReceived ?? new Map(),
    }
  }

  #signedCall(to: string): string {
    const { key, clock } = this.#options
    const nonce = randomBytes(8).toString('hex')
    return signCall(
      { lattice: this.#lattice, to, wallMs: clock.wallMs(), nonce },
      key.peerId,
      key.sign,
    )
  }

  #started(): { lungs: Lungs; overrides: Overrides } {
    if (this.#lungs === null || this.#overrides === null) {
      throw new UnavailableError(this.refusalReason ?? 'the node is not started')
    }
    return { lungs: this.#lungs, overrides: this.#overrides }
  }

  #tell(message: GossipMessage): void {
    const { kind } = message
    if (kind === 'checkpoint') this.#heartbeatAtMs = this.#options.clock.monoMs()
    if (this.#noticeListeners.size === 0) return
    const notice = { kind, frame: encodeFrame(message) }
    for (const listener of this.#noticeListeners) listener(notice)
  }
}
