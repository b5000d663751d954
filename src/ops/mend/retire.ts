import { setTimeout as sleep } from 'node:timers/promises'
import { parseAuthorId, type AuthorId } from '../../wire/author.ts'
import type { Verdict } from '../../wire/verdict.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import { SEAL_MS_MAX, SEAL_POLL_MS } from './limits.ts'

/** A directory that a node has written in and does not write in now; its log has not ended yet. */
export interface OldDirectory {
  /** 16 hex. */
  incarnation: string
  author: AuthorId
  entries: number
}

/** The directories that a node could retire, by its own signed word. */
export async function oldDirectories(
  client: NodeClient,
  signal: AbortSignal,
): Promise<OldDirectory[]> {
  const { checkpoint, peerId } = await client.ledger.checkpoint(signal)
  return [...checkpoint.frontier].flatMap(([author, entries]) => {
    const parsed = parseAuthorId(author)
    const isOld =
      parsed?.peerId === peerId &&
      parsed.incarnation !== checkpoint.incarnation &&
      !checkpoint.seals.has(author)
    return isOld ? [{ incarnation: parsed.incarnation, author, entries }] : []
  })
}

export interface SealSeen {
  node: string
  verdict: Verdict
  message: string
}

/** Whether every node signs that it heeds the end of a log: FAIL for one that does not in time. */
export async function awaitSeal(
  clients: readonly NodeClient[],
  { author, size }: { author: AuthorId; size: number },
  signal: AbortSignal,
): Promise<SealSeen[]> {
  const endMs = performance.now() + SEAL_MS_MAX
  return Promise.all(
    clients.map(async (client): Promise<SealSeen> => {
      for (;;) {
        const seen = await sealAt(client, author, size, signal)
        if (seen.verdict === 'PASS' || performance.now() >= endMs) return seen
        await sleep(SEAL_POLL_MS, undefined, { signal })
      }
    }),
  )
}

async function sealAt(
  client: NodeClient,
  author: AuthorId,
  size: number,
  signal: AbortSignal,
): Promise<SealSeen> {
  const node = client.name
  try {
    const { seals } = (await client.ledger.checkpoint(signal)).checkpoint
    const isHeeded = (seals.get(author) ?? Number.POSITIVE_INFINITY) <= size
    return isHeeded
      ? { node, verdict: 'PASS', message: `signs that the log ends at ${size}` }
      : { node, verdict: 'FAIL', message: 'does not sign that the log has ended' }
  } catch (error) {
    if (!(error instanceof NodeAnswerError)) throw error
    return { node, verdict: 'UNKNOWN', message: error.message }
  }
}
