import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { RootClaim } from './root-proof.ts'

/** What nodes sign that they hold; and those that did not say. */
export async function wordsOf(
  clients: readonly NodeClient[],
  signal: AbortSignal,
): Promise<{ claims: RootClaim[]; silent: NodeAnswerError[] }> {
  const claims: RootClaim[] = []
  const silent: NodeAnswerError[] = []
  await Promise.all(
    clients.map(async (client) => {
      try {
        const { frontier, root } = (await client.attest({}, signal)).attestation
        claims.push({ about: client.name, frontier, root })
      } catch (error) {
        if (!(error instanceof NodeAnswerError)) throw error
        silent.push(error)
      }
    }),
  )
  return { claims, silent }
}
