import { NodeAnswerError } from '../ops/client/node-answer-error.ts'
import type { NodeClient } from '../ops/client/node-client.ts'
import { OperatorError } from '../ops/errors.ts'
import { READY_MS_MAX } from './limits.ts'

/**
 * The first that has proven who it is and accepts entries now: until then, nothing was sent that could
 * have been written, and no stranger was given the token. `otherwise`: what cannot be done without one.
 */
export async function firstReady(
  clients: readonly NodeClient[],
  otherwise: string,
  signal: AbortSignal,
): Promise<NodeClient> {
  const failures: string[] = []
  for (const client of clients) {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_MS_MAX)])
      await client.attest({}, limit)
      if (await client.readyz(limit)) return client
      failures.push(`${client.name} (${client.url}) says that it is not ready`)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof NodeAnswerError) failures.push(error.message)
      else if (!limitReached(error)) throw error
      else failures.push(`${client.name} (${client.url}) did not answer in time`)
    }
  }
  throw new OperatorError('no-node-ready', `${otherwise}: ${failures.join('; ')}`, {
    exit: 'unreachable',
    hint: 'see "aethel-lattice status"',
  })
}

const limitReached = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'TimeoutError'
