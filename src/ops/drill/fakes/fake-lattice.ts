import { hash } from 'node:crypto'
import { authorsOf, sizeAt, type Frontier } from '../../../wire/frontier.ts'
import type { Carrier, SyncMode } from '../../../wire/protocol.ts'
import { OperatorError } from '../../errors.ts'
import type { VirtualClock } from './virtual-clock.ts'

/**
 * A lattice in one process and virtual time: nodes with logs, a P2P and an HTTP way between each two of
 * them, processes that can be killed. It follows the rules of the real one; a test turns a knob to break
 * a rule on purpose.
 */
export class FakeLattice {
  readonly clock: VirtualClock
  readonly nodes: FakeLatticeNode[]
  readonly isP2pEnabled: boolean
  /** From the loss of P2P until others see it, and until HTTP serves; null: never. */
  detectMs = 20
  httpTakesMs: number | null = 600
  /** From the start of a P2P lung until its peers are alive; null: never. */
  p2pTakesMs: number | null = 400
  /** What a supervisor waits, null: it does not restart; and the start of a process. */
  restartMs: number | null = 1000
  bootMs = 300
  /** Newest own entries that a node has lost after a kill. */
  losesOnKill = 0
  /** Writes that are acknowledged but not kept, from now on. */
  dropsWrites = 0
  /** Nothing crosses, though all believe that it would. */
  isStalled = false
  /** Whether a node undoes its fault at the deadline, and lets itself be told to. */
  undoesItself = true
  undoesWhenTold = true
  /** What a node says it has armed when it is asked for so long; null: nothing. */
  arms: (forMs: number) => number | null = (forMs) => forMs
  /** Every question to a node passes here and may throw. */
  interfere: (node: FakeLatticeNode, question: string) => void = () => undefined

  constructor(clock: VirtualClock, count = 3, isP2pEnabled = true) {
    this.clock = clock
    this.isP2pEnabled = isP2pEnabled
    this.nodes = Array.from(
      { length: count },
      (_, index) => new FakeLatticeNode(this, `node${index + 1}`),
    )
    for (const node of this.nodes) node.boot(0)
  }

  node(name: string): FakeLatticeNode {
    const found = this.nodes.find((node) => node.name === name)
    if (found === undefined) throw new Error(`no ${name}`)
    return found
  }

  /** What carries entries between two nodes now. */
  wayBetween(a: FakeLatticeNode, b: FakeLatticeNode): SyncMode {
    if (!a.isUp || !b.isUp) return 'NONE'
    if (a.hasP2p && b.hasP2p) return 'P2P'
    if (!this.isP2pEnabled) return 'HTTP'
    if (this.httpTakesMs === null) return 'NONE'
    const lostMs = Math.max(a.p2pChangedMs, b.p2pChangedMs)
    return this.clock.monotonicMs() - lostMs >= this.httpTakesMs ? 'HTTP' : 'NONE'
  }

  /** Each takes what it lacks of the other, over what is open. */
  exchange(): void {
    if (this.isStalled) return
    for (const to of this.nodes) {
      for (const from of this.nodes) {
        const way = this.wayBetween(from, to)
        if (from !== to && way !== 'NONE') to.takeFrom(from, way)
      }
    }
  }
}

export class FakeLatticeNode {
  readonly name: string
  readonly author: string
  readonly #lattice: FakeLattice
  log = new Map<string, string[]>()
  readonly arrivals = new Map<string, { via: Carrier; atMs: number }>()
  /** The process exists; it answers. */
  hasProcess = false
  isUp = false
  hasP2p = false
  p2pChangedMs = 0
  /** How often it was started. */
  lives = 0
  startedMs = 0
  fault: { endsMs: number; forMs: number } | null = null
  isDiverged = false
  rootSalt = ''
  isSupervised = true
  #written = 0

  constructor(lattice: FakeLattice, name: string) {
    this.#lattice = lattice
    this.name = name
    this.author = name.padEnd(80, '0')
  }

  boot(bootMs = this.#lattice.bootMs): void {
    this.hasProcess = true
    this.lives += 1
    this.startedMs = this.#lattice.clock.monotonicMs()
    const life = this.lives
    const open = (): void => {
      if (this.lives !== life || !this.hasProcess) return
      this.isUp = true
      this.startP2p(bootMs === 0 ? 0 : this.#lattice.p2pTakesMs)
    }
    if (bootMs === 0) open()
    else this.#lattice.clock.after(bootMs, open)
  }

  kill(): void {
    const { clock, losesOnKill, restartMs } = this.#lattice
    this.hasProcess = false
    this.isUp = false
    this.fault = null
    this.#setP2p(false)
    this.log.set(
      this.author,
      (this.log.get(this.author) ?? []).slice(0, losesOnKill > 0 ? -losesOnKill : undefined),
    )
    for (const arrival of this.arrivals.values()) arrival.via = 'store'
    if (restartMs === null) this.isSupervised = false
    else clock.after(restartMs, () => this.start())
  }

  start(): void {
    this.isSupervised = true
    if (!this.hasProcess) this.boot()
  }

  stopP2p(forMs: number): void {
    const { clock } = this.#lattice
    const endsMs = clock.monotonicMs() + forMs
    this.fault = { endsMs, forMs }
    this.#setP2p(false)
    if (this.#lattice.undoesItself) {
      clock.after(forMs, () => {
        if (this.fault?.endsMs === endsMs) this.clearFault()
      })
    }
  }

  clearFault(): void {
    if (this.fault === null) return
    this.fault = null
    this.startP2p(this.#lattice.p2pTakesMs)
  }

  startP2p(takesMs: number | null): void {
    if (takesMs === null || !this.#lattice.isP2pEnabled) return
    const life = this.lives
    const up = (): void => {
      if (this.lives === life && this.isUp && this.fault === null) this.#setP2p(true)
    }
    if (takesMs === 0) up()
    else this.#lattice.clock.after(takesMs, up)
  }

  write(): { author: string; seq: number; id: string } {
    const { author } = this
    const entries = this.log.get(author) ?? []
    this.log.set(author, entries)
    const seq = entries.length
    const id = hash('sha256', `${author}/${seq}/${++this.#written}`)
    if (this.#lattice.dropsWrites > 0) {
      this.#lattice.dropsWrites -= 1
      return { author, seq, id }
    }
    entries.push(id)
    this.#arrived(author, seq, 'local')
    this.#lattice.clock.after(2, () => this.#lattice.exchange())
    return { author, seq, id }
  }

  takeFrom(from: FakeLatticeNode, via: 'P2P' | 'HTTP'): void {
    for (const [author, theirs] of from.log) {
      const ours = this.log.get(author) ?? []
      for (let seq = ours.length; seq < theirs.length; seq++) {
        ours.push(theirs[seq] ?? '')
        this.#arrived(author, seq, via)
      }
      this.log.set(author, ours)
    }
  }

  frontier(): Frontier {
    return new Map(
      [...this.log]
        .filter(([, ids]) => ids.length > 0)
        .map(([author, ids]) => [author, ids.length]),
    )
  }

  rootAt(cut: Frontier): string {
    const held = authorsOf(cut).map((author) => {
      const size = sizeAt(cut, author)
      const ids = this.log.get(author) ?? []
      if (ids.length < size)
        throw new OperatorError('refused', `${this.name} does not cover the cut`)
      return [author, ids.slice(0, size)]
    })
    return hash('sha256', JSON.stringify([this.rootSalt, held]))
  }

  /** What it believes of the exchange with another: it notices a loss a little later. */
  transportTo(other: FakeLatticeNode): SyncMode {
    const { clock, detectMs, isP2pEnabled } = this.#lattice
    const way = this.#lattice.wayBetween(this, other)
    const isFresh = clock.monotonicMs() - other.p2pChangedMs < detectMs
    return way === 'NONE' && isFresh && this.hasP2p && isP2pEnabled ? 'P2P' : way
  }

  #setP2p(hasP2p: boolean): void {
    const { clock, httpTakesMs } = this.#lattice
    this.hasP2p = hasP2p
    this.p2pChangedMs = clock.monotonicMs()
    if (hasP2p) clock.after(5, () => this.#lattice.exchange())
    else if (httpTakesMs !== null) clock.after(httpTakesMs + 1, () => this.#lattice.exchange())
  }

  #arrived(author: string, seq: number, via: Carrier): void {
    this.arrivals.set(`${author}/${seq}`, { via, atMs: this.#lattice.clock.monotonicMs() })
  }
}
