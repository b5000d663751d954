import type { CreateListenerOptions, Listener, ListenerEvents, Logger } from '@libp2p/interface'
import { TypedEventEmitter } from '@libp2p/interface'
import { getThinWaistAddresses, ipPortToMultiaddr } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { reasonOf } from './errors.ts'
import { WEBSOCKET_PAYLOAD_BYTES_MAX } from './limits.ts'
import { WebSocketConnection, webSocketOptions } from './websocket-connection.ts'

/** A server's say on which upgrade requests become `upgrade` events (the option of that name). */
type ShouldUpgrade = (this: Server, request: IncomingMessage) => boolean
type UpgradingServer = Server & { shouldUpgradeCallback?: ShouldUpgrade }

/**
 * Takes WebSocket upgrades of `/` from an HTTP server that somebody else runs, and nothing else: any
 * other request stays with that server, whatever upgrade it asks for, and so do its other listeners.
 */
export class WebSocketListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #server: UpgradingServer
  readonly #upgrader: CreateListenerOptions['upgrader']
  readonly #log: Logger
  readonly #sockets = new Set<WebSocket>()
  readonly #shutdown = new AbortController()
  readonly #webSockets = new WebSocketServer({
    ...webSocketOptions,
    noServer: true,
    clientTracking: false,
    maxPayload: WEBSOCKET_PAYLOAD_BYTES_MAX,
  })
  #restoreServer: (() => void) | undefined

  constructor(server: Server, options: CreateListenerOptions, log: Logger) {
    super()
    this.#server = server
    this.#upgrader = options.upgrader
    this.#log = log
  }

  async listen(): Promise<void> {
    this.#restoreServer = claimUpgrades(this.#server)
    this.#server.on('upgrade', this.#onUpgrade)
    this.safeDispatchEvent('listening')
  }

  async close(): Promise<void> {
    this.#server.off('upgrade', this.#onUpgrade)
    this.#restoreServer?.()
    this.#shutdown.abort()
    for (const socket of this.#sockets) socket.terminate()
    this.safeDispatchEvent('close')
  }

  getAddrs(): Multiaddr[] {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') return []
    const bound = ipPortToMultiaddr(address.address, address.port)
    return getThinWaistAddresses(bound, address.port).map((each) => each.encapsulate('/ws'))
  }

  updateAnnounceAddrs(): void {}

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (isOurs(request)) {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.#accept(webSocket, request),
      )
    } else if (this.#server.listenerCount('upgrade') === 1) {
      // Only on a Node without shouldUpgradeCallback: the server would have answered, but for us.
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    }
  }

  #accept(socket: WebSocket, request: IncomingMessage): void {
    const { remoteAddress, remotePort } = request.socket
    if (remoteAddress === undefined || remotePort === undefined || this.#shutdown.signal.aborted) {
      socket.terminate()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const connection = new WebSocketConnection(socket, {
      remoteAddr: ipPortToMultiaddr(remoteAddress, remotePort).encapsulate('/ws'),
      direction: 'inbound',
      log: this.#log,
    })
    this.#upgrader
      .upgradeInbound(connection, { signal: this.#shutdown.signal })
      .catch((error: Error) => {
        this.#log('inbound WebSocket refused - %s', reasonOf(error))
        connection.abort(error)
      })
  }
}

/** libp2p has no URL path of its own, so it owns the WebSocket of `/`. */
function isOurs(request: IncomingMessage): boolean {
  const path = request.url?.split('?', 1)[0]
  return path === '/' && request.headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * Keeps a server that had no upgrade listener answering other upgrade requests as plain ones: many
 * HTTP clients offer `Upgrade: h2c` with each request. Returns the way back.
 */
function claimUpgrades(server: UpgradingServer): () => void {
  const before = server.shouldUpgradeCallback
  if (before === undefined) return () => undefined
  const ours: ShouldUpgrade = function (request) {
    return isOurs(request) || (server.listenerCount('upgrade') > 1 && before.call(server, request))
  }
  server.shouldUpgradeCallback = ours
  return () => {
    if (server.shouldUpgradeCallback === ours) server.shouldUpgradeCallback = before
  }
}
