import type { CoreEvent, Output, Ready } from '../../src/node/replica/contract.ts'
import { Core } from '../../src/node/replica/core.ts'
import { syncAnswer } from '../../src/node/sync-answer.ts'
import { EMPTY_FRONTIER } from '../../src/wire/frontier.ts'
import type { SyncPolicy } from '../../src/wire/protocol.ts'
import { decodeSyncRequest, encodeSyncRequest } from '../../src/wire/sync.ts'
import type { MemoryDisk } from './disk.ts'
import { configOf, type Lattice } from './members.ts'
import type { CrashMoment } from './plan.ts'

/** The true time when a run begins. */
export const WALL_START_MS = 1_700_000_000_000
/** Short, so that a run of a few seconds holds many of them. */
const EXCHANGE = { policy: 'auto' as const, httpPollMs: 1000, heartbeatMs: 500 }

export interface NodeHandlers {
  nowMs(): number
  /** A step was committed; what it asked for is about to be done. */
  onCommitted(node: SimulatedNode, ready: Ready): void
  onOutput(node: SimulatedNode, output: Output): void
  /** It died, and is to be started again after this time. */
  onCrashed(node: SimulatedNode, forMs: number): void
  wakeAt(node: SimulatedNode, atMs: number): void
}

/** One member: a real core between a disk that keeps what was committed and lungs that others play. */
export class SimulatedNode {
  readonly index: number
  readonly lattice: Lattice
  readonly #handlers: NodeHandlers
  readonly #newDisk: () => MemoryDisk
  disk: MemoryDisk
  /** Null while the process does not run. */
  core: Core | null = null
  /** Counts starts: what was on its way to an earlier process never arrives. */
  epoch = 0
  isP2pStopped = false
  wasWiped = false
  /** Its disk was lost and there is no other yet: it cannot be started. */
  isWithoutDisk = false
  /** The wall clock, milliseconds ahead of the world's; and all that it ever was. */
  wallOffsetMs = 0
  readonly wallOffsetsMs = [0]
  steps = 0
  #policy: SyncPolicy = 'auto'
  #armed: { moment: CrashMoment; forMs: number } | null = null

  constructor(index: number, lattice: Lattice, newDisk: () => MemoryDisk, handlers: NodeHandlers) {
    this.index = index
    this.lattice = lattice
    this.#handlers = handlers
    this.#newDisk = newDisk
    this.disk = newDisk()
  }

  get isRunning(): boolean {
    return this.core !== null
  }

  /** The largest clock in any log, microseconds. */
  get lastHlc(): number {
    return this.core?.logs.lastHlc() ?? 0
  }

  /** The configured policy of a process that starts. */
  set policy(policy: SyncPolicy) {
    this.#policy = policy
  }

  start(): void {
    this.epoch += 1
    const stored = (author: string, seq: number) => this.disk.entry(author, seq) ?? null
    const exchange = { ...EXCHANGE, policy: this.#policy }
    const config = configOf(this.lattice, this.index, this.disk.incarnation, exchange, stored)
    this.core = new Core(config, this.disk.restored(), this.#now())
    if (!this.isP2pStopped) this.step({ kind: 'p2p-lung', state: 'starting' })
    else this.step({ kind: 'tick' })
  }

  stop(): void {
    this.core = null
    this.#armed = null
  }

  wipe(): void {
    this.stop()
    this.wasWiped = true
    this.isWithoutDisk = true
    this.disk = this.#newDisk()
  }

  /** Dies now, or in the midst of the next step that has entries to make durable. */
  crash(moment: CrashMoment, forMs: number): void {
    if (moment === 'idle') this.#die(forMs)
    else this.#armed = { moment, forMs }
  }

  disarmCrash(): void {
    this.#armed = null
  }

  step(event: CoreEvent): void {
    const { core } = this
    if (core === null) return
    this.steps += 1
    const ready = core.step(event, this.#now())
    const armed = ready.entries.length > 0 ? this.#armed : null
    if (armed?.moment === 'before-commit') return this.#die(armed.forMs)
    this.disk.commit(ready)
    this.#handlers.onCommitted(this, ready)
    if (armed?.moment === 'after-commit') return this.#die(armed.forMs)
    for (const output of ready.outputs) {
      if (this.core !== core) return
      this.#carryOut(output)
    }
    this.#handlers.wakeAt(this, ready.wakeAtMs)
  }

  syncRequest(): Uint8Array | null {
    if (this.core === null) return null
    return encodeSyncRequest({
      lattice: this.lattice.id,
      frontier: this.core.logs.frontier(),
      seals: this.core.logs.seals,
      checkpoint: this.core.checkpoint,
    })
  }

  /** The frames of the answer to a sync request, each with its length in front. */
  async answer(request: Uint8Array): Promise<Uint8Array[]> {
    const { core, disk } = this
    if (core === null) return []
    const decoded = decodeSyncRequest(request, this.lattice.verify)
    const source = {
      checkpoint: core.checkpoint,
      frontier: core.logs.frontier(),
      entries: disk.entries.bind(disk),
      sealsBeyond: core.logs.sealsBeyond.bind(core.logs),
    }
    if (decoded.checkpoint !== null) {
      this.step({ kind: 'checkpoint', checkpoint: decoded.checkpoint, via: 'HTTP' })
    }
    const frames: Uint8Array[] = []
    for await (const frame of syncAnswer(decoded, source, new AbortController().signal)) {
      frames.push(frame)
    }
    return frames
  }

  #carryOut(output: Output): void {
    if (output.kind === 'rebuild') {
      const frontier = this.core?.logs.frontier() ?? EMPTY_FRONTIER
      this.step({ kind: 'rebuild-begin', snapshot: null, frontier })
      this.step({ kind: 'rebuild-entries', entries: [...this.disk.restored().entries] })
      this.step({ kind: 'rebuild-end' })
    }
    this.#handlers.onOutput(this, output)
  }

  #die(forMs: number): void {
    if (!this.isRunning) return
    this.stop()
    this.#handlers.onCrashed(this, forMs)
  }

  #now(): { wallMs: number; monoMs: number } {
    const monoMs = this.#handlers.nowMs()
    return { wallMs: WALL_START_MS + Math.floor(monoMs) + this.wallOffsetMs, monoMs }
  }
}
