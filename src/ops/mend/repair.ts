import { setTimeout as sleep } from 'node:timers/promises'
import type { AuthorId } from '../../wire/author.ts'
import { covers, sizeAt, totalOf, type Frontier } from '../../wire/frontier.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { RootClaim } from '../verify/root-proof.ts'
import { REFILL_MS_MAX, REFILL_POLL_MS } from './limits.ts'

/**
 * What the operator does when a node has lost something. The room `mend` owns the steps after a damaged
 * store and a lost directory, and the proof that they worked. It decides nothing about the ledger: nodes
 * do that.
 */

/** Waits until a node signs that it holds all that is claimed. Returns whether it did in time. */
export async function awaitRefill(
  client: NodeClient,
  claims: readonly RootClaim[],
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<boolean> {
  const goal = unionOf(claims.map((claim) => claim.frontier))
  const endMs = performance.now() + REFILL_MS_MAX
  while (performance.now() < endMs) {
    const held = await heldBy(client, signal)
    if (held !== null && covers(held, goal)) return true
    note(`${held === null ? '?' : totalOf(held)} of ${totalOf(goal)} entries are there`)
    await sleep(REFILL_POLL_MS, undefined, { signal })
  }
  return false
}

/** Null while it cannot say. */
async function heldBy(client: NodeClient, signal: AbortSignal): Promise<Frontier | null> {
  try {
    return (await client.attest({}, signal)).attestation.frontier
  } catch (error) {
    if (error instanceof NodeAnswerError) return null
    throw error
  }
}

function unionOf(frontiers: readonly Frontier[]): Frontier {
  const union = new Map<AuthorId, number>()
  for (const [author, size] of frontiers.flatMap((frontier) => [...frontier])) {
    union.set(author, Math.max(size, sizeAt(union, author)))
  }
  return union
}
