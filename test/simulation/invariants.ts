import type { EventDraft, Ready } from '../../src/node/replica/contract.ts'
import type { AuthorId } from '../../src/wire/author.ts'
import type { Checkpoint } from '../../src/wire/checkpoint.ts'
import type { SignedEntry } from '../../src/wire/entry.ts'
import { frontierObject, totalOf, type Frontier } from '../../src/wire/frontier.ts'
import { Claims } from './claims.ts'
import { Holdings } from './holdings.ts'
import { isSignedLie } from './lies.ts'
import { peerIdsOf } from './members.ts'
import type { SimulatedNode } from './node.ts'
import type { Lie } from './plan.ts'
import { Replay } from './replay.ts'
import type { Sightings } from './sightings.ts'

interface Acknowledged {
  author: AuthorId
  seq: number
}

const VIOLATIONS_MAX = 20
/** Entries at which a node's state is first computed anew; then whenever they have doubled. */
const AUDIT_FIRST = 16

/**
 * What must hold after every step, and at the end. It looks at all nodes at once, which no node can; it
 * collects violations instead of throwing, so that a run always ends. What grows with the run is checked
 * piece by piece as it comes, and whole whenever it has doubled.
 */
export class Invariants {
  readonly #nodes: readonly SimulatedNode[]
  readonly #sightings: Sightings
  readonly #holdings = new Holdings()
  readonly violations: string[] = []
  readonly #acknowledged: Acknowledged[] = []
  /** By node: what was acknowledged somewhere and is not final there. */
  readonly #open: Acknowledged[][]
  readonly #claims = new Claims()
  readonly #replay: Replay
  /** What is final and has a smaller clock stays as it is. */
  #finalsBelowHlc = Number.POSITIVE_INFINITY
  /** By author: the highest clock floor that it promised. */
  readonly #floors = new Map<AuthorId, number>()
  /** By node: the largest clock that it holds, and the size at which it is audited next. */
  readonly #lastHlc: number[]
  readonly #auditAt: number[]
  /** By node: it has promised something since it was last looked at. */
  readonly #isNews: boolean[]
  /** Lost with the only disk that held it. */
  readonly #forgiven = new Set<string>()
  /** Those that sign what is not true. */
  readonly #untrue = new Set<string>()
  /** Authors whose logs may end, and from where on nobody can count on them. */
  readonly #contested = new Map<AuthorId, number>()
  #isAnyLiar = false
  #isAnyForked = false
  #arePromisesKept = true

  constructor(nodes: readonly SimulatedNode[], sightings: Sightings) {
    this.#nodes = nodes
    this.#sightings = sightings
    this.#replay = new Replay(nodes[0]?.lattice.genesis ?? new Map())
    this.#open = nodes.map(() => [])
    this.#lastHlc = nodes.map(() => 0)
    this.#auditAt = nodes.map(() => AUDIT_FIRST)
    this.#isNews = nodes.map(() => false)
  }

  /** From now on this node lies; nobody can hold it to what it signs. */
  distrust(node: SimulatedNode, lie: Lie): void {
    this.#isAnyLiar = true
    if (!isSignedLie(lie)) return
    this.#untrue.add(this.#peerIdOf(node))
    if (lie === 'false-floor') this.#breakPromises(0)
  }

  /** Bad input is to be expected from now on. */
  expectRefusals(): void {
    this.#isAnyLiar = true
  }

  /** The log of an author may end here: it was forked at this place, or declared gone. */
  contest(author: AuthorId, seq: number, why: 'forked' | 'retired', hlc: number): void {
    this.#contested.set(author, Math.min(this.#contested.get(author) ?? seq, seq))
    if (why === 'retired') return
    this.#isAnyLiar = true
    this.#isAnyForked = true
    this.#breakPromises(hlc)
  }

  /** Before anything of it is let out. */
  committed(node: SimulatedNode, ready: Ready): void {
    for (const signed of ready.entries) {
      const { author, seq, hlc } = signed.entry
      const isNew = this.#holdings.of(author).ids[seq] === undefined
      this.#keep(node, signed)
      const isOwn = isNew && author === node.core?.author && !this.#isContested(author, seq)
      if (isOwn && hlc < (this.#floors.get(author) ?? 0))
        this.fail(node, `wrote ${author}:${seq} below its promised floor`)
      const lastHlc = this.#lastHlc[node.index] ?? 0
      if (hlc < lastHlc) this.#sightings.see('late entry')
      else this.#lastHlc[node.index] = hlc
    }
    for (const { author, size } of ready.cuts) this.#cut(node, author, size)
    if (ready.seals.length > 0) this.#sightings.see('log sealed')
    for (const event of ready.events) this.#noted(node, event)
    for (const output of ready.outputs) {
      if (output.kind === 'checkpoint') this.#promised(node, output.checkpoint.checkpoint)
      if (output.kind === 'rebuild') this.#sightings.see('state made anew')
    }
  }

  /** Memory and disk are the same now. */
  rested(node: SimulatedNode): void {
    const { core } = node
    if (core === null || this.#isNews[node.index] !== true) return
    this.#isNews[node.index] = false
    this.#checkReceipts(node)
    if (totalOf(core.logs.frontier()) < (this.#auditAt[node.index] ?? 0)) return
    this.#audit(node)
  }

  acknowledge(acknowledged: Acknowledged): void {
    this.#acknowledged.push(acknowledged)
    for (const open of this.#open) open.push(acknowledged)
  }

  /** It may hold what a crash has let be written and not told. */
  started(node: SimulatedNode): void {
    for (const log of node.drive.logs().values()) for (const signed of log) this.#keep(node, signed)
    this.#auditAt[node.index] = 0
  }

  /** Called before the disk is lost. */
  losing(node: SimulatedNode): void {
    this.#lastHlc[node.index] = 0
    for (const { author, seq, hlc, copies } of this.#holdings.lose(node.index)) {
      this.#sightings.see('entry lost with its only disk')
      this.#forgiven.add(`${author}:${seq}`)
      // Two copies survive one loss. What was lost with the last of more may have had final ones after it.
      if (copies + this.#untrue.size > 1) this.#loosen(hlc)
    }
  }

  /** After everything was healed and left alone for a while. */
  converged(): void {
    const [first] = this.#nodes
    const viewOf = (node: SimulatedNode): string =>
      node.core === null
        ? 'not running'
        : JSON.stringify([
            frontierObject(node.core.logs.frontier()),
            frontierObject(node.core.logs.seals),
            node.core.logs.root(),
            node.core.ledger.accounts.root(),
          ])
    for (const node of this.#nodes) {
      if (first !== undefined && viewOf(node) !== viewOf(first))
        this.fail(node, `differs from node 0 at the end: ${viewOf(node)} and ${viewOf(first)}`)
      const mode = node.core?.exchange.mode
      if (mode?.active !== 'P2P') this.fail(node, `is in mode ${mode?.active}: ${mode?.reason}`)
      if (node.core?.isDiverged === true) this.fail(node, 'still sees a divergence at the end')
      const strange = [...(node.core?.refused.keys() ?? [])].filter(
        (code) => code !== 'clock-ahead',
      )
      if (strange.length > 0 && !this.#isAnyLiar) this.fail(node, `refused: ${strange.join(', ')}`)
    }
  }

  /** When time enough has passed for everything to be final. */
  atEnd(): void {
    for (const node of this.#nodes) {
      this.#audit(node)
      if (node.core?.ledger.pendingFinal !== 0) this.fail(node, 'has entries that are not final')
      for (const { author, seq } of this.#acknowledged) {
        const receipt = node.core?.receiptOf(author, seq, 0) ?? null
        if (this.#forgiven.has(`${author}:${seq}`) || this.#isContested(author, seq)) continue
        if (receipt === null) this.fail(node, `lacks the acknowledged ${author}:${seq}`)
        else if (receipt.level !== 'final' || receipt.replicas !== this.#nodes.length)
          this.fail(node, `says of ${author}:${seq}: ${receipt.level}, ${receipt.replicas} copies`)
        else this.#checkFinal(node, author, seq, receipt.outcome)
      }
    }
    const first = this.#nodes[0]?.core
    for (const { author, seq } of this.#acknowledged) {
      if (first?.ledger.outcomeOf(author, seq)?.rejection === 'overdraft')
        this.#sightings.see('overdraft revealed by a merge')
    }
  }

  fail(node: SimulatedNode, what: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(`node ${node.index}: ${what}`)
  }

  #keep(node: SimulatedNode, signed: SignedEntry): void {
    const { author, seq } = signed.entry
    if (!this.#holdings.keep(node.index, signed) && !this.#isContested(author, seq))
      this.fail(node, `two entries at ${author}:${seq}`)
  }

  /** An end of a log takes out what may have been final, and changes what comes after it. */
  #cut(node: SimulatedNode, author: AuthorId, size: number): void {
    this.#sightings.see('log cut')
    if (!this.#isContested(author, size)) this.fail(node, `cut ${author} at ${size}`)
    this.#loosen(this.#holdings.of(author).clocks[size] ?? 0)
    this.#holdings.cut(node.index, author, size)
  }

  #isContested(author: AuthorId, seq: number): boolean {
    return seq >= (this.#contested.get(author) ?? Number.POSITIVE_INFINITY)
  }

  #loosen(hlc: number): void {
    this.#finalsBelowHlc = Math.min(this.#finalsBelowHlc, hlc)
  }

  #breakPromises(hlc: number): void {
    this.#arePromisesKept = false
    this.#loosen(hlc)
  }

  #noted(node: SimulatedNode, { kind, message, data }: EventDraft): void {
    if (kind === 'clock') this.#sightings.see('entry held back')
    if (kind === 'refusal') this.#sightings.see('lie refused')
    if (kind === 'divergence') this.#sightings.see('divergence told')
    if (kind !== 'evidence' && kind !== 'divergence') return
    const { peer, author } = data
    const isExpected =
      typeof peer === 'string'
        ? this.#untrue.has(peer) || (kind === 'divergence' && this.#isAnyForked)
        : typeof author === 'string'
          ? this.#contested.has(author)
          : !this.#arePromisesKept
    if (!isExpected) this.fail(node, `${kind}: ${message}`)
    if (kind === 'evidence')
      this.#sightings.see(
        typeof peer === 'string' || typeof author === 'string'
          ? 'evidence formed'
          : 'entry before a final one',
      )
  }

  #promised(node: SimulatedNode, checkpoint: Checkpoint): void {
    const { core } = node
    if (core === null) return
    this.#isNews[node.index] = true
    if (!this.#claims.isAsBefore(checkpoint)) {
      const isForked = this.#isAnyForked && this.#isAnyContested(checkpoint.frontier)
      if (!isForked) this.fail(node, 'two roots at one frontier')
    }
    const floor = this.#floors.get(core.author) ?? 0
    if (checkpoint.clockFloor < floor) this.fail(node, 'its clock floor went back')
    this.#floors.set(core.author, checkpoint.clockFloor)
  }

  #isAnyContested(frontier: Frontier): boolean {
    return frontier.entries().some(([author, size]) => this.#isContested(author, size - 1))
  }

  /** No more copies are claimed than there were; what is final has two, and stays as it is on every node. */
  #checkReceipts(node: SimulatedNode): void {
    const open = this.#open[node.index] ?? []
    let kept = 0
    for (const one of open) {
      const { author, seq } = one
      if (this.#isContested(author, seq)) continue
      const receipt = node.core?.receiptOf(author, seq, 0) ?? null
      if (receipt !== null) {
        const copies = this.#holdings.copiesEver(author, seq) + this.#untrue.size
        if (receipt.replicas > copies)
          this.fail(
            node,
            `claims ${receipt.replicas} copies of ${author}:${seq}, there were ${copies}`,
          )
        if (receipt.level === 'final') {
          if (copies < 2) this.fail(node, `${author}:${seq} is final on a single disk`)
          this.#checkFinal(node, author, seq, receipt.outcome)
          continue
        }
      }
      open[kept++] = one
    }
    open.length = kept
  }

  #checkFinal(node: SimulatedNode, author: AuthorId, seq: number, outcome: string): void {
    const { clocks, finals } = this.#holdings.of(author)
    if ((clocks[seq] ?? 0) >= this.#finalsBelowHlc) return
    const known = (finals[seq] ??= outcome)
    if (known !== outcome) this.fail(node, `${author}:${seq} was ${known} for good`)
  }

  /** What it says it holds is what its disk holds, and comes to what it says it does. */
  #audit(node: SimulatedNode): void {
    const { core, drive, lattice } = node
    if (core === null || node.isReplaying) return
    const logs = drive.logs()
    const size = totalOf(core.logs.frontier())
    this.#auditAt[node.index] = Math.max(AUDIT_FIRST, 2 * size)
    const { root, balances, issued } = this.#replay.of(logs)
    if (root !== core.logs.root()) this.fail(node, 'its root is not that of its disk')
    const claimed = core.ledger.accounts.sorted()
    const isSame = [...balances].every(([account, balance]) => claimed.get(account) === balance)
    if (!isSame || claimed.size !== balances.size)
      this.fail(node, 'its balances are not those of its entries')
    const total = claimed.values().reduce((sum, balance) => sum + balance, 0)
    const genesis = lattice.genesis.values().reduce((sum, amount) => sum + amount, 0)
    if (total !== genesis + issued) this.fail(node, `holds ${total} in all`)
    if (total !== core.ledger.accounts.total) this.fail(node, 'miscounts its total')
    if (claimed.values().some((balance) => balance < 0)) this.fail(node, 'has a negative balance')
  }

  #peerIdOf(node: SimulatedNode): string {
    return peerIdsOf(node.lattice)[node.index] ?? ''
  }
}
