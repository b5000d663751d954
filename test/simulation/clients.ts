import type { Output } from '../../src/node/replica/contract.ts'
import type { ReceiptLevel } from '../../src/node/replica/receipts.ts'
import type { Receipt } from '../../src/wire/api.ts'
import type { Intent } from '../../src/wire/intent.ts'
import type { Agenda } from './agenda.ts'
import { Chance } from './chance.ts'
import type { Invariants } from './invariants.ts'
import type { SimulatedNode } from './node.ts'
import type { Plan, Submission } from './plan.ts'
import type { Sightings } from './sightings.ts'

/** A wait is over this long after its deadline at the latest: a write may be under way. */
const SETTLE_MS_MAX = 1000
const ACCOUNTS = ['Alice', 'Bob', 'Carol', 'Dora', 'Emil', 'Fritz', 'Gina', 'Hans']
const SUBJECT = 0x636c69

interface Wait {
  node: SimulatedNode
  epoch: number
  level: ReceiptLevel
  deadlineMs: number
}

/** Those who write, and wait for receipts. */
export class Clients {
  readonly #agenda: Agenda
  readonly #nodes: readonly SimulatedNode[]
  readonly #invariants: Invariants
  readonly #sightings: Sightings
  readonly #chance: Chance
  readonly #submissions: readonly Submission[]
  readonly #waits = new Map<number, Wait>()
  #nextTicket: number

  constructor(
    plan: Plan,
    agenda: Agenda,
    nodes: readonly SimulatedNode[],
    invariants: Invariants,
    sightings: Sightings,
  ) {
    this.#agenda = agenda
    this.#nodes = nodes
    this.#invariants = invariants
    this.#sightings = sightings
    this.#chance = new Chance(plan.seed, SUBJECT)
    this.#submissions = plan.submissions
    this.#nextTicket = plan.submissions.length
    for (const [ticket, { atMs, node, intents }] of plan.submissions.entries())
      agenda.at(atMs, () => this.#nodeOf(node).step({ kind: 'submit', ticket, intents }))
    const { writeEveryMs, lengthMs } = plan
    if (writeEveryMs !== null) this.#write(0, writeEveryMs, lengthMs)
  }

  take(node: SimulatedNode, output: Output): void {
    if (output.kind === 'acknowledge') {
      for (const verdict of output.verdicts) {
        if (!verdict.isAccepted) continue
        this.#sightings.see('acknowledged')
        this.#invariants.acknowledge({ author: verdict.author, seq: verdict.seq })
      }
      const wait = this.#submissions[output.ticket]?.wait ?? null
      const last = output.verdicts.findLast((verdict) => verdict.isAccepted)
      if (wait === null || last?.isAccepted !== true) return
      const ticket = this.#nextTicket++
      const deadlineMs = this.#agenda.nowMs + wait.forMs
      this.#waits.set(ticket, { node, epoch: node.epoch, level: wait.level, deadlineMs })
      const { author, seq } = last
      node.step({ kind: 'wait', ticket, author, seq, level: wait.level, deadlineMs })
    }
    if (output.kind === 'settled') this.#settled(node, output)
  }

  /** Nobody who is still connected waits for longer than was said. */
  atEnd(): void {
    for (const { node, epoch, deadlineMs } of this.#waits.values()) {
      if (node.epoch === epoch && this.#agenda.nowMs > deadlineMs + SETTLE_MS_MAX)
        this.#invariants.fail(node, 'never told that a wait was over')
    }
  }

  #settled(
    node: SimulatedNode,
    { ticket, receipt, isReached }: Extract<Output, { kind: 'settled' }>,
  ): void {
    const wait = this.#waits.get(ticket)
    if (wait === undefined) return this.#invariants.fail(node, `told twice of wait ${ticket}`)
    this.#waits.delete(ticket)
    this.#sightings.see(isReached ? 'receipt reached' : 'receipt not reached')
    const lateMs = this.#agenda.nowMs - wait.deadlineMs
    if (isReached !== isAt(wait.level, receipt))
      this.#invariants.fail(node, `says ${isReached} of a wait for ${JSON.stringify(wait.level)}`)
    if (!isReached && lateMs < 0) this.#invariants.fail(node, `gave up a wait ${-lateMs} ms early`)
    if (lateMs > SETTLE_MS_MAX) this.#invariants.fail(node, `told of a wait ${lateMs} ms late`)
  }

  #write(number: number, everyMs: number, untilMs: number): void {
    if (this.#agenda.nowMs + everyMs > untilMs) return
    this.#agenda.after(everyMs, () => {
      const intents = [this.#intent(number)]
      this.#nodeOf(number).step({ kind: 'submit', ticket: this.#nextTicket++, intents })
      this.#write(number + 1, everyMs, untilMs)
    })
  }

  #intent(number: number): Intent {
    const to = ACCOUNTS[number % ACCOUNTS.length] ?? ''
    if (number < ACCOUNTS.length) return { kind: 'issue', to, amount: 10_000 }
    const from = this.#chance.oneOf(ACCOUNTS) ?? ''
    return from === to
      ? { kind: 'noop', note: 'canary' }
      : { kind: 'transfer', from, to, amount: 1 + this.#chance.below(5000) }
  }

  #nodeOf(number: number): SimulatedNode {
    const node = this.#nodes[number % this.#nodes.length]
    if (node === undefined) throw new RangeError(`no node ${number}`)
    return node
  }
}

function isAt(level: ReceiptLevel, receipt: Receipt | null): boolean {
  if (receipt === null) return false
  if (level.kind === 'final') return receipt.level === 'final'
  return level.kind === 'local' || receipt.replicas >= level.replicas
}
