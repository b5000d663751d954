import { ByteQueue } from './byte-queue.ts'
import { ChannelLostError } from './channel.ts'
import { ENTER_MS, NOISE_BYTES_MAX } from './limits.ts'
import { BEGIN, WORD } from './scripts.ts'
import { EnterError, type CommandOutcome, type HostShell } from './shell.ts'

/** A script that runs on a host: lines go in, words come out, and then whatever it became. */
export class Script {
  readonly description: string
  readonly #input: ByteQueue
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #ended: Promise<{ outcome: CommandOutcome; stderr: string }>
  readonly #abort: AbortController
  #unread = Buffer.alloc(0)
  #noiseBytes = 0

  private constructor(
    { description }: HostShell,
    input: ByteQueue,
    abort: AbortController,
    { stdout, ended }: Awaited<ReturnType<HostShell['exec']>>,
  ) {
    this.description = description
    this.#input = input
    this.#abort = abort
    this.#chunks = stdout[Symbol.asyncIterator]()
    this.#ended = ended
    // Whoever still writes must not wait for a reader that is gone.
    void ended.catch(() => undefined).finally(() => input.abandon())
  }

  /**
   * Starts `command` on the host. `signal` is for the start only; `close` ends it.
   *
   * @throws OperatorError when the host starts nothing
   */
  static async start(
    shell: HostShell,
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<Script> {
    const input = new ByteQueue()
    const abort = new AbortController()
    const cancel = (): void => abort.abort(signal.reason)
    signal.addEventListener('abort', cancel, { once: true })
    try {
      signal.throwIfAborted()
      const started = await shell.exec(command, { stdin: input, signal: abort.signal })
      return new Script(shell, input, abort, started)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.#input.put(bytes)
  }

  /** What the script reads first. None of the lines may have a line end. */
  async writeLines(lines: readonly string[]): Promise<void> {
    const broken = lines.find((line) => line.includes('\n'))
    if (broken !== undefined) throw new RangeError('a line for a script has a line end')
    await this.write(Buffer.from([BEGIN, ...lines].map((line) => `${line}\n`).join('')))
  }

  /** Nothing more is written. */
  async end(): Promise<void> {
    await this.#input.put(new Uint8Array())
  }

  /**
   * The next line that the script says to us; what else there is, is noise of the host's.
   *
   * @returns null when it ended instead
   * @throws EnterError, ChannelLostError; the signal's reason
   */
  async word(signal: AbortSignal, limitMs = ENTER_MS): Promise<string | null> {
    const limit = new AbortController()
    const timer = setTimeout(() => {
      limit.abort(
        new EnterError('silent-host', `${this.description}: the host's shell says nothing`, {
          exit: 'unreachable',
          hint: 'log in by hand and see what holds it up',
        }),
      )
    }, limitMs)
    const both = AbortSignal.any([signal, limit.signal])
    try {
      for (;;) {
        const end = this.#unread.indexOf(0x0a)
        if (end >= 0) {
          const line = this.#unread.subarray(0, end).toString()
          this.#unread = this.#unread.subarray(end + 1)
          const at = line.indexOf(WORD)
          if (at >= 0) return line.slice(at + WORD.length).trim()
          this.#noiseBytes += end + 1
        } else if (!(await this.#readMore(both))) return null
        if (this.#noiseBytes + this.#unread.length > NOISE_BYTES_MAX) {
          throw new EnterError('noisy-host', `${this.description}: its shell says other things`, {
            hint: 'a profile of the user prints too much to sessions without a terminal',
          })
        }
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** What comes after the last word. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#unread.length > 0) yield this.#unread
    for (;;) {
      const next = await this.#chunks.next()
      if (next.done === true) return
      yield next.value
    }
  }

  /** How it ended. @throws ChannelLostError when that is not known */
  async outcome(): Promise<{ code: number; stderr: string }> {
    const { outcome, stderr } = await this.#ended
    if (outcome.kind === 'exited') return { code: outcome.code, stderr: stderr.trim() }
    const why = outcome.kind === 'killed' ? `the shell was ended by ${outcome.signal}` : 'it broke'
    throw new ChannelLostError(this.description, why)
  }

  /** Ends its input and lets go of it. Idempotent. */
  close(): void {
    this.#input.abandon()
    setImmediate(() => this.#abort.abort(new EnterError('closed', `${this.description}: closed`)))
  }

  async #readMore(signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<never>()
    aborted.promise.catch(() => undefined)
    const abort = (): void => aborted.reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    try {
      const next = await Promise.race([this.#chunks.next(), aborted.promise])
      if (next.done === true) return false
      this.#unread = Buffer.concat([this.#unread, next.value])
      return true
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
