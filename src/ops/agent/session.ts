import { OperatorError } from '../errors.ts'
import { ChannelLostError, type HostChannel } from './channel.ts'
import { EventQueue } from './event-queue.ts'
import { encodeFrame, FrameDecoder, ProtocolError, type Frame } from './frame.ts'
import { BEAT_MS, CHUNK_BYTES, REQUESTS_MAX, SILENCE_MS } from './limits.ts'
import {
  acts,
  answerSchema,
  type ActArgs,
  type ActEvent,
  type ActName,
  type ActResult,
  type Answer,
  type Failure,
  type Request,
} from './protocol.ts'

/** One request that is under way. */
export interface Exchange<N extends ActName> {
  /** Ends when the request is answered; fails when it failed. */
  readonly events: AsyncIterable<ActEvent<N>>
  /** @throws what the agent said; ChannelLostError: the outcome is not known; the signal's reason */
  readonly result: Promise<ActResult<N>>
  /** Sends the stream that the act reads. Stops quietly when the request is over. */
  send(bytes: AsyncIterable<Uint8Array>): Promise<void>
}

interface Pending {
  act: ActName
  events: EventQueue<never>
  resolve: (result: never) => void
  reject: (error: unknown) => void
}

/**
 * The CLI's side of a channel to an agent. It is alive until the channel ends or says nothing for
 * 15 s; then all that is under way fails with `connection-lost`, and what comes after at once.
 */
export class AgentSession {
  readonly #channel: HostChannel
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #heardMs = performance.now()
  #beat: NodeJS.Timeout
  #lost: Error | null = null

  constructor(channel: HostChannel) {
    this.#channel = channel
    this.#beat = setInterval(() => this.#onBeat(), BEAT_MS)
    void this.#read()
  }

  /** Whether nothing can be asked any more. */
  get isOver(): boolean {
    return this.#lost !== null
  }

  /** Asks and waits for the answer. @throws as `Exchange.result` */
  async call<N extends ActName>(
    act: N,
    args: ActArgs<N>,
    signal: AbortSignal,
  ): Promise<ActResult<N>> {
    return this.open(act, args, signal).result
  }

  /** Asks, for acts that tell or are sent something meanwhile. */
  open<N extends ActName>(act: N, args: ActArgs<N>, signal: AbortSignal): Exchange<N> {
    const id = ++this.#lastId
    const events = new EventQueue<ActEvent<N>>()
    const result = new Promise<ActResult<N>>((resolve, reject) => {
      signal.throwIfAborted()
      if (this.#lost !== null) throw this.#lost
      if (this.#pending.size >= REQUESTS_MAX) throw new ProtocolError('too many requests at once')
      this.#pending.set(id, { act, events: events as EventQueue<never>, resolve, reject })
      this.#post({ id, act, args })
    })
    const cancel = (): void => {
      const pending = this.#settle(id)
      if (pending === undefined) return
      this.#post({ id, cancel: true })
      pending.reject(signal.reason)
    }
    signal.addEventListener('abort', cancel, { once: true })
    void result
      .then(
        () => events.end(),
        (error: unknown) => events.end({ error }),
      )
      .finally(() => signal.removeEventListener('abort', cancel))
    return { events, result, send: async (bytes) => this.#send(id, bytes) }
  }

  /** Ends the agent's input, so that it ends. What is under way fails. Idempotent. */
  close(): void {
    this.#lose(new ChannelLostError(this.#channel.description, 'it was closed here'))
  }

  async #send(id: number, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
        if (!this.#pending.has(id)) return
        await this.#write({ kind: 'bytes', id, bytes: chunk.subarray(at, at + CHUNK_BYTES) })
      }
    }
    if (this.#pending.has(id)) await this.#write({ kind: 'bytes', id, bytes: new Uint8Array() })
  }

  #post(request: Request): void {
    void this.#write({ kind: 'json', text: JSON.stringify(request) })
  }

  async #write(frame: Frame): Promise<void> {
    if (this.#lost !== null) return
    try {
      await this.#channel.write(encodeFrame(frame))
    } catch (error) {
      this.#lose(this.#lostBy(error))
    }
  }

  #onBeat(): void {
    const silentMs = performance.now() - this.#heardMs
    if (silentMs < SILENCE_MS) void this.#write({ kind: 'beat' })
    else this.#lose(new ChannelLostError(this.#channel.description, 'it is silent'))
  }

  async #read(): Promise<void> {
    const decoder = new FrameDecoder()
    try {
      for await (const chunk of this.#channel.output) {
        this.#heardMs = performance.now()
        for (const frame of decoder.push(chunk)) this.#take(frame)
        if (this.#lost !== null) return
      }
      decoder.end()
      this.#lose(new ChannelLostError(this.#channel.description, 'the agent ended'))
    } catch (error) {
      this.#lose(this.#lostBy(error))
    }
  }

  #lostBy(error: unknown): Error {
    if (error instanceof OperatorError) return error
    const why = error instanceof Error ? error.message : 'it failed'
    return new ChannelLostError(this.#channel.description, why, error)
  }

  #lose(error: Error): void {
    if (this.#lost !== null) return
    this.#lost = error
    clearInterval(this.#beat)
    this.#channel.close()
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(error)
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }

  #take(frame: Frame): void {
    if (frame.kind === 'beat') return
    if (frame.kind === 'bytes') throw new ProtocolError('a stream from the agent')
    const answer = parseAnswer(frame.text)
    const pending = this.#pending.get(answer.id)
    // Cancelled meanwhile.
    if (pending === undefined) return
    const { event, result } = acts[pending.act]
    if ('event' in answer) {
      pending.events.put(checked(event, answer.event, pending.act) as never)
      return
    }
    if ('error' in answer) this.#settle(answer.id)?.reject(errorOf(answer.error))
    else {
      const value = checked(result, answer.ok, pending.act)
      this.#settle(answer.id)?.resolve(value as never)
    }
  }
}

function parseAnswer(text: string): Answer {
  try {
    return answerSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new ProtocolError('an answer that is none', error)
  }
}

type Schema = (typeof acts)[ActName]['result' | 'event']

function checked(schema: Schema, value: unknown, act: ActName): unknown {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new ProtocolError(`what it answers to ${act} is malformed`, parsed.error)
}

const errorOf = ({ code, message, hint, exit }: Failure): OperatorError =>
  new OperatorError(code, message, { exit, ...(hint === undefined ? {} : { hint }) })
