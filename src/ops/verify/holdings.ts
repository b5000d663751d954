import type { Frontier } from '../../wire/frontier.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { Holdings } from '../rollout/holdings.ts'
import { HOLDINGS_MS_MAX, HOLDINGS_POLL_MS, HOLDINGS_TRY_MS_MAX } from './limits.ts'

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
  const held = new Map<string, Frontier>()
  const silent = new Map<string, string>()
  const ask = async (client: NodeClient): Promise<void> => {
    const noAnswer = `${client.name} (${client.url}) gives no answer`
    let reason = noAnswer
    while (!over.aborted) {
      const limit = AbortSignal.any([over, AbortSignal.timeout(HOLDINGS_TRY_MS_MAX)])
      try {
        held.set(client.name, (await client.attest({}, limit)).attestation.frontier)
        return
      } catch (error) {
        if (error instanceof NodeAnswerError) reason = error.message
        else if (!limit.aborted) throw error
        else if (!over.aborted) reason = noAnswer
      }
      await clock.sleep(HOLDINGS_POLL_MS, over).catch(() => undefined)
    }
    signal.throwIfAborted()
    silent.set(client.name, reason)
  }
  try {
    await Promise.all(clients.map(ask))
    return { held, silent }
  } finally {
    stop()
  }
}
