import type { Receipt } from '../../wire/api.ts'
import { authorIdOf, authorKeyHex, type AuthorId } from '../../wire/author.ts'
import { WireError } from '../../wire/cbor.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import type { Frontier } from '../../wire/frontier.ts'
import { ENTRIES_PER_FRAME_MAX } from '../../wire/limits.ts'
import type { Carrier } from '../../wire/protocol.ts'
import { equivocationOf, type Seal } from '../../wire/seal.ts'
import { rejectionTexts } from './accounts.ts'
import type { CoreConfig, Restored } from './contract.ts'
import { Ledger } from './ledger.ts'
import { OPEN_MAX, SNAPSHOT_ENTRIES } from './limits.ts'
import { Logs } from './logs.ts'
import type { Peers } from './peers.ts'
import { Rebuilding } from './rebuilding.ts'
import { Arrivals } from './receipts.ts'
import { SnapshotKeeper, type KeptSnapshot, type Snapshot } from './snapshot.ts'

/** What the store has to do because of what was changed. */
export interface Debts {
  /** Snapshots of this clock and later do not hold any more. */
  staleSnapshotsHlc: number | null
  /** The state is to be read anew, from the newest snapshot before this clock. */
  rebuildBeforeHlc: number | null
}

/**
 * What a node holds: all logs, and the state after them. An entry that comes before what is folded, and
 * the end of a log, make the state wrong; then it is made anew beside the old one, piece by piece.
 */
export class Book {
  /** The author that is us. */
  readonly author: AuthorId
  readonly logs: Logs
  readonly arrivals = new Arrivals()
  readonly #config: CoreConfig
  /** With which the name of every author begins that was us. */
  readonly #keyHex: string
  /** Authors that were us, of those of whom there were logs when that was last asked. */
  #own: { among: readonly AuthorId[]; authors: readonly AuthorId[] } = { among: [], authors: [] }
  readonly #snapshots: SnapshotKeeper
  #ledger: Ledger
  #rebuilding: Rebuilding | null = null
  #debts: Debts = noDebts()

  /** Throws `WireError` when the parts of what was restored do not fit each other. */
  constructor(config: CoreConfig, restored: Restored) {
    this.#config = config
    this.author = authorIdOf(config.publicKey, Buffer.from(config.incarnation, 'hex'))
    this.#keyHex = authorKeyHex(this.author)
    const keys = [config.publicKey, ...config.others.values()]
    this.logs = new Logs(config.lattice, keys, config.verify)
    this.#ledger = this.#ledgerAfter(restored.snapshot)
    this.#snapshots = new SnapshotKeeper(restored.snapshot, {
      lattice: config.lattice,
      everyEntries: config.bounds?.snapshotEntries ?? SNAPSHOT_ENTRIES,
      sign: config.sign,
    })
    for (const log of restored.logs) this.logs.restore(log)
    for (const seal of restored.seals) this.logs.seal(seal)
    this.#replay(restored)
  }

  /** The state; that of an older frontier while `isStateStale`. */
  get ledger(): Ledger {
    return this.#ledger
  }

  /** The state is not that of the logs, and is being made anew. */
  get isStateStale(): boolean {
    return this.#rebuilding !== null
  }

  /** Nothing more of ours can be appended. */
  get isOwnLogSealed(): boolean {
    return this.logs.seals.has(this.author)
  }

  /**
   * The clock of the first entry of ours that is not final and that nobody else holds, under whatever name
   * we wrote it: this directory may have had another. Infinite when there is none.
   */
  aloneFrom(peers: Pick<Peers, 'sizeElsewhere'>): number {
    let least = Number.POSITIVE_INFINITY
    for (const author of this.#ownAuthors()) {
      const clock = this.#ledger.openClockOf(author, peers.sizeElsewhere(author))
      least = Math.min(least, clock ?? least)
    }
    return least
  }

  /** All that is held of what this node wrote, under any name. */
  #ownAuthors(): readonly AuthorId[] {
    const among = this.logs.authors
    if (this.#own.among !== among) {
      const authors = among.filter((author) => author.startsWith(this.#keyHex))
      this.#own = { among, authors }
    }
    return this.#own.authors
  }

  /** What is to be done since this was last asked. */
  settleDebts(): Debts {
    const debts = this.#debts
    this.#debts = noDebts()
    return debts
  }

  /** An entry that is held; null of any other. */
  held(author: AuthorId, seq: number): SignedEntry | null {
    return this.arrivals.of(author, seq)?.signed ?? this.#config.stored(author, seq)
  }

  /** Null: not held. `replicas`: the nodes that are known to hold it, this one included. */
  receiptOf(author: AuthorId, seq: number, replicas: number, nowMs: number): Receipt | null {
    const outcome = this.#ledger.outcomeOf(author, seq)
    if (outcome === null || seq >= this.logs.sizeOf(author)) return null
    const { rejection, isFinal } = outcome
    const arrival = this.arrivals.of(author, seq)
    return {
      author,
      seq,
      id: this.held(author, seq)?.id ?? '',
      level: isFinal ? 'final' : replicas > 1 ? 'replicated' : 'local',
      replicas,
      outcome: rejection === null ? 'applied' : 'rejected',
      provisional: !isFinal,
      reason: rejection === null ? null : rejectionTexts[rejection],
      via: arrival?.via ?? 'store',
      age_ms: arrival === undefined ? 0 : Math.max(0, nowMs - arrival.atMs),
    }
  }

  /**
   * What was just appended to the logs goes into the state. `late`: something lies before what is folded.
   * `too-late`: even before what is final; a member broke its promised clock floor.
   */
  apply(
    entries: readonly SignedEntry[],
    via: Carrier,
    atMs: number,
  ): 'applied' | 'late' | 'too-late' {
    for (const signed of entries) this.arrivals.record({ signed, via, atMs })
    this.#rebuilding?.append(entries)
    if (this.#ledger.insert(entries) || this.#rebuilding !== null) return 'applied'
    const firstHlc = entries.reduce(
      (least, { entry }) => Math.min(least, entry.hlc),
      Number.POSITIVE_INFINITY,
    )
    this.#makeAnew(firstHlc)
    return firstHlc < this.#ledger.finalClock ? 'too-late' : 'late'
  }

  /** The seal that a second entry in the place of one that is held proves; null when none is held there. */
  proofAgainst(second: SignedEntry): Seal | null {
    const first = this.held(second.entry.author, second.entry.seq)
    return first === null ? null : equivocationOf(first, second)
  }

  /** Ends a log. As `Logs.seal`, with all that follows for the state. */
  seal(seal: Seal): number | null {
    const { author, size } = seal
    const cutHlc = this.held(author, size)?.entry.hlc ?? 0
    const leftOut = this.logs.seal(seal)
    if (leftOut === null || leftOut === 0) return leftOut
    this.arrivals.forget(author, size)
    if (!this.#ledger.cut(author, size) || this.#rebuilding !== null) this.#makeAnew(cutHlc)
    return leftOut
  }

  /** Everything that is stored up to `frontier` is about to come, on top of `snapshot`. */
  beginRebuild(snapshot: Snapshot | null, frontier: Frontier): void {
    this.#rebuilding?.begin(this.#ledgerAfter(snapshot), frontier)
  }

  /** `isBehind`: more of what is older may come yet. */
  takeRebuilt(entries: readonly SignedEntry[], isBehind: boolean): void {
    this.#rebuilding?.take(entries, isBehind)
  }

  /** All of it came. False: it has to be read again. */
  endRebuild(): boolean {
    if (this.#rebuilding === null) return false
    const ledger = this.#rebuilding.end()
    if (ledger === null) {
      this.#debts.rebuildBeforeHlc = this.#rebuilding.beforeHlc
      return false
    }
    // What was final is final, whatever the members promise now.
    ledger.settle(this.#ledger.finalClock)
    this.#ledger = ledger
    this.#rebuilding = null
    this.#snapshots.forget()
    return true
  }

  /** The snapshot that is to be kept now; null: none. */
  dueSnapshot(): KeptSnapshot | null {
    return this.#rebuilding === null ? this.#snapshots.due(this.#ledger, this.logs) : null
  }

  #makeAnew(beforeHlc: number): void {
    this.#debts.staleSnapshotsHlc = Math.min(
      this.#debts.staleSnapshotsHlc ?? Number.POSITIVE_INFINITY,
      beforeHlc,
    )
    if (this.#rebuilding !== null) return this.#rebuilding.spoil(beforeHlc)
    this.#rebuilding = new Rebuilding(beforeHlc)
    this.#debts.rebuildBeforeHlc = beforeHlc
  }

  #ledgerAfter(snapshot: Snapshot | null): Ledger {
    const { genesis, bounds } = this.#config
    const clockOf = (author: AuthorId, seq: number): number =>
      this.held(author, seq)?.entry.hlc ?? Number.MAX_SAFE_INTEGER
    const parts = [genesis, clockOf, bounds?.openMax ?? OPEN_MAX] as const
    return snapshot === null ? new Ledger(...parts) : Ledger.after(snapshot.folded, ...parts)
  }

  #replay({ snapshot, entries }: Restored): void {
    if (snapshot !== null && this.logs.rootAt(snapshot.folded.sizes) !== snapshot.root)
      throw new WireError('broken-chain', 'the kept state is not that of the logs')
    let page: SignedEntry[] = []
    const apply = (): void => {
      if (!this.#ledger.insert(page))
        throw new WireError('broken-chain', 'an entry lies before the kept state')
      this.#ledger.fold(false)
      page = []
    }
    for (const signed of entries) {
      this.logs.append(signed)
      page.push(signed)
      if (page.length === ENTRIES_PER_FRAME_MAX) apply()
    }
    apply()
  }
}

const noDebts = (): Debts => ({ staleSnapshotsHlc: null, rebuildBeforeHlc: null })
