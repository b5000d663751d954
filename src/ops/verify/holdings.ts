import type { Frontier } from '../../wire/frontier.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import { HOLDINGS_MS_MAX, HOLDINGS_POLL_MS } from './limits.ts'

/** What nodes hold, by name; null: it was asked and did not tell. */
export type Holdings = ReadonlyMap<string, Frontier | null>

export interface HoldingsOptions {
  /** Of the nodes that should tell. */
  clients: readonly NodeClient[]
  /** Settles when nothing keeps their hosts busy any more; when it rejects, nobody needs to know. */
  quiet: Promise<unknown>
  clock?: Clock
  signal: AbortSignal
}

/**
 * Asks each node what it holds, again and again until it tells, for `HOLDINGS_MS_MAX` at most once it is
 * quiet. Throws only the signal's reason and what is no node's fault.
 */
export async function observeHoldings(options: HoldingsOptions): Promise<Holdings> {
  const { clients, quiet, clock = systemClock, signal } = options
  const end = new AbortController()
  const over = AbortSignal.any([signal, end.signal])
  const stop = (): void => end.abort()
  quiet.then(async () => clock.sleep(HOLDINGS_MS_MAX, over)).then(stop, stop)
  const holdingOf = async (client: NodeClient): Promise<Frontier | null> => {
    while (!over.aborted) {
      try {
        return (await client.attest({}, over)).attestation.frontier
      } catch (error) {
        if (!(error instanceof NodeAnswerError) && !over.aborted) throw error
      }
      await clock.sleep(HOLDINGS_POLL_MS, over).catch(() => undefined)
    }
    signal.throwIfAborted()
    return null
  }
  try {
    return new Map(
      await Promise.all(
        clients.map(async (client) => [client.name, await holdingOf(client)] as const),
      ),
    )
  } finally {
    stop()
  }
}
