import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { NodeService, Notice } from '../service.ts'
import type { Caller } from './callers.ts'
import type { ApiLimits } from './limits.ts'
import { SharedSlots } from './slots.ts'

type FeedLimits = Pick<
  ApiLimits,
  | 'changesSubscribersMax'
  | 'changesPerCallerMax'
  | 'changesMs'
  | 'changesCommentMs'
  | 'changesStallMs'
  | 'changesPushBytesMax'
>

interface Subscriber {
  response: ServerResponse
  /** What was just written is sent along only to those who prove who they are. */
  isProven: boolean
  /** When the connection stopped taking bytes; null while it takes them. */
  blockedSinceMs: number | null
  /** The newest checkpoint that it still has to be told. */
  pending: Uint8Array | null
}

/**
 * Server-sent events, their data a frame in base64: `checkpoint`, at once and at every change; and for
 * members `entries` and `seals`, as soon as they are written here, so that they need not ask. Each
 * checkpoint replaces the one before, so a subscriber that reads slowly skips some, holds no more than
 * one in memory, and is dropped when it reads nothing for `changesStallMs`. What is large, or would have
 * to be kept for who reads slowly, is not sent: the checkpoint after it says what to ask for.
 */
export class NoticeFeed {
  readonly #service: NodeService
  readonly #limits: FeedLimits
  readonly #places: SharedSlots
  readonly #subscribers = new Set<Subscriber>()
  #stop: (() => void) | null = null

  constructor(service: NodeService, limits: FeedLimits) {
    this.#service = service
    this.#limits = limits
    this.#places = new SharedSlots(
      'subscribers',
      limits.changesSubscribersMax,
      limits.changesPerCallerMax,
    )
  }

  /** Takes the response over. Throws before that when there is no place, or no checkpoint. */
  subscribe(reply: FastifyReply, caller: Caller): void {
    const first = this.#service.checkpointFrame()
    const release = this.#places.take(caller)
    const headers = reply.getHeaders() as OutgoingHttpHeaders
    const response = reply.hijack().raw
    const { isProven } = caller
    const subscriber: Subscriber = { response, isProven, blockedSinceMs: null, pending: null }
    // Whoever stays is to ask for a place again, but members, who have theirs.
    const lease = isProven ? undefined : setTimeout(() => response.end(), this.#limits.changesMs)
    response.on('drain', () => this.#resume(subscriber))
    response.once('close', () => {
      clearTimeout(lease)
      release()
      this.#subscribers.delete(subscriber)
      if (this.#subscribers.size === 0) this.#rest()
    })
    this.#subscribers.add(subscriber)
    this.#start()
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      // A proxy that gathers an answer before it passes it on would hold back every notice.
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    this.#write(subscriber, eventOf({ kind: 'checkpoint', frame: first }))
  }

  /** Ends every stream, and cuts one whose reader has stopped: its end would wait for ever. */
  close(): void {
    for (const { response, blockedSinceMs } of this.#subscribers) {
      if (blockedSinceMs === null) response.end()
      else response.destroy()
    }
    this.#rest()
  }

  #start(): void {
    if (this.#stop !== null) return
    const unsubscribe = this.#service.onNotice((notice) => {
      for (const subscriber of this.#subscribers) this.#offer(subscriber, notice)
    })
    const timer = setInterval(() => this.#tick(), this.#limits.changesCommentMs)
    timer.unref()
    this.#stop = () => {
      clearInterval(timer)
      unsubscribe()
    }
  }

  #rest(): void {
    this.#stop?.()
    this.#stop = null
  }

  #offer(subscriber: Subscriber, notice: Notice): void {
    const { kind, frame } = notice
    const isPushed = kind !== 'checkpoint'
    if (isPushed && (!subscriber.isProven || frame.length > this.#limits.changesPushBytesMax))
      return
    if (subscriber.blockedSinceMs === null) this.#write(subscriber, eventOf(notice))
    else if (!isPushed) subscriber.pending = frame
  }

  #resume(subscriber: Subscriber): void {
    subscriber.blockedSinceMs = null
    const frame = subscriber.pending
    subscriber.pending = null
    if (frame !== null) this.#write(subscriber, eventOf({ kind: 'checkpoint', frame }))
  }

  #tick(): void {
    const nowMs = performance.now()
    for (const subscriber of this.#subscribers) {
      const { blockedSinceMs, response } = subscriber
      if (blockedSinceMs === null) this.#write(subscriber, ':\n\n')
      else if (nowMs - blockedSinceMs >= this.#limits.changesStallMs) response.destroy()
    }
  }

  #write(subscriber: Subscriber, text: string): void {
    if (subscriber.response.writableEnded) return
    if (!subscriber.response.write(text)) subscriber.blockedSinceMs = performance.now()
  }
}

const eventOf = ({ kind, frame }: Notice): string =>
  `event: ${kind}\ndata: ${Buffer.from(frame).toString('base64')}\n\n`
