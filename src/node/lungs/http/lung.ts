import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { paths, SYNC_MEDIA_TYPE } from '../../../wire/protocol.ts'
import {
  NOTICE_LINE_CHARS_MAX,
  NOTICE_RETRY_FIRST_MS,
  NOTICE_RETRY_MAX_MS,
  NOTICE_SILENCE_MS_MAX,
  SILENCE_MS_MAX,
} from './limits.ts'
import { HttpClient, refusalOf, type Question } from './request.ts'

/** A peer that this node reaches over HTTP. */
export interface HttpPeer {
  peerId: string
  url: string
}

export interface HttpHandlers {
  /** A frame of a peer's stream of change notices. Resolves when there is room for more. */
  onNotice(peerId: string, frame: Uint8Array): Promise<void>
  /** That stream opened or closed. */
  onNotices(peerId: string, isOpen: boolean): void
  /** The headers by which this node says to a peer who asks. */
  callerHeaders(peerId: string): Readonly<Record<string, string>>
}

/**
 * The HTTP lung: sync exchanges by request, and a stream of change notices from every peer it was asked
 * to watch, so that HTTP mode is as quick as the network. It carries bytes; it decides nothing.
 */
export class HttpLung {
  readonly #peers: ReadonlyMap<string, HttpPeer>
  readonly #handlers: HttpHandlers
  readonly #watches = new Map<string, AbortController>()
  /** By peer id. */
  readonly #clients: ReadonlyMap<string, HttpClient>

  constructor(peers: readonly HttpPeer[], handlers: HttpHandlers) {
    this.#peers = new Map(peers.map((peer) => [peer.peerId, peer]))
    this.#clients = new Map(
      peers.map(({ peerId }) => [peerId, new HttpClient({ keepAlive: false })]),
    )
    this.#handlers = handlers
  }

  /** One sync exchange. Yields the answer's bytes as they come; throws when it fails or `signal` aborts. */
  async *pull(
    peerId: string,
    syncRequest: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const answer = await this.#ask(peerId, paths.sync, {
      method: 'POST',
      headers: {
        ...this.#handlers.callerHeaders(peerId),
        'content-type': SYNC_MEDIA_TYPE,
        'content-length': String(syncRequest.length),
        accept: SYNC_MEDIA_TYPE,
      },
      body: syncRequest,
      silenceMsMax: SILENCE_MS_MAX,
      signal,
    })
    if (answer.statusCode !== 200 || answer.headers['content-type'] !== SYNC_MEDIA_TYPE) {
      throw await refusalOf(answer)
    }
    for await (const chunk of answer) yield chunk as Uint8Array
  }

  /**
   * Starts or stops listening to a peer's change notices. Reopens by itself until it is stopped. Only a
   * peer that is watched has connections kept: an idle one holds it up when it gives way to its next process.
   */
  watch(peerId: string, isWanted: boolean): void {
    const running = this.#watches.get(peerId)
    if (isWanted === (running !== undefined)) return
    this.#clients.get(peerId)?.keepAlive(isWanted)
    if (running !== undefined) {
      this.#watches.delete(peerId)
      running.abort()
      return
    }
    const controller = new AbortController()
    this.#watches.set(peerId, controller)
    void this.#listen(peerId, controller.signal)
  }

  close(): void {
    for (const peerId of this.#watches.keys()) this.watch(peerId, false)
    for (const client of this.#clients.values()) client.close()
  }

  async #listen(peerId: string, signal: AbortSignal): Promise<void> {
    let pauseMs = NOTICE_RETRY_FIRST_MS
    while (!signal.aborted) {
      try {
        for await (const frame of this.#notices(peerId, signal)) {
          pauseMs = NOTICE_RETRY_FIRST_MS
          await this.#handlers.onNotice(peerId, frame)
        }
      } catch {
        // The core learns what matters from `onNotices` and from the exchanges themselves.
      }
      if (signal.aborted) return
      this.#handlers.onNotices(peerId, false)
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
      pauseMs = Math.min(pauseMs * 1.6, NOTICE_RETRY_MAX_MS)
    }
  }

  async *#notices(peerId: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#ask(peerId, paths.changes, {
      method: 'GET',
      headers: { ...this.#handlers.callerHeaders(peerId), accept: 'text/event-stream' },
      silenceMsMax: NOTICE_SILENCE_MS_MAX,
      signal,
    })
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true
    if (answer.statusCode !== 200 || !isStream) throw await refusalOf(answer)
    this.#handlers.onNotices(peerId, true)
    let buffered = ''
    for await (const chunk of answer.setEncoding('utf8')) {
      buffered += chunk as string
      if (buffered.length > NOTICE_LINE_CHARS_MAX) throw new Error('a notice is too long')
      const lines = buffered.split('\n')
      buffered = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith('data: '))
          yield Buffer.from(line.slice('data: '.length).trim(), 'base64')
      }
    }
  }

  async #ask(peerId: string, path: string, question: Question): Promise<IncomingMessage> {
    const [peer, client] = [this.#peers.get(peerId), this.#clients.get(peerId)]
    if (peer === undefined || client === undefined) throw new Error('no HTTP address')
    return client.ask(`${peer.url}${path}`, question)
  }
}
