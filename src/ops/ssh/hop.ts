import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { dial } from './dial.ts'
import { printableWords, SshError, type Place } from './errors.ts'
import type { ResolvedHost } from './resolve-host.ts'

/** From one host of a chain to the next. */

export const describeHost = ({ user, hostname, port }: ResolvedHost): string =>
  `${user}@${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`

/** Places of a chain's hosts, for errors. `target` is what the operator calls the last one. */
export const placesOf = (hops: readonly ResolvedHost[], target: string): Place[] =>
  hops.map((host, index) => ({
    host: describeHost(host),
    hop: index + 1,
    hops: hops.length,
    target,
  }))

/** A stream to `host`: dialled from here, or by the hop before it, which has no socket here. */
export async function reach(
  host: ResolvedHost,
  before: Client | null,
  place: Place,
  signal: AbortSignal,
): Promise<{ stream: Duplex; socket: Socket | null }> {
  if (before !== null) {
    return { stream: await forward(host, before, place, signal), socket: null }
  }
  const socket = await dial(host, place, signal)
  return { stream: socket, socket }
}

async function forward(
  { hostname, port, dialTimeoutMs }: ResolvedHost,
  before: Client,
  place: Place,
  signal: AbortSignal,
): Promise<Duplex> {
  signal.throwIfAborted()
  return new Promise<Duplex>((resolve, reject) => {
    let isOver = false
    const settle = (act: () => void): void => {
      isOver = true
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      act()
    }
    const abort = (): void => settle(() => reject(signal.reason as Error))
    const timer = setTimeout(
      () => settle(() => reject(silent(place, dialTimeoutMs))),
      dialTimeoutMs,
    )
    signal.addEventListener('abort', abort, { once: true })
    try {
      before.forwardOut('127.0.0.1', 0, hostname, port, (error, channel) => {
        if (isOver) {
          // Nobody waits for it any more.
          if (error === undefined) channel.destroy()
        } else if (error === undefined) settle(() => resolve(channel))
        else settle(() => reject(forwardError(place, error)))
      })
    } catch (error) {
      settle(() => reject(forwardError(place, error as Error)))
    }
  })
}

const silent = (place: Place, limitMs: number): SshError =>
  new SshError(
    'connection-timed-out',
    place,
    'forward',
    `the hop before it made no connection within ${limitMs} ms`,
    { hint: 'check that the hop reaches the host, and that no firewall drops what goes there' },
  )

function forwardError(place: Place, error: Error & { reason?: unknown }): SshError {
  const words = printableWords(error.message)
  // RFC 4254: 1 is "administratively prohibited".
  if (error.reason === 1) {
    return new SshError(
      'forwarding-refused',
      place,
      'forward',
      `the hop before it forwards nothing (${words})`,
      {
        hint: 'allow it on the hop: AllowTcpForwarding and PermitOpen in sshd_config',
        cause: error,
      },
    )
  }
  return new SshError(
    'forward-failed',
    place,
    'forward',
    `the hop before it does not reach it (${words})`,
    {
      hint: 'check the name and port as the hop sees them, and that sshd runs there',
      cause: error,
    },
  )
}
