/**
 * Runs `run` with a signal that aborts with `parent` or after `timeoutMs`, and settles by then even
 * if `run` does not heed it. Leaves no timer and no listener behind, unlike `AbortSignal.any` over a
 * signal that lives as long as the process.
 */
export async function within<T>(
  timeoutMs: number,
  parent: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted()
  const deadline = new AbortController()
  const onParent = (): void => deadline.abort(parent.reason)
  const timer = setTimeout(() => {
    deadline.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError'))
  }, timeoutMs)
  parent.addEventListener('abort', onParent, { once: true })
  const aborted = new Promise<never>((_resolve, reject) => {
    deadline.signal.addEventListener('abort', () => reject(asError(deadline.signal.reason)), {
      once: true,
    })
  })
  try {
    return await Promise.race([run(deadline.signal), aborted])
  } catch (error) {
    // A library's own words for an abort say less than our reason for it.
    throw deadline.signal.aborted ? asError(deadline.signal.reason) : error
  } finally {
    clearTimeout(timer)
    parent.removeEventListener('abort', onParent)
  }
}

export const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error(String(reason))
