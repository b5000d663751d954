import { OperatorError } from '../errors.ts'
import { ByteQueue } from './byte-queue.ts'
import { encodeFrame, FrameDecoder, ProtocolError, type Frame } from './frame.ts'
import { BEAT_MS, REQUESTS_MAX, SILENCE_MS } from './limits.ts'
import {
  acts,
  requestSchema,
  type ActArgs,
  type ActEvent,
  type ActName,
  type ActResult,
  type Answer,
  type Failure,
  type Request,
} from './protocol.ts'

/** What an act has beside its arguments. */
export interface ActContext<N extends ActName = ActName> {
  /** Aborts when the caller gave up, and when the channel ended. */
  signal: AbortSignal
  /** Tells the caller something before the answer. Resolves when more may be told. */
  tell: (event: ActEvent<N>) => Promise<void>
  /** What the caller sends for this request. */
  bytes: AsyncIterable<Uint8Array>
}

export type Acts = {
  [N in ActName]: (args: ActArgs<N>, context: ActContext<N>) => Promise<ActResult<N>>
}

/** The agent's side of its channel: standard input and output. */
export interface Connection {
  input: AsyncIterable<Uint8Array>
  write: (bytes: Uint8Array) => Promise<void>
}

interface Running {
  abort: AbortController
  bytes: ByteQueue
}

/**
 * Does what is asked until the caller is gone: its channel ended, or it was silent for 15 s, so that
 * one who fell asleep cannot act late. Returns without waiting for acts that are under way; each is
 * safe to be cut anywhere, and their signals have aborted.
 */
export async function serve(connection: Connection, handlers: Acts): Promise<void> {
  const server = new Server(connection, handlers)
  const silence = new Promise<void>((resolve) => {
    server.beat(resolve)
  })
  try {
    await Promise.race([server.read(), silence])
  } finally {
    server.end()
  }
}

class Server {
  readonly #connection: Connection
  readonly #handlers: Acts
  readonly #running = new Map<number, Running>()
  #heardMs = performance.now()
  #beat: NodeJS.Timeout | undefined
  /** Waiting for an act to read its stream: the caller is not silent, it is not listened to. */
  #isHeldUp = false

  constructor(connection: Connection, handlers: Acts) {
    this.#connection = connection
    this.#handlers = handlers
  }

  beat(onSilence: () => void): void {
    this.#beat = setInterval(() => {
      if (this.#isHeldUp) this.#heardMs = performance.now()
      if (performance.now() - this.#heardMs >= SILENCE_MS) onSilence()
      else void this.#send({ kind: 'beat' })
    }, BEAT_MS)
  }

  end(): void {
    clearInterval(this.#beat)
    const reason = new OperatorError('caller-gone', 'the caller is gone')
    for (const { abort, bytes } of this.#running.values()) {
      abort.abort(reason)
      bytes.abandon()
    }
  }

  async read(): Promise<void> {
    const decoder = new FrameDecoder()
    for await (const chunk of this.#connection.input) {
      this.#heardMs = performance.now()
      for (const frame of decoder.push(chunk)) {
        if (frame.kind === 'json') this.#take(parseRequest(frame.text))
        else if (frame.kind === 'bytes') await this.#feed(frame.id, frame.bytes)
      }
    }
    decoder.end()
  }

  async #feed(id: number, bytes: Uint8Array): Promise<void> {
    this.#isHeldUp = true
    await this.#running.get(id)?.bytes.put(bytes)
    this.#isHeldUp = false
    this.#heardMs = performance.now()
  }

  #take(request: Request): void {
    if ('cancel' in request) {
      const running = this.#running.get(request.id)
      running?.abort.abort(new OperatorError('cancelled', 'the caller gave up'))
      running?.bytes.abandon()
    } else void this.#do(request.id, request.act, request.args)
  }

  async #do(id: number, act: ActName, args: unknown): Promise<void> {
    const problem = this.#running.has(id) ? 'a request is made twice' : this.#busy()
    if (problem !== null) {
      await this.#answer({ id, error: failureOf(new ProtocolError(problem)) })
      return
    }
    const running = { abort: new AbortController(), bytes: new ByteQueue() }
    this.#running.set(id, running)
    try {
      // The schemas tie an act's name to its arguments and its answer.
      const handler = this.#handlers[act] as (...given: unknown[]) => Promise<unknown>
      const ok = await handler(parseArgs(act, args), {
        signal: running.abort.signal,
        tell: async (event: unknown) => this.#answer({ id, event }),
        bytes: running.bytes,
      })
      await this.#answer({ id, ok })
    } catch (error) {
      await this.#answer({ id, error: failureOf(error) })
    } finally {
      running.bytes.abandon()
      this.#running.delete(id)
    }
  }

  #busy(): string | null {
    return this.#running.size < REQUESTS_MAX ? null : 'too many requests at once'
  }

  async #answer(answer: Answer): Promise<void> {
    await this.#send({ kind: 'json', text: JSON.stringify(answer) })
  }

  /** A caller that is gone is noticed where its words are read. */
  async #send(frame: Frame): Promise<void> {
    await this.#connection.write(encodeFrame(frame)).catch(() => undefined)
  }
}

function parseRequest(text: string): Request {
  try {
    return requestSchema.parse(JSON.parse(text))
  } catch {
    throw new ProtocolError('a request that is none')
  }
}

/** An error names where the arguments are wrong, and no value: they hold secrets. */
function parseArgs(act: ActName, args: unknown): unknown {
  const parsed = acts[act].args.safeParse(args)
  if (parsed.success) return parsed.data
  const where = parsed.error.issues.map((issue) => issue.path.join('.') || 'arguments')
  throw new ProtocolError(`${act} is given malformed ${[...new Set(where)].join(', ')}`)
}

const MESSAGE_MAX = 4096

function failureOf(error: unknown): Failure {
  if (error instanceof OperatorError) {
    const { code, message, hint, exit } = error
    const failure = { code, message: message.slice(0, MESSAGE_MAX), exit }
    return hint === undefined ? failure : { ...failure, hint: hint.slice(0, MESSAGE_MAX) }
  }
  const { code, message } = error as NodeJS.ErrnoException
  const known = diskFailures[code ?? '']
  if (known !== undefined)
    return { ...known, message: message.slice(0, MESSAGE_MAX), exit: 'failed' }
  return { code: 'agent-failed', message: message.slice(0, MESSAGE_MAX), exit: 'failed' }
}

/** What a host's disk refuses, by the error of the system. */
const diskFailures: Record<string, { code: string; hint: string }> = {
  ENOSPC: { code: 'disk-full', hint: 'free some space on the host and run the same command again' },
  EDQUOT: { code: 'disk-full', hint: 'free some space on the host and run the same command again' },
  EROFS: {
    code: 'disk-read-only',
    hint: 'see "dmesg" on the host: a disk with errors is mounted so',
  },
  EIO: { code: 'disk-broken', hint: 'see "dmesg" on the host: its disk fails' },
}
