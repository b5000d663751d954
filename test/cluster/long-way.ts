import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A TCP relay on loopback on which everything, the end of a connection too, takes so long each way. */
export class LongWay {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(targetPort: number, delayMs: number) {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      const far = connect({ port: targetPort, noDelay: true, allowHalfOpen: true })
      this.#pass(near, far, delayMs)
      this.#pass(far, near, delayMs)
    })
  }

  static async to(targetPort: number, delayMs: number): Promise<LongWay> {
    const way = new LongWay(targetPort, delayMs)
    way.#server.listen(0, '127.0.0.1')
    await once(way.#server, 'listening')
    return way
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  /** Timers of one length fire in the order they were set, so nothing overtakes anything. */
  #pass(from: Socket, to: Socket, delayMs: number): void {
    this.#sockets.add(from)
    from.on('data', (chunk) => setTimeout(() => to.write(chunk), delayMs))
    from.on('end', () => setTimeout(() => to.end(), delayMs))
    from.on('error', () => setTimeout(() => to.destroy(), delayMs))
    from.on('close', () => this.#sockets.delete(from))
  }
}
