import { connect, type Socket } from 'node:net'
import { SshError, type Place } from './errors.ts'

/**
 * Opens a TCP connection.
 *
 * @throws SshError that says which of the ways to fail it was; the reason of `signal`
 */
export async function dial(
  { hostname, port, dialTimeoutMs }: { hostname: string; port: number; dialTimeoutMs: number },
  place: Place,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted()
  const socket = connect({ host: hostname, port, noDelay: true })
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(timedOut(place, dialTimeoutMs)), dialTimeoutMs)
      const abort = (): void => reject(signal.reason as Error)
      const settle = (act: () => void) => (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        act()
      }
      signal.addEventListener('abort', settle(abort), { once: true })
      socket.once('connect', settle(resolve))
      socket.once('error', (error) => settle(() => reject(dialError(place, hostname, error)))())
    })
    return socket
  } catch (error) {
    socket.on('error', () => {})
    socket.destroy()
    throw error
  }
}

const timedOut = (place: Place, limitMs: number): SshError =>
  new SshError('connection-timed-out', place, 'dial', `no connection within ${limitMs} ms`, {
    hint: 'check the address and port, that the host is up, and that no firewall drops what goes there',
  })

function dialError(place: Place, hostname: string, cause: NodeJS.ErrnoException): SshError {
  switch (cause.code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
      return new SshError('host-not-found', place, 'dial', `no address is found for ${hostname}`, {
        hint: 'check the name, and that this machine can resolve names',
        cause,
      })
    case 'ECONNREFUSED':
      return new SshError('connection-refused', place, 'dial', 'nothing listens on that port', {
        hint: 'check the port, and that sshd runs on the host',
        cause,
      })
    case 'ETIMEDOUT':
      return new SshError('connection-timed-out', place, 'dial', 'it does not answer', {
        hint: 'check the address and port, that the host is up, and that no firewall drops what goes there',
        cause,
      })
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return new SshError('no-route', place, 'dial', `no route leads to ${hostname}`, {
        hint: 'check the address, this machine’s network and any VPN that is needed',
        cause,
      })
    default:
      return new SshError(
        'dial-failed',
        place,
        'dial',
        `cannot be dialled (${cause.code ?? cause.name})`,
        {
          hint: 'check the address and port',
          cause,
        },
      )
  }
}
