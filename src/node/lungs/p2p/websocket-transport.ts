import type {
  ComponentLogger,
  Connection,
  CreateListenerOptions,
  DialTransportOptions,
  Listener,
  Logger,
  Transport,
} from '@libp2p/interface'
import { serviceCapabilities, transportSymbol } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddrToUri } from '@multiformats/multiaddr-to-uri'
import type { Server } from 'node:http'
import { WebSocket } from 'ws'
import { isWebSocketAddress } from './addresses.ts'
import { asError } from './deadline.ts'
import { WEBSOCKET_PAYLOAD_BYTES_MAX } from './limits.ts'
import { WebSocketConnection, webSocketOptions } from './websocket-connection.ts'
import { WebSocketListener } from './websocket-listener.ts'

/** The listen address that stands for "the HTTP server's port", whichever that is. */
export const HTTP_PORT_ADDRESS = '/ip4/127.0.0.1/tcp/0/ws'

/**
 * libp2p over WebSocket, inbound on the port of a running HTTP server. A transport of our own on
 * libp2p's public interface: the stock one can listen only on a port of its own.
 */
export class WebSocketTransport implements Transport {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = 'aethel-websocket'
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly #httpServer: Server | null
  readonly #log: Logger

  constructor(httpServer: Server | null, logger: ComponentLogger) {
    this.#httpServer = httpServer
    this.#log = logger.forComponent('aethel:websocket')
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const socket = await connect(address, options.signal)
    const connection = new WebSocketConnection(socket, {
      remoteAddr: address,
      direction: 'outbound',
      log: this.#log,
    })
    try {
      return await options.upgrader.upgradeOutbound(connection, options)
    } catch (error) {
      connection.abort(asError(error))
      throw error
    }
  }

  createListener(options: CreateListenerOptions): Listener {
    if (this.#httpServer === null) throw new Error('no HTTP server to listen on')
    return new WebSocketListener(this.#httpServer, options, this.#log)
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(isWebSocketAddress)
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(isWebSocketAddress)
  }
}

async function connect(address: Multiaddr, signal: AbortSignal): Promise<WebSocket> {
  signal.throwIfAborted()
  const socket = new WebSocket(multiaddrToUri(address), {
    ...webSocketOptions,
    maxPayload: WEBSOCKET_PAYLOAD_BYTES_MAX,
  })
  const onAbort = (): void => socket.terminate()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      // Not once: ws reports a second error when a socket is terminated while it connects.
      socket.on('error', reject)
    })
    return socket
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
