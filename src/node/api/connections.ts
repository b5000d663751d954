import type { Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { CONNECTIONS_LOOK_MS, type ApiLimits } from './limits.ts'

interface Connection {
  acceptedMs: number
  hasAsked: boolean
  /** Answers under way, streams among them. */
  answers: number
  isStreaming: boolean
  /** Bytes that had come when the last answer ended; any more are a request that has begun. */
  bytesAnswered: number
}

/**
 * The connections of an HTTP server, so that it can give way to another process that has the same
 * listening socket without cutting one off. Streams that never end, and upgraded sockets, hold nothing up.
 */
export class Connections {
  readonly #server: Server
  readonly #limits: Pick<ApiLimits, 'firstRequestMs'>
  readonly #open = new Map<Socket, Connection>()
  #isDraining = false
  #isLeaving = false

  constructor(server: Server, limits: Pick<ApiLimits, 'firstRequestMs'>) {
    this.#server = server
    this.#limits = limits
    server.on('connection', (socket) => this.#add(socket))
    server.on('request', ({ socket }, response) => this.#begin(socket, response))
  }

  /** Whether every answer is the last one of its connection. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** This answer never ends by itself. */
  noteStream({ socket }: ServerResponse): void {
    const connection = socket === null ? undefined : this.#open.get(socket)
    if (connection !== undefined) connection.isStreaming = true
  }

  /**
   * Goes on accepting and answering until no connection is left that might be asked something, at most
   * so long. Whatever the event loop had read by then was answered or is under way.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#isLeaving = true
    this.#isDraining = true
    await this.#until(timeoutMs, (connection, socket) => this.#isDone(connection, socket))
  }

  /**
   * Accepts no more, closes what is idle, and waits for answers under way, at most so long; then cuts.
   * Who has connected and was not accepted yet stays in the socket's queue if another process holds it.
   */
  async close(timeoutMs: number): Promise<void> {
    this.#isLeaving = true
    // Not http's own close, which also destroys a connection whose last answer is still being sent.
    NetServer.prototype.close.call(this.#server)
    for (const [socket, connection] of this.#open) {
      if (isIdle(connection, socket)) socket.destroy()
    }
    await this.#until(timeoutMs, (connection, socket) => !this.#isUnderWay(connection, socket))
    this.#server.closeAllConnections()
  }

  #add(socket: Socket): void {
    this.#open.set(socket, {
      acceptedMs: performance.now(),
      hasAsked: false,
      answers: 0,
      isStreaming: false,
      bytesAnswered: 0,
    })
    socket.once('close', () => this.#open.delete(socket))
  }

  #begin(socket: Socket, response: ServerResponse): void {
    const connection = this.#open.get(socket)
    if (connection === undefined) return
    connection.hasAsked = true
    connection.answers += 1
    response.once('close', () => {
      connection.answers -= 1
      connection.isStreaming = false
      connection.bytesAnswered = socket.bytesRead
    })
  }

  /** Looks after each turn of the event loop: what has come by then was read, and nothing is overlooked. */
  async #until(
    timeoutMs: number,
    isDone: (connection: Connection, socket: Socket) => boolean,
  ): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      await nextTurn()
      const areDone = this.#open
        .entries()
        .every(([socket, connection]) => isDone(connection, socket))
      if (areDone || performance.now() >= deadlineMs) return
      await sleep(CONNECTIONS_LOOK_MS)
    }
  }

  #isDone(connection: Connection, socket: Socket): boolean {
    if (connection.isStreaming) return true
    return !connection.hasAsked && !this.#isUnderWay(connection, socket)
  }

  /** An upgraded socket looks like one that has not asked yet. */
  #isUnderWay(connection: Connection, socket: Socket): boolean {
    const { hasAsked, answers, acceptedMs } = connection
    if (hasAsked) return answers > 0 || !isIdle(connection, socket)
    return this.#isDraining && performance.now() - acceptedMs < this.#limits.firstRequestMs
  }
}

const isIdle = ({ hasAsked, answers, bytesAnswered }: Connection, socket: Socket): boolean =>
  hasAsked && answers === 0 && socket.bytesRead === bytesAnswered
