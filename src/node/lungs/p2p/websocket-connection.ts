import type { AbortOptions, Logger, MessageStreamDirection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { once } from 'node:events'
import type { RawData, WebSocket } from 'ws'
import { within } from './deadline.ts'
import {
  WEBSOCKET_CLOSE_TIMEOUT_MS,
  WEBSOCKET_DRAINED_BYTES,
  WEBSOCKET_FULL_BYTES,
  WEBSOCKET_MESSAGE_BYTES_MAX,
} from './limits.ts'

type OutgoingBytes = Parameters<AbstractMultiaddrConnection['sendData']>[0]

/** Options of every `ws` endpoint here. Noise's output does not compress. */
export const webSocketOptions = { perMessageDeflate: false } as const

/**
 * An open WebSocket as libp2p's raw connection. libp2p's own one answers an abort with `close(1006)`,
 * which throws and leaves the socket open for ten seconds and more; this one terminates it.
 */
export class WebSocketConnection extends AbstractMultiaddrConnection {
  readonly #socket: WebSocket
  #isFull = false

  constructor(
    socket: WebSocket,
    init: { remoteAddr: Multiaddr; direction: MessageStreamDirection; log: Logger },
  ) {
    super({ ...init, maxMessageSize: WEBSOCKET_MESSAGE_BYTES_MAX })
    this.#socket = socket
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) this.onData(data as Buffer)
      else this.abort(new Error('text on a libp2p WebSocket'))
    })
    socket.on('error', (error) => this.abort(error))
    socket.once('close', (code) => {
      if (code === ABNORMAL_CLOSURE && this.status === 'open') this.onRemoteReset()
      else this.onTransportClosed()
    })
  }

  override sendData(data: OutgoingBytes): SendResult {
    const bytes = data.subarray()
    this.#socket.send(bytes, { binary: true, compress: false }, (error) => {
      if (error) this.abort(error)
      else this.#sent()
    })
    this.#isFull ||= this.#socket.bufferedAmount >= WEBSOCKET_FULL_BYTES
    return { sentBytes: bytes.byteLength, canSendMore: !this.#isFull }
  }

  #sent(): void {
    if (!this.#isFull || this.#socket.bufferedAmount > WEBSOCKET_DRAINED_BYTES) return
    this.#isFull = false
    this.safeDispatchEvent('drain')
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    if (this.#socket.readyState === this.#socket.CLOSED) return
    this.#socket.close()
    const parent = options?.signal ?? new AbortController().signal
    try {
      await within(WEBSOCKET_CLOSE_TIMEOUT_MS, parent, (signal) =>
        once(this.#socket, 'close', { signal }),
      )
    } catch {
      this.#socket.terminate()
    }
  }

  override sendReset(): void {
    this.#socket.terminate()
  }

  override sendPause(): void {
    this.#socket.pause()
  }

  override sendResume(): void {
    this.#socket.resume()
  }
}

const ABNORMAL_CLOSURE = 1006
