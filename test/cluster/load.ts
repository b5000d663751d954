import { setTimeout as sleep } from 'node:timers/promises'
import { receiptAnswer, verifyAnswer, type Receipt } from '../../src/wire/api.ts'
import type { ClusterNode } from './cluster.ts'

const RECEIPTS_AT_ONCE = 16

export interface Acknowledged {
  author: string
  seq: number
  id: string
  atMs: number
}

/** Writes one no-op every `everyMs` to a node until it is stopped; keeps what was acknowledged. */
export class Writer {
  readonly acknowledged: Acknowledged[] = []
  failedCount = 0
  readonly #node: ClusterNode
  readonly #done: Promise<void>
  #isStopped = false

  constructor(node: ClusterNode, everyMs: number) {
    this.#node = node
    this.#done = this.#run(everyMs)
  }

  async stop(): Promise<readonly Acknowledged[]> {
    this.#isStopped = true
    await this.#done
    return this.acknowledged
  }

  async #run(everyMs: number): Promise<void> {
    while (!this.#isStopped) {
      try {
        const receipt = await write(this.#node)
        this.acknowledged.push({ ...receipt, atMs: performance.now() })
      } catch {
        this.failedCount += 1
      }
      await sleep(everyMs)
    }
  }
}

/** Submits one no-op and returns its receipt. Throws unless it was acknowledged. */
export async function write(node: ClusterNode): Promise<Receipt> {
  const answer = verifyAnswer.parse(await node.post('/api/verify', { code: 'intent noop { }' }))
  const receipt = answer.intents[0]?.receipt ?? null
  if (!answer.success || receipt === null) throw new Error(answer.message)
  return receipt
}

/** Resolves when an entry that `writer` wrote after `sinceMs` has reached `reader` by `via`. */
export async function arrival(
  reader: ClusterNode,
  writer: Writer,
  sinceMs: number,
  via: 'P2P' | 'HTTP',
  limitMs: number,
): Promise<void> {
  const endMs = performance.now() + limitMs
  while (performance.now() < endMs) {
    const candidates = writer.acknowledged.filter((entry) => entry.atMs > sinceMs)
    for (const { author, seq } of candidates) {
      const receipt = await receiptOf(reader, author, seq)
      if (receipt?.via === via) return
    }
    await sleep(20)
  }
  throw new Error(`no entry reached ${reader.name} over ${via} within ${limitMs} ms`)
}

export async function receiptOf(
  node: ClusterNode,
  author: string,
  seq: number,
): Promise<Receipt | null> {
  return receiptAnswer.parse(await node.get(`/api/lattice/receipts/${author}/${seq}`)).receipt
}

/** The acknowledged entries that a node does not hold, exactly as they were acknowledged. */
export async function missingFrom(
  node: ClusterNode,
  entries: readonly Acknowledged[],
): Promise<Acknowledged[]> {
  const missing: Acknowledged[] = []
  for (let start = 0; start < entries.length; start += RECEIPTS_AT_ONCE) {
    const asked = entries.slice(start, start + RECEIPTS_AT_ONCE)
    const held = await Promise.all(asked.map((entry) => receiptOf(node, entry.author, entry.seq)))
    missing.push(...asked.filter((entry, index) => held[index]?.id !== entry.id))
  }
  return missing
}
