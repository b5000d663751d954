import type { Clock } from '../client/clock.ts'
import { TimeLimitError } from './errors.ts'

/**
 * What `act` gives within `limitMs` of the drill's clock. Throws `TimeLimitError` after that, or the
 * reason of `signal`; `act` is told by its signal and must end then.
 */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const isOver = new AbortController()
  const timer = clock.sleep(limitMs, isOver.signal).then(
    () => limit.abort(new TimeLimitError(limitMs)),
    () => undefined,
  )
  try {
    return await act(AbortSignal.any([signal, limit.signal]))
  } catch (error) {
    signal.throwIfAborted()
    throw limit.signal.aborted ? limit.signal.reason : error
  } finally {
    isOver.abort()
    await timer
  }
}
