import type { CoreConfig, CoreEvent, Output, Ready } from '../../src/node/replica/contract.ts'
import { Core } from '../../src/node/replica/core.ts'
import type { ReceiptLevel } from '../../src/node/replica/receipts.ts'
import {
  signCheckpoint,
  type Checkpoint,
  type SignedCheckpoint,
} from '../../src/wire/checkpoint.ts'
import type { SignedEntry } from '../../src/wire/entry.ts'
import { sizeAt, type Frontier } from '../../src/wire/frontier.ts'
import type { Intent } from '../../src/wire/intent.ts'
import { batchOf, isWorthWrite, MemoryDisk } from './disk.ts'
import { configOf, incarnationOf, keyOf, type Lattice } from './members.ts'

export interface RigOptions {
  index?: number
  incarnation?: number
  wallMs?: number
  exchange?: Partial<CoreConfig['exchange']>
}

/** One core, its disk and its clocks, driven by hand: every step is committed before it returns. */
export class Rig {
  readonly lattice: Lattice
  readonly disk: MemoryDisk
  readonly outputs: Output[] = []
  readonly events: Ready['events'] = []
  wallMs: number
  monoMs = 0
  core: Core
  readonly #config: CoreConfig
  #ticket = 0

  constructor(lattice: Lattice, options: RigOptions = {}) {
    this.lattice = lattice
    this.disk = new MemoryDisk(incarnationOf(options.incarnation ?? 0))
    this.wallMs = options.wallMs ?? 1_000_000
    this.#config = configOf(
      lattice,
      options.index ?? 0,
      this.disk.incarnation,
      { policy: 'auto', httpPollMs: 10_000, heartbeatMs: 5000, ...options.exchange },
      (author, seq) => this.disk.entry(author, seq) ?? null,
    )
    this.core = this.#start()
  }

  step(event: CoreEvent): Ready {
    const ready = this.core.step(event, { wallMs: this.wallMs, monoMs: this.monoMs })
    if (isWorthWrite(ready)) this.disk.commit(batchOf([ready]))
    this.outputs.push(...ready.outputs)
    this.events.push(...ready.events)
    return ready
  }

  /** Both clocks go on. Ticks whenever the core asked to be woken, and at the end. */
  pass(ms: number): void {
    const endMs = this.monoMs + ms
    for (;;) {
      const { wakeAtMs } = this.step({ kind: 'tick' })
      const nextMs = Math.min(Math.max(wakeAtMs, this.monoMs + 1), endMs)
      this.wallMs += nextMs - this.monoMs
      this.monoMs = nextMs
      if (nextMs >= endMs) break
    }
    this.step({ kind: 'tick' })
  }

  submit(...intents: Intent[]): Ready {
    return this.step({ kind: 'submit', ticket: ++this.#ticket, intents })
  }

  receive(entries: readonly SignedEntry[], from: string, via: 'P2P' | 'HTTP' = 'P2P'): Ready {
    return this.step({ kind: 'entries', entries, from, via })
  }

  hear(checkpoint: SignedCheckpoint, via: 'P2P' | 'HTTP' = 'P2P'): Ready {
    return this.step({ kind: 'checkpoint', checkpoint, via })
  }

  /** The newest checkpoint, signed anew after what is held now. */
  promise(): SignedCheckpoint {
    this.pass(50)
    return this.core.checkpoint
  }

  /** Killed and started again from what is on the disk. */
  restart(): void {
    this.core = this.#start()
  }

  /** Gives back what is on the disk, as a `rebuild` output asks for. */
  rebuild(frontier: Frontier = this.core.logs.frontier()): void {
    this.step({ kind: 'rebuild-begin', snapshot: null, frontier })
    const entries = this.entries().filter(({ entry }) => entry.seq < sizeAt(frontier, entry.author))
    this.step({ kind: 'rebuild-entries', entries })
    this.step({ kind: 'rebuild-end' })
  }

  count(kind: Output['kind']): number {
    return this.outputs.filter((output) => output.kind === kind).length
  }

  eventsOf(kind: string): string[] {
    return this.events.filter((event) => event.kind === kind).map((event) => event.message)
  }

  /** All that is on the disk, each author's in sequence. */
  entries(): SignedEntry[] {
    return [...this.disk.logs().values()].flat()
  }

  /** Another member of the lattice, at the same time. */
  member(index: number, incarnation = 0): Rig {
    const other = new Rig(this.lattice, { index, incarnation, wallMs: this.wallMs })
    other.monoMs = this.monoMs
    return other
  }

  /** A checkpoint of member `index` that says what we hold now but for these fields, true or not. */
  claim(index: number, changes: Partial<Checkpoint>): SignedCheckpoint {
    const { publicKey, sign } = keyOf(this.lattice, index)
    const { logs, ledger, checkpoint } = this.core
    const held = {
      ...checkpoint.checkpoint,
      incarnation: incarnationOf(0),
      frontier: logs.frontier(),
      root: logs.root(),
      stateRoot: ledger.accounts.root(),
    }
    return signCheckpoint({ ...held, ...changes, publicKey }, sign)
  }

  /** Has heard of every other member, and some time has passed: their next promises count. */
  introduce(): void {
    for (const [index, { peerId }] of this.lattice.keys.entries()) {
      if (peerId !== this.core.checkpoint.peerId) this.hear(this.claim(index, { clockFloor: 1 }))
    }
    this.pass(1001)
  }

  /** Waits for our own entry `seq`; returns the ticket. */
  wait(seq: number, level: ReceiptLevel, forMs = 5000): number {
    const ticket = ++this.#ticket
    const deadlineMs = this.monoMs + forMs
    this.step({ kind: 'wait', ticket, author: this.core.author, seq, level, deadlineMs })
    return ticket
  }

  settled(ticket: number): Output | undefined {
    return this.outputs.find((output) => output.kind === 'settled' && output.ticket === ticket)
  }

  #start(): Core {
    return new Core(this.#config, this.disk.restored(), {
      wallMs: this.wallMs,
      monoMs: this.monoMs,
    })
  }
}
