import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lookup } from './evidence.ts'
import { LOOKUP_MS_MAX } from './limits.ts'

/** Looks a name up as this machine's programs do, its own hosts file included. */
export async function lookUp(host: string, signal: AbortSignal): Promise<Lookup> {
  if (isIP(host) !== 0) return { host, result: 'given', addresses: [host] }
  const over = new AbortController()
  const late = delay(LOOKUP_MS_MAX, null, { signal: AbortSignal.any([signal, over.signal]) })
  try {
    const found = await Promise.race([lookup(host, { all: true, order: 'verbatim' }), late])
    if (found === null) return { host, result: 'unanswered', addresses: [] }
    return { host, result: 'found', addresses: found.map(({ address }) => address) }
  } catch (error) {
    signal.throwIfAborted()
    const { code } = error as NodeJS.ErrnoException
    const isAbsent = code === 'ENOTFOUND' || code === 'ENODATA'
    return { host, result: isAbsent ? 'absent' : 'unanswered', addresses: [] }
  } finally {
    over.abort()
    late.catch(() => {})
  }
}
