import type { AuthorId } from '../../wire/author.ts'
import type { Checkpoint, SignedCheckpoint } from '../../wire/checkpoint.ts'
import { covers, EMPTY_FRONTIER, sizeAt, totalOf, type Frontier } from '../../wire/frontier.ts'
import { clip, coversSeals } from '../../wire/seal.ts'
import { CLOCK_LEAD_US_MAX, REBIRTH_SILENCE_MS } from './limits.ts'
import type { Logs } from './logs.ts'

/** Milliseconds that a message is on its way at most, until it is taken: less than it takes to lose a disk. */
const FLIGHT_MS_MAX = CLOCK_LEAD_US_MAX / 1000

/** What another member has signed, and whether it agrees with us. */
export interface PeerRecord {
  readonly newest: SignedCheckpoint
  readonly receivedMonoMs: number
  /**
   * Whether it holds at its frontier what we hold there; null while we do not cover it. Once false,
   * false until a later checkpoint is found to agree: a log that has forked is never covered.
   */
  readonly isMatch: boolean | null
  /** The clock floor of the newest checkpoint of which we hold everything. */
  readonly clockFloor: number
}

interface Tracked extends PeerRecord {
  isMatch: boolean | null
  isCompared: boolean
  clockFloor: number
  /** When the checkpoint of that floor came, and when the first of its directory did; monotonic ms. */
  coveredAtMs: number
  firstHeardMs: number
  /** The floor that counted before this directory. */
  floorBefore: number
  /** What of it we hold just so: the frontier of its newest checkpoint whose root is ours there. */
  proven: Frontier
  /** The oldest checkpoint that names something we lack, and since when; null when we lack nothing. */
  awaited: { checkpoint: Checkpoint; sinceMs: number } | null
}

/** What happened to a checkpoint that was received. */
export type CheckpointNews = 'new' | 'old' | 'contradiction'

/** The newest signed checkpoint of every other member: who holds what, who agrees, what is final. */
export class Peers {
  readonly #logs: Logs
  readonly #peerIds: readonly string[]
  readonly #stateRoot: () => string | null
  readonly #startedMs: number
  readonly #records = new Map<string, Tracked>()

  /**
   * `others`: peer id → public key of every member but this one. `stateRoot`: ours after all entries of
   * the logs; null while it is not that.
   */
  constructor(
    logs: Logs,
    others: ReadonlyMap<string, Uint8Array>,
    stateRoot: () => string | null,
    startedMs: number,
  ) {
    this.#logs = logs
    this.#peerIds = [...others.keys()]
    this.#stateRoot = stateRoot
    this.#startedMs = startedMs
  }

  recordOf(peerId: string): PeerRecord | undefined {
    return this.#records.get(peerId)
  }

  /** Whether a member claims what we hold with another root. */
  isAnyDiffering(): boolean {
    return this.#records.values().some((record) => record.isMatch === false)
  }

  /** Whether a member holds, by its signed word, something that we lack. */
  isAnyAhead(): boolean {
    for (const { awaited } of this.#records.values()) if (awaited !== null) return true
    return false
  }

  /** Takes a checkpoint of another member, its signature checked. */
  record(signed: SignedCheckpoint, nowMonoMs: number): CheckpointNews {
    const { peerId, checkpoint } = signed
    const before = this.#records.get(peerId)
    if (before !== undefined) {
      const silentMs = nowMonoMs - before.receivedMonoMs
      const news = newsOf(checkpoint, before.newest.checkpoint, silentMs)
      if (news !== 'new') return news
    }
    const last = before?.newest.checkpoint
    const isGoingOn = last?.incarnation === checkpoint.incarnation
    const isFloorKept = last !== undefined && checkpoint.clockFloor >= last.clockFloor
    this.#records.set(peerId, {
      newest: signed,
      receivedMonoMs: nowMonoMs,
      isMatch: isGoingOn && before?.isMatch === false ? false : null,
      isCompared: false,
      clockFloor: isFloorKept ? (before?.clockFloor ?? 0) : 0,
      coveredAtMs: before?.coveredAtMs ?? Number.NEGATIVE_INFINITY,
      firstHeardMs: isGoingOn ? (before?.firstHeardMs ?? nowMonoMs) : nowMonoMs,
      floorBefore: this.#floorBefore(before, isGoingOn, isFloorKept),
      proven: isGoingOn ? (before?.proven ?? EMPTY_FRONTIER) : EMPTY_FRONTIER,
      awaited: (isGoingOn ? before?.awaited : null) ?? { checkpoint, sinceMs: nowMonoMs },
    })
    this.compare()
    return 'new'
  }

  /** Compares again with what our logs now reach. Returns the peers that have just been found to differ. */
  compare(): string[] {
    const differing: string[] = []
    for (const [peerId, record] of this.#records) {
      this.#await(record)
      if (record.isCompared || record.awaited !== null) continue
      const wasDiffering = record.isMatch === false
      record.isMatch = this.#isEqual(record.newest.checkpoint) ?? record.isMatch
      record.isCompared = true
      if (record.isMatch === true) record.proven = record.newest.checkpoint.frontier
      if (record.isMatch === false && !wasDiffering) differing.push(peerId)
    }
    return differing
  }

  /** Since when this peer has held, by its signed word, something that we lack; null: it has not. */
  aheadSinceMs(peerId: string): number | null {
    return this.#records.get(peerId)?.awaited?.sinceMs ?? null
  }

  entriesOf(peerId: string): number | null {
    const record = this.#records.get(peerId)
    return record === undefined ? null : totalOf(record.newest.checkpoint.frontier)
  }

  /** Other members that hold this entry, by a root that they signed and that is ours too. */
  holdersOf(author: AuthorId, seq: number): number {
    let count = 0
    for (const record of this.#records.values()) if (provenSize(record, author) > seq) count += 1
    return count
  }

  /** How many of an author's entries some other member holds, proven so. */
  sizeElsewhere(author: AuthorId): number {
    let most = 0
    for (const record of this.#records.values()) most = Math.max(most, provenSize(record, author))
    return most
  }

  /** How many of an author's entries some other member says that it holds. */
  sizeClaimed(author: AuthorId): number {
    return this.#records
      .values()
      .reduce((most, { newest }) => Math.max(most, sizeAt(newest.checkpoint.frontier, author)), 0)
  }

  /**
   * No entry that we do not hold is below this clock (microseconds); 0 while a member has promised
   * nothing. A floor counts once we hold everything its promiser held, not only its own entries: a
   * member that lost its disk promises for what it will write, and only others still hold what it wrote.
   */
  clockFloor(): number {
    let least = Number.MAX_SAFE_INTEGER
    for (const peerId of this.#peerIds) {
      const record = this.#records.get(peerId)
      least = Math.min(least, record === undefined ? 0 : this.#floorOf(record))
    }
    return least
  }

  /**
   * A directory that we have just heard of may stand for one that was lost, whose last words were still on
   * their way to the others when these made the promises we have; and so may our own. So it counts when all
   * have promised anew, by words that were not on their way themselves by then.
   */
  #floorOf(record: Tracked): number {
    if (!isNewerThan(record, this.#startedMs)) return 0
    let isSettled = true
    for (const other of this.#records.values())
      if (other !== record && !isNewerThan(other, record.firstHeardMs)) isSettled = false
    return isSettled ? record.clockFloor : record.floorBefore
  }

  #floorBefore(before: Tracked | undefined, isGoingOn: boolean, isFloorKept: boolean): number {
    if (before === undefined || !isFloorKept) return 0
    return isGoingOn ? before.floorBefore : this.#floorOf(before)
  }

  /** Moves on to the oldest checkpoint that we do not cover yet. */
  #await(record: Tracked): void {
    if (record.awaited === null) return
    const { checkpoint } = record.newest
    if (this.#isHeld(checkpoint)) {
      record.clockFloor = Math.max(record.clockFloor, checkpoint.clockFloor)
      record.coveredAtMs = record.receivedMonoMs
      record.awaited = null
    } else if (this.#isHeld(record.awaited.checkpoint)) {
      record.clockFloor = Math.max(record.clockFloor, record.awaited.checkpoint.clockFloor)
      record.coveredAtMs = record.awaited.sinceMs
      const { frontier, root } = record.awaited.checkpoint
      if (this.#logs.rootAt(frontier) === root) record.proven = frontier
      record.awaited = { checkpoint, sinceMs: record.receivedMonoMs }
    }
  }

  /** Whether we have everything that it names, but for what lies behind the end of a log. */
  #isHeld({ frontier, seals }: Checkpoint): boolean {
    const ours = this.#logs
    return coversSeals(ours.seals, seals) && covers(ours.frontier(), clip(frontier, ours.seals))
  }

  /**
   * Of two nodes with the same entries the state must be the same too. Null: it holds something that we
   * left out, and will leave it out when it has heard why.
   */
  #isEqual({ frontier, root, stateRoot }: Checkpoint): boolean | null {
    if (!covers(clip(frontier, this.#logs.seals), frontier)) return null
    if (this.#logs.rootAt(frontier) !== root) return false
    const isSameContent = covers(frontier, this.#logs.frontier())
    return !isSameContent || stateRoot === (this.#stateRoot() ?? stateRoot)
  }
}

/** How many of an author's entries this member holds, by a root that it signed and that is ours too. */
const provenSize = ({ isMatch, proven }: Tracked, author: AuthorId): number =>
  isMatch === false ? 0 : sizeAt(proven, author)

/** Whether its word was not on its way any more at this time. */
const isNewerThan = (record: Tracked, heardMs: number): boolean =>
  record.coveredAtMs > heardMs + FLIGHT_MS_MAX

/**
 * A node's checkpoints are ordered by what they promise, whatever the order they arrive in. The clock
 * floor also tells a directory from the one that was lost before it, of which a word may still be on its
 * way: only a member that was not heard for long may have begun anew with a clock that was set back.
 */
function newsOf(next: Checkpoint, last: Checkpoint, silentMs: number): CheckpointNews {
  if (next.incarnation !== last.incarnation) {
    const isLater = next.clockFloor > last.clockFloor || silentMs >= REBIRTH_SILENCE_MS
    return isLater ? 'new' : 'old'
  }
  const isOnward = isExtension(next, last)
  const isBackward = isExtension(last, next)
  if (isOnward && isBackward) {
    if (next.root !== last.root || next.stateRoot !== last.stateRoot) return 'contradiction'
    if (next.clockFloor !== last.clockFloor)
      return next.clockFloor > last.clockFloor ? 'new' : 'old'
    return next.wallMs > last.wallMs ? 'new' : 'old'
  }
  if (isOnward && next.clockFloor >= last.clockFloor) return 'new'
  return isBackward && next.clockFloor <= last.clockFloor ? 'old' : 'contradiction'
}

/** Whether `next` holds all that `last` held, but for what lies behind an end that it knows. */
const isExtension = (next: Checkpoint, last: Checkpoint): boolean =>
  coversSeals(next.seals, last.seals) && covers(next.frontier, clip(last.frontier, next.seals))
