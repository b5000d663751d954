import type { Ready } from '../../src/node/replica/contract.ts'
import type { AuthorId } from '../../src/wire/author.ts'
import { frontierObject } from '../../src/wire/frontier.ts'
import type { SimulatedNode } from './node.ts'

interface Acknowledged {
  node: number
  author: AuthorId
  seq: number
}

/**
 * What must hold after every step, and at the end. It looks at all nodes at once, which no node can; it
 * collects violations instead of throwing, so that a run always ends.
 */
export class Invariants {
  readonly #nodes: readonly SimulatedNode[]
  readonly violations: string[] = []
  readonly acknowledged: Acknowledged[] = []
  /** By `author:seq`: the one entry that may ever stand there. */
  readonly #entryIds = new Map<string, string>()
  /** By frontier: the one root, and the one state root, that it may have. */
  readonly #roots = new Map<string, string>()
  /** By `author:seq`: the outcome that was called final. */
  readonly #finals = new Map<string, string>()
  /** By author: the highest clock floor that it promised. */
  readonly #floors = new Map<AuthorId, number>()
  /** Lost with the only disk that held it. */
  readonly #forgiven = new Set<string>()
  readonly #genesisTotal: number
  #wipes = 0
  #areFinalsKept = true

  constructor(nodes: readonly SimulatedNode[]) {
    this.#nodes = nodes
    const [first] = nodes
    this.#genesisTotal = [...(first?.lattice.genesis.values() ?? [])].reduce((a, b) => a + b, 0)
  }

  committed(node: SimulatedNode, ready: Ready): void {
    for (const { entry, id } of ready.entries) {
      const place = `${entry.author}:${entry.seq}`
      const known = this.#entryIds.get(place)
      if (known !== undefined && known !== id) this.#fail(node, `two entries at ${place}`)
      this.#entryIds.set(place, id)
      const isOwn = entry.author === node.core?.author && known === undefined
      if (isOwn && entry.hlc < (this.#floors.get(entry.author) ?? 0))
        this.#fail(node, `wrote ${place} below its promised floor`)
    }
    for (const { kind, message } of ready.events) {
      if (kind === 'evidence' || kind === 'divergence') this.#fail(node, `${kind}: ${message}`)
    }
    for (const output of ready.outputs) {
      if (output.kind === 'checkpoint') this.#checkpointed(node)
      if (output.kind === 'rebuild') this.#fail(node, 'an entry came before a final one')
    }
  }

  acknowledge(acknowledged: Acknowledged): void {
    this.acknowledged.push(acknowledged)
  }

  /** Called before the disk is lost. */
  wiping(node: SimulatedNode): void {
    this.#wipes += 1
    for (const [author, log] of node.disk.logs()) {
      for (const { entry } of log) {
        const isElsewhere = this.#nodes.some(
          (other) => other !== node && other.disk.entry(author, entry.seq) !== undefined,
        )
        if (!isElsewhere) this.#forgiven.add(`${author}:${entry.seq}`)
      }
    }
    // Two copies survive one loss. With a second one, what was final may have stood on what is lost.
    if (this.#wipes > 1 && this.#forgiven.size > 0) this.#areFinalsKept = false
  }

  /** After everything was healed and left alone for a while. */
  converged(): void {
    const [first] = this.#nodes
    const viewOf = (node: SimulatedNode): string =>
      node.core === null
        ? 'not running'
        : JSON.stringify([
            frontierObject(node.core.logs.frontier()),
            node.core.logs.root(),
            node.core.ledger.accounts.root(),
          ])
    for (const node of this.#nodes) {
      if (first !== undefined && viewOf(node) !== viewOf(first))
        this.#fail(node, `differs from node 0 at the end: ${viewOf(node)} and ${viewOf(first)}`)
      const mode = node.core?.exchange.mode
      if (mode?.active !== 'P2P') this.#fail(node, `is in mode ${mode?.active}: ${mode?.reason}`)
      const strange = [...(node.core?.refused.keys() ?? [])].filter(
        (code) => code !== 'clock-ahead',
      )
      if (strange.length > 0) this.#fail(node, `refused: ${strange.join(', ')}`)
    }
  }

  /** When time enough has passed for everything to be final. */
  atEnd(): void {
    for (const node of this.#nodes) {
      if (node.core?.ledger.pendingFinal !== 0) this.#fail(node, 'has entries that are not final')
      for (const { author, seq } of this.acknowledged) {
        const receipt = node.core?.receiptOf(author, seq, 0) ?? null
        if (this.#forgiven.has(`${author}:${seq}`)) continue
        if (receipt === null) this.#fail(node, `lacks the acknowledged ${author}:${seq}`)
        else if (receipt.level !== 'final' || receipt.replicas !== this.#nodes.length)
          this.#fail(node, `says of ${author}:${seq}: ${receipt.level}, ${receipt.replicas} copies`)
      }
    }
  }

  #checkpointed(node: SimulatedNode): void {
    const { core } = node
    if (core === null) return
    const { checkpoint } = core.checkpoint
    const frontier = JSON.stringify(frontierObject(checkpoint.frontier))
    const roots = `${checkpoint.root} ${checkpoint.stateRoot}`
    if ((this.#roots.get(frontier) ?? roots) !== roots)
      this.#fail(node, 'two roots at one frontier')
    this.#roots.set(frontier, roots)
    const floor = this.#floors.get(core.author) ?? 0
    if (checkpoint.clockFloor < floor) this.#fail(node, 'its clock floor went back')
    this.#floors.set(core.author, checkpoint.clockFloor)
    this.#checkTotal(node)
    this.#checkReceipts(node)
  }

  #checkTotal(node: SimulatedNode): void {
    const { core, disk } = node
    if (core === null) return
    let issued = 0
    for (const [author, log] of disk.logs()) {
      for (const { entry } of log) {
        const isApplied = core.ledger.outcomeOf(author, entry.seq)?.rejection === null
        if (entry.intent.kind === 'issue' && isApplied) issued += entry.intent.amount
      }
    }
    const balances = [...core.ledger.accounts.sorted().values()]
    const sum = balances.reduce((a, b) => a + b, 0)
    if (sum !== this.#genesisTotal + issued) this.#fail(node, `holds ${sum} in all`)
    if (sum !== core.ledger.accounts.total) this.#fail(node, 'miscounts its total')
    if (balances.some((balance) => balance < 0)) this.#fail(node, 'has a negative balance')
  }

  /** What is final stays as it is, on every node; and no more copies are claimed than there are. */
  #checkReceipts(node: SimulatedNode): void {
    for (const { author, seq } of this.acknowledged) {
      const receipt = node.core?.receiptOf(author, seq, 0)
      if (receipt === undefined || receipt === null) continue
      const place = `${author}:${seq}`
      const copies = this.#nodes.filter((one) => one.disk.entry(author, seq) !== undefined).length
      const areDisksWhole = this.#nodes.every((one) => !one.wasWiped)
      if (areDisksWhole && receipt.replicas > copies)
        this.#fail(node, `claims ${receipt.replicas} copies of ${place}, there are ${copies}`)
      if (receipt.level !== 'final' || !this.#areFinalsKept) continue
      if (areDisksWhole && copies < 2) this.#fail(node, `${place} is final on a single disk`)
      const known = this.#finals.get(place) ?? receipt.outcome
      this.#finals.set(place, known)
      if (known !== receipt.outcome) this.#fail(node, `${place} was ${known} for good`)
    }
  }

  #fail(node: SimulatedNode, what: string): void {
    if (this.violations.length < 20) this.violations.push(`node ${node.index}: ${what}`)
  }
}
