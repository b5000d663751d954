import { setTimeout as sleep } from 'node:timers/promises'
import { receiptAnswer, stateAnswer, verifyAnswer } from '../../src/wire/api.ts'
import { ADMIN_TOKEN } from '../cluster/cluster.ts'
import { Dice } from './dice.ts'
import type { Attempt, History } from './history.ts'
import type { Victim } from './victim.ts'

/** What writers wait for, and for how long at most, ms; null: they do not ask to wait. */
const WAITS = [
  null,
  { level: 'local', ms: 1000 },
  { level: 'replicated:2', ms: 1000 },
  { level: 'replicated:3', ms: 1000 },
  { level: 'final', ms: 2000 },
] as const
type Wait = (typeof WAITS)[number]

/** Each writer pauses for less than this between two intents, each reader between two rounds; ms. */
const WRITE_PAUSE_MS = 60
const READ_PAUSE_MS = 120
/** Receipts that a reader asks for in a round. */
const RECEIPTS_PER_ROUND = 3
/** An answer that takes longer than its wait and this is given up; what came of it is unknown. */
const ANSWER_MS_MAX = 8000
const BURST = { requests: 12, intents: 40 }

/** Clients of every node: a writer for each level of receipt, one that moves money, and a reader. */
export class Clients {
  reads = 0
  readonly #history: History
  readonly #total: number
  readonly #running: Promise<void>[]
  #isStopped = false
  #nextNote = 1

  /** `total`: what all accounts together hold, always. */
  constructor(victims: readonly Victim[], history: History, total: number, seed: number) {
    this.#history = history
    this.#total = total
    const dice = new Dice(seed)
    const diceOfOne = (): Dice => new Dice(dice.int(0, 2 ** 32))
    this.#running = victims.flatMap((victim) => [
      ...WAITS.map(async (wait) => this.#write(victim, wait, diceOfOne())),
      this.#transfer(victim, diceOfOne()),
      this.#read(victim, diceOfOne()),
    ])
  }

  /** Many intents at once, so that a node that is away has much to fetch. */
  async burst(victims: readonly Victim[]): Promise<void> {
    await Promise.all(
      victims.map(async (victim) => {
        for (let count = 0; count < BURST.requests; count++)
          await this.#send(victim, this.#notes(BURST.intents), null)
      }),
    )
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#running)
  }

  async #write(victim: Victim, wait: Wait, dice: Dice): Promise<void> {
    while (!this.#isStopped) {
      await this.#send(victim, this.#notes(1), wait)
      await sleep(dice.int(0, WRITE_PAUSE_MS))
    }
  }

  async #transfer(victim: Victim, dice: Dice): Promise<void> {
    while (!this.#isStopped) {
      const [from, to] = dice.shuffled(['Alice', 'Bob'])
      const code = `intent transfer { from: ${from}, to: ${to}, amount: ${dice.int(1, 100)} }`
      await this.#send(victim, [{ note: null, code }], null)
      await sleep(dice.int(0, WRITE_PAUSE_MS))
    }
  }

  #notes(count: number): Intent[] {
    return Array.from({ length: count }, () => {
      const note = `n${this.#nextNote++}`
      return { note, code: `intent noop { note: "${note}" }` }
    })
  }

  async #send(victim: Victim, intents: readonly Intent[], wait: Wait): Promise<void> {
    const sentMs = performance.now()
    const outcomes = await submit(victim, intents, wait)
    const endedMs = performance.now()
    for (const [index, { note }] of intents.entries()) {
      const outcome = outcomes[index] ?? UNKNOWN
      this.#history.add({ node: victim.index, note, sentMs, endedMs, ...outcome })
    }
    // A node that is away refuses at once.
    if (outcomes.every(({ outcome }) => outcome !== 'acknowledged')) await sleep(WRITE_PAUSE_MS)
  }

  async #read(victim: Victim, dice: Dice): Promise<void> {
    /** What this node was seen to hold: sizes of logs, and places. Forgotten with its disk. */
    let seen = { directory: victim.directory, sizes: new Map<string, number>() }
    while (!this.#isStopped) {
      if (seen.directory !== victim.directory)
        seen = { directory: victim.directory, sizes: new Map() }
      try {
        const held = await this.#look(victim, dice)
        if (seen.directory === victim.directory) this.#compare(victim, seen.sizes, held)
        this.reads += 1
      } catch {
        // Away, or just killed: what it does not answer is judged at the end.
      }
      await sleep(dice.int(0, READ_PAUSE_MS))
    }
  }

  /** Asks for money, sizes of logs, and some receipts. Returns the sizes. Throws while the node is away. */
  async #look(victim: Victim, dice: Dice): Promise<ReadonlyMap<string, number>> {
    const { node, index } = victim
    const state = stateAnswer.parse(await node.get('/api/lattice/state'))
    if (state.success && state.total !== this.#total)
      this.#history.fail(`${node.name} shows ${state.total} in all accounts, not ${this.#total}`)
    const health = await node.health()
    if (health.diverged) this.#history.fail(`${node.name} says that it has diverged`)
    const sizes = new Map(Object.entries(health.ledger.frontier))
    const { receipts } = this.#history
    for (let count = 0; count < Math.min(RECEIPTS_PER_ROUND, receipts.length); count++) {
      const { author, seq } = dice.pick(receipts)
      const path = `/api/lattice/receipts/${author}/${seq}`
      const { receipt } = receiptAnswer.parse(await node.get(path))
      if (receipt !== null) this.#history.see(index, receipt)
      else if (seq < (sizes.get(author) ?? 0))
        this.#history.fail(`${node.name} holds ${author}:${seq}, and shows no receipt of it`)
    }
    return sizes
  }

  /** What a node once held it holds for as long as it has its disk, whatever happens to its process. */
  #compare(victim: Victim, seen: Map<string, number>, held: ReadonlyMap<string, number>): void {
    for (const [author, size] of seen) {
      const now = held.get(author) ?? 0
      if (now < size)
        this.#history.fail(
          `${victim.node.name} held ${size} entries of ${author}, then only ${now}`,
        )
    }
    for (const [author, size] of held) seen.set(author, size)
  }
}

interface Intent {
  note: string | null
  code: string
}
type Outcome = Pick<Attempt, 'outcome' | 'receipt'>

const UNKNOWN: Outcome = { outcome: 'unknown', receipt: null }
const REFUSED: Outcome = { outcome: 'refused', receipt: null }

async function submit(
  { node }: Victim,
  intents: readonly Intent[],
  wait: Wait,
): Promise<Outcome[]> {
  const query = wait === null ? '' : `?wait=${wait.level}&timeout_ms=${wait.ms}`
  try {
    const answer = await fetch(`${node.url}/api/verify${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ code: intents.map((intent) => intent.code).join('\n') }),
      signal: AbortSignal.timeout((wait?.ms ?? 0) + ANSWER_MS_MAX),
    })
    const body: unknown = await answer.json()
    // Refused before anything was written: no place to wait, or stopping.
    if (!answer.ok) return intents.map(() => REFUSED)
    return verifyAnswer.parse(body).intents.map(outcomeOf)
  } catch (error) {
    const cause = (error as Error).cause as { code?: string } | undefined
    return intents.map(() => (cause?.code === 'ECONNREFUSED' ? REFUSED : UNKNOWN))
  }
}

function outcomeOf({
  status,
  receipt,
}: ReturnType<typeof verifyAnswer.parse>['intents'][number]): Outcome {
  if (receipt !== null) return { outcome: 'acknowledged', receipt }
  return status === 'FAILED' ? REFUSED : UNKNOWN
}
