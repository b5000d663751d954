import type { Bounds, CoreEvent, Now, Output, Ready } from '../../src/node/replica/contract.ts'
import type { Core } from '../../src/node/replica/core.ts'
import { WireError } from '../../src/wire/cbor.ts'
import type { SignedEntry } from '../../src/wire/entry.ts'
import { EMPTY_FRONTIER } from '../../src/wire/frontier.ts'
import type { SyncPolicy } from '../../src/wire/protocol.ts'
import { begun, isCorruption, snapshotIn, type Beginning, type Premises } from './beginning.ts'
import type { Chance } from './chance.ts'
import { isWorthWrite } from './disk.ts'
import { WriteError, type Drive, type Remains } from './drive.ts'
import type { Liar } from './lies.ts'
import type { Lattice } from './members.ts'
import type { CrashMoment } from './plan.ts'
import type { Release, Releases } from './release.ts'

/** The true time when a run begins. */
export const WALL_START_MS = 1_700_000_000_000
/** Entries of which some were made durable with a crash in the midst are written this slowly at times. */
const WRITE_MS_MAX = 4
/** After a start from a snapshot the rest is audited this much later. */
const AUDIT_DELAY_MS = 1500
/** Entries that are read at once where the state is made anew. */
const PART_SLOW = 4
const PART = 256

export interface NodeSettings {
  heartbeatMs: number
  httpPollMs: number
  bounds: Bounds | null
  /** Whether each write takes a moment of its own, in which other things happen. */
  isDiskSlow: boolean
}

export interface NodeHandlers {
  nowMs(): number
  after(ms: number, act: () => void): void
  /** A step was committed; what it asked for is about to be done. */
  onCommitted(node: SimulatedNode, ready: Ready): void
  onOutput(node: SimulatedNode, output: Output): void
  /** All of that is done: memory and disk are the same. */
  onRested(node: SimulatedNode): void
  /** It died and is to be started again after this time; null: it stays down until someone mends it. */
  onDied(node: SimulatedNode, forMs: number | null, remains: Remains): void
  wakeAt(node: SimulatedNode, atMs: number): void
  /** What it read from its disk was not what was once written. */
  onCorrupt(node: SimulatedNode): void
  /** Its own log was ended. */
  onSealed(node: SimulatedNode): void
}

/** One member: a real core between a disk that may fail and lungs that others play. */
export class SimulatedNode {
  readonly index: number
  readonly lattice: Lattice
  readonly #handlers: NodeHandlers
  readonly #settings: NodeSettings
  readonly #releases: Releases
  readonly #chance: Chance
  readonly #newDrive: () => Drive
  drive: Drive
  /** Null while the process does not run. */
  core: Core | null = null
  /** Counts starts: what was on its way to an earlier process never arrives. */
  epoch = 0
  isP2pStopped = false
  /** Its disk was lost and there is no other yet: it cannot be started. */
  isWithoutDisk = false
  readonly lostIncarnations: string[] = []
  /** The wall clock, milliseconds ahead of the world's; and the furthest that it ever was. */
  #wallOffsetMs = 0
  wallOffsetMsMax = 0
  /** How what it sends is made worse; null: it is not. */
  liar: Liar | null = null
  releaseName: keyof Releases = 'ours'
  policy: SyncPolicy = 'auto'
  steps = 0
  /** Its state is being made anew, and is not that of its logs. */
  isReplaying = false
  #queue: CoreEvent[] = []
  #isBusy = false
  #whenIdle: (() => void)[] = []
  #armed: { moment: CrashMoment; forMs: number } | null = null

  constructor(
    index: number,
    lattice: Lattice,
    settings: NodeSettings,
    releases: Releases,
    chance: Chance,
    newDrive: () => Drive,
    handlers: NodeHandlers,
  ) {
    this.index = index
    this.lattice = lattice
    this.#settings = settings
    this.#releases = releases
    this.#chance = chance
    this.#newDrive = newDrive
    this.#handlers = handlers
    this.drive = newDrive()
  }

  get isRunning(): boolean {
    return this.core !== null
  }

  get release(): Release {
    return this.#releases[this.releaseName]
  }

  /** The largest clock in any log, microseconds. */
  get lastHlc(): number {
    return this.core?.logs.lastHlc() ?? 0
  }

  get queueLength(): number {
    return this.#queue.length
  }

  set wallOffsetMs(offsetMs: number) {
    this.#wallOffsetMs = offsetMs
    this.wallOffsetMsMax = Math.max(this.wallOffsetMsMax, offsetMs)
  }

  /** Throws `CorruptError` for a disk that is not what it was. */
  start(): Beginning {
    const { core, beginning } = begun(this.#premises())
    this.epoch += 1
    this.core = core
    this.isReplaying = false
    if (beginning === 'snapshot') this.#auditLater(core)
    this.step(this.isP2pStopped ? { kind: 'tick' } : { kind: 'p2p-lung', state: 'starting' })
    return beginning
  }

  stop(): Remains {
    this.core = null
    this.#armed = null
    this.#queue = []
    const remains = this.drive.crash(this.#chance)
    this.#rest()
    return remains
  }

  /** The disk is gone, and there is none until `isWithoutDisk` is taken back. */
  loseDisk(): void {
    this.isWithoutDisk = true
    this.lostIncarnations.push(this.drive.incarnation)
    this.drive = this.#newDrive()
  }

  /** Its log has ended: the directory goes on under another name. */
  reincarnate(incarnation: string): void {
    this.stop()
    this.drive.reincarnate(incarnation)
  }

  /** Dies now, or in the midst of the next write of entries. */
  crash(moment: CrashMoment, forMs: number): void {
    if (moment === 'idle') this.die(forMs)
    else this.#armed = { moment, forMs }
  }

  disarmCrash(): void {
    this.#armed = null
  }

  die(forMs: number | null): void {
    if (this.isRunning) this.#handlers.onDied(this, forMs, this.stop())
  }

  /** Like the real engine: what happens during a write waits, and is stepped through in one turn after it. */
  step(event: CoreEvent): void {
    if (this.core === null) return
    this.#queue.push(event)
    if (!this.#isBusy) this.#runTurns()
  }

  /** Memory and disk are the same: nothing may be answered in the midst of a write. */
  get isIdle(): boolean {
    return !this.#isBusy
  }

  /** At once, or when the write that is under way has ended or failed. */
  whenIdle(act: () => void): void {
    if (this.#isBusy) this.#whenIdle.push(act)
    else act()
  }

  syncRequest(peerId: string): Uint8Array | null {
    if (this.core === null) return null
    const { forks, logs, checkpoint } = this.core
    return this.release.encodeSyncRequest({
      lattice: this.lattice.id,
      frontier: forks.frontierFor(peerId, logs.frontier()),
      seals: logs.seals,
      checkpoint,
    })
  }

  /** The frames of the answer to a sync request, without their lengths. Throws what is wrong with it. */
  async answer(request: Uint8Array): Promise<Uint8Array[]> {
    const { core, drive, release } = this
    if (core === null) return []
    const decoded = release.decodeSyncRequest(request, this.lattice.verify)
    if (decoded.lattice !== this.lattice.id)
      throw new WireError('wrong-lattice', 'the caller is of another lattice')
    const source = {
      checkpoint: core.checkpoint,
      frontier: core.logs.frontier(),
      sealsBeyond: core.logs.sealsBeyond.bind(core.logs),
      entries: drive.entries.bind(drive),
    }
    if (decoded.checkpoint !== null)
      this.step({ kind: 'checkpoint', checkpoint: decoded.checkpoint, via: 'HTTP' })
    const frames: Uint8Array[] = []
    const never = new AbortController().signal
    for await (const frame of release.syncAnswer(decoded, source, never))
      frames.push(frame.subarray(4))
    return frames
  }

  #runTurns(): void {
    this.#isBusy = true
    while (this.core !== null && this.#queue.length > 0) {
      const events = this.#queue
      this.#queue = []
      if (!this.#runTurn(this.core, events)) return
    }
    this.#rest()
  }

  /** False: it goes on later, or not at all. */
  #runTurn(core: Core, events: readonly CoreEvent[]): boolean {
    const now = this.#now()
    this.steps += events.length
    const readies = events.map((event) => this.#stepOne(core, event, now))
    if (!readies.some(isWorthWrite)) {
      this.#letOut(core, readies)
      return this.core === core
    }
    const armed = readies.some(isTold) ? this.#armed : null
    if (armed?.moment === 'before-commit') return this.#end(armed.forMs)
    try {
      this.drive.write(readies)
      if (armed?.moment === 'torn') return this.#end(armed.forMs)
      const writeMs = this.#writeMs()
      if (writeMs > 0) {
        const { epoch } = this
        this.#handlers.after(writeMs, () => {
          if (this.epoch === epoch && this.core === core && this.#sync(core, readies))
            this.#runTurns()
        })
        return false
      }
    } catch (error) {
      return this.#failed(error)
    }
    return this.#sync(core, readies)
  }

  #stepOne(core: Core, event: CoreEvent, now: Now): Ready {
    const ready = core.step(event, now)
    if (event.kind === 'rebuild-end') this.isReplaying = false
    if (ready.outputs.some(({ kind }) => kind === 'rebuild')) this.isReplaying = true
    return ready
  }

  #sync(core: Core, readies: readonly Ready[]): boolean {
    try {
      this.drive.sync()
    } catch (error) {
      return this.#failed(error)
    }
    const armed = readies.some(isTold) ? this.#armed : null
    const isKilled = armed?.moment === 'after-commit'
    this.#letOut(core, readies, isKilled)
    if (isKilled) return this.#end(armed.forMs)
    return this.core === core
  }

  /** What is on the disk may be seen. */
  #letOut(core: Core, readies: readonly Ready[], isKilled = false): void {
    for (const ready of readies) this.#handlers.onCommitted(this, ready)
    if (isKilled) return
    for (const { outputs } of readies) {
      for (const output of outputs) {
        if (this.core !== core) return
        this.#carryOut(output)
      }
    }
    if (this.core !== core) return
    this.#handlers.onRested(this)
    this.#handlers.wakeAt(this, readies.at(-1)?.wakeAtMs ?? 0)
  }

  #rest(): void {
    this.#isBusy = false
    if (this.#whenIdle.length === 0) return
    const waiting = this.#whenIdle
    this.#whenIdle = []
    for (const act of waiting) act()
  }

  #end(forMs: number): false {
    this.die(forMs)
    return false
  }

  /** Memory is ahead of the disk: nothing may be let out any more. */
  #failed(error: unknown): false {
    if (!(error instanceof WriteError)) throw error
    this.die(null)
    return false
  }

  #writeMs(): number {
    if (this.drive.writeMs > 0) return this.drive.writeMs
    return this.#settings.isDiskSlow ? this.#chance.below(WRITE_MS_MAX) : 0
  }

  #carryOut(output: Output): void {
    const { core } = this
    if (output.kind === 'rebuild' && core !== null) this.#rebuild(core, output.beforeHlc)
    // Not before the rest of what this turn asks for is carried out.
    if (output.kind === 'reincarnate')
      this.#handlers.after(0, () => {
        if (this.core === core) this.#handlers.onSealed(this)
      })
    this.#handlers.onOutput(this, output)
  }

  /** Reads all entries after a snapshot and hands them over part by part, beside the other work. */
  #rebuild(core: Core, beforeHlc: number): void {
    const snapshot = snapshotIn(this.#premises(), beforeHlc)
    const frontier = core.logs.frontier()
    const from = snapshot?.folded.sizes ?? EMPTY_FRONTIER
    const { verify } = this.lattice
    const rest = this.drive.audited(from, frontier, verify)[Symbol.iterator]()
    this.step({ kind: 'rebuild-begin', snapshot, frontier })
    const partMax = this.#settings.isDiskSlow ? PART_SLOW : PART
    const readOn = (): void => {
      if (this.core !== core) return
      const entries: SignedEntry[] = []
      try {
        for (let next = rest.next(); next.done !== true; next = rest.next()) {
          entries.push(next.value)
          if (entries.length === partMax) break
        }
      } catch (error) {
        return this.#corrupt(error)
      }
      this.step({ kind: 'rebuild-entries', entries })
      if (entries.length < partMax) this.step({ kind: 'rebuild-end' })
      else this.#handlers.after(1, readOn)
    }
    readOn()
  }

  /** What lies behind a snapshot was not read at the start. */
  #auditLater(core: Core): void {
    this.#handlers.after(AUDIT_DELAY_MS, () => {
      if (this.core !== core) return
      try {
        this.drive.audit(undefined, this.lattice.verify)
      } catch (error) {
        this.#corrupt(error)
      }
    })
  }

  #premises(): Premises {
    const { drive, lattice, index, release, policy } = this
    const isOurs = this.releaseName === 'ours'
    const { heartbeatMs, httpPollMs, bounds } = this.#settings
    const exchange = { heartbeatMs, httpPollMs, policy }
    return { drive, lattice, index, release, isOurs, exchange, bounds, now: this.#now() }
  }

  #corrupt(error: unknown): void {
    if (!isCorruption(error)) throw error
    this.#handlers.onCorrupt(this)
  }

  #now(): Now {
    const monoMs = this.#handlers.nowMs()
    return { wallMs: WALL_START_MS + Math.floor(monoMs) + this.#wallOffsetMs, monoMs }
  }
}

/** Something that others will hear of. */
const isTold = ({ entries, seals }: Ready): boolean => entries.length + seals.length > 0
