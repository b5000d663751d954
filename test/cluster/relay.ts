import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'

export type RelayState = 'open' | 'silent' | 'closed'

/**
 * A TCP relay on loopback in front of one port, so that a test can break a link as networks do:
 * `silent` forwards nothing and closes nothing, in either direction; `closed` refuses and resets.
 */
export class Relay {
  readonly #targetPort: number
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #state: RelayState = 'open'

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
    this.#server = createServer({ pauseOnConnect: true }, (inner) => this.#accept(inner))
  }

  static async to(targetPort: number): Promise<Relay> {
    const relay = new Relay(targetPort)
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve))
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  set(state: RelayState): void {
    this.#state = state
    for (const pair of this.#pairs) {
      if (state === 'closed') for (const socket of pair) reset(socket)
      else if (state === 'silent') for (const socket of pair) socket.pause()
      else for (const socket of pair) socket.resume()
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #accept(near: Socket): void {
    if (this.#state === 'closed') {
      reset(near)
      return
    }
    const far = connect(this.#targetPort, '127.0.0.1')
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause()
      })
      to.on('drain', () => {
        if (this.#state === 'open') from.resume()
      })
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => {
        to.destroy()
        this.#pairs.delete(pair)
      })
      if (this.#state === 'silent') from.pause()
      else from.resume()
    }
  }
}

/**
 * Ends a connection with a reset where that can be. On a socket that is being shut down Node's
 * `resetAndDestroy` closes nothing: its handle stays, and the event loop spins on it.
 */
function reset(socket: Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
