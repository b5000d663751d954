import { createGunzip } from 'node:zlib'
import type { Readable } from 'node:stream'
import { Agent, errors } from 'undici'
import { CONNECT_MS_MAX, CONNECTIONS_MAX, HEADER_BYTES_MAX, KEPT_IDLE_MS } from './limits.ts'
import { NodeAnswerError, type Asked } from './node-answer-error.ts'
import { HAS_NO_CERTIFICATE } from './tls-codes.ts'

/** One question to an origin. */
export interface Question {
  method: 'GET' | 'POST' | 'DELETE'
  /** Path with its query. */
  path: string
  body?: { mediaType: string; bytes: Uint8Array | string }
  /** Bearer token; null sends none. */
  token: string | null
  /** Media type asked for. */
  accept: string
  /** Milliseconds until the last byte of the answer. */
  timeMsMax: number
  /** Milliseconds between two pieces of the answer. */
  idleMsMax?: number
}

/** What an answer says before its body. */
export interface AnswerHead {
  status: number
  /** Lower case, without parameters; empty when not given. */
  mediaType: string
  location: string | null
}

/**
 * HTTP to one origin: kept connections, no redirects, a time limit on the whole answer and a size limit
 * on what it inflates to.
 */
export class HttpOrigin {
  readonly #asked: Asked
  readonly #agent: Agent

  constructor(asked: Asked) {
    this.#asked = asked
    this.#agent = new Agent({
      connections: CONNECTIONS_MAX,
      maxHeaderSize: HEADER_BYTES_MAX,
      connect: { timeout: CONNECT_MS_MAX },
      allowH2: false,
      // Whatever the node offers: an idle connection holds it up when it gives way to its next process.
      keepAliveTimeout: KEPT_IDLE_MS,
      keepAliveMaxTimeout: KEPT_IDLE_MS,
      // The question's own limit ends it; the agent's defaults are minutes.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /**
   * The whole answer, at most `bytesMax` after inflation. `check` sees status and headers before the body
   * is read and may throw. Throws `NodeAnswerError`, or the signal's reason.
   */
  async ask(
    question: Question,
    bytesMax: number,
    signal: AbortSignal,
    check: (head: AnswerHead) => void,
  ): Promise<{ status: number; bytes: Uint8Array }> {
    let status = 0
    const pieces: Uint8Array[] = []
    const stream = this.stream(question, bytesMax, signal, (head) => {
      status = head.status
      check(head)
    })
    for await (const piece of stream) pieces.push(piece)
    return { status, bytes: Buffer.concat(pieces) }
  }

  /** The body of an answer as it arrives; the rest as in `ask`. Ending the reading early ends the transfer. */
  async *stream(
    question: Question,
    bytesMax: number,
    signal: AbortSignal,
    check: (head: AnswerHead) => void,
  ): AsyncGenerator<Uint8Array> {
    const limit = new TimeLimit(question.timeMsMax, question.idleMsMax, signal)
    try {
      const { head, body } = await this.#request(question, limit.signal)
      check(head)
      for await (const piece of this.#capped(body, bytesMax)) {
        limit.alive()
        yield piece
      }
    } catch (error) {
      throw this.#failure(error, limit, signal)
    } finally {
      limit.end()
    }
  }

  /** Ends every connection at once. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #request(
    question: Question,
    signal: AbortSignal,
  ): Promise<{ head: AnswerHead; body: AsyncIterable<Uint8Array> }> {
    signal.throwIfAborted()
    const { body, token } = question
    const answer = await this.#agent.request({
      origin: this.#asked.url,
      method: question.method,
      path: question.path,
      headers: {
        accept: question.accept,
        'accept-encoding': 'gzip',
        ...(body === undefined ? {} : { 'content-type': body.mediaType }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: body?.bytes ?? null,
      signal,
    })
    const header = (name: string): string => [answer.headers[name] ?? ''].flat().join(',')
    return {
      head: {
        status: answer.statusCode,
        mediaType: (header('content-type').split(';')[0] ?? '').trim().toLowerCase(),
        location: header('location') || null,
      },
      body: this.#inflated(answer.body, header('content-encoding').trim().toLowerCase()),
    }
  }

  async *#inflated(raw: Readable, encoding: string): AsyncGenerator<Uint8Array> {
    if (encoding === '' || encoding === 'identity') {
      yield* raw as AsyncIterable<Uint8Array>
      return
    }
    if (encoding !== 'gzip') {
      throw new NodeAnswerError(
        this.#asked,
        'not-a-node',
        `answers in an encoding not asked for (${encoding})`,
      )
    }
    const gunzip = createGunzip()
    raw.on('error', (error) => gunzip.destroy(error))
    try {
      yield* raw.pipe(gunzip) as AsyncIterable<Uint8Array>
    } finally {
      gunzip.destroy()
    }
  }

  async *#capped(pieces: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
    let bytes = 0
    for await (const piece of pieces) {
      bytes += piece.length
      if (bytes > bytesMax) {
        throw new NodeAnswerError(
          this.#asked,
          'too-large',
          `answers with more than ${bytesMax} bytes`,
        )
      }
      yield piece
    }
  }

  #failure(error: unknown, limit: TimeLimit, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    if (error instanceof NodeAnswerError) return error
    if (limit.passed !== null) return new NodeAnswerError(this.#asked, 'timeout', limit.passed)
    return failureOf(this.#asked, error)
  }
}

/** The caller's signal, and a limit on the whole and on silence. */
class TimeLimit {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal
  readonly #onAbort = (): void => this.#controller.abort(this.#outer.reason)
  readonly #whole: NodeJS.Timeout
  readonly #idle: NodeJS.Timeout | null
  /** What ran out; null when nothing did. */
  passed: string | null = null

  constructor(wholeMs: number, idleMs: number | undefined, outer: AbortSignal) {
    this.#outer = outer
    this.#whole = setTimeout(() => this.#pass(`no whole answer within ${wholeMs} ms`), wholeMs)
    this.#idle =
      idleMs === undefined
        ? null
        : setTimeout(() => this.#pass(`the answer stopped for ${idleMs} ms`), idleMs)
    if (outer.aborted) this.#onAbort()
    else outer.addEventListener('abort', this.#onAbort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Something arrived. */
  alive(): void {
    this.#idle?.refresh()
  }

  /** Whatever of the answer has not been read is not wanted any more. */
  end(): void {
    clearTimeout(this.#whole)
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#outer.removeEventListener('abort', this.#onAbort)
    this.#controller.abort()
  }

  #pass(what: string): void {
    this.passed ??= what
    this.#controller.abort()
  }
}

const problems: Record<string, string> = {
  ECONNREFUSED: 'refuses the connection: nothing listens there',
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  UND_ERR_SOCKET: 'broke the connection',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'broke off its answer',
  ENOTFOUND: 'its host name does not exist',
  EAI_AGAIN: 'its host name cannot be looked up now',
  EHOSTUNREACH: 'no route to its host',
  ENETUNREACH: 'no route to its network',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${CONNECT_MS_MAX} ms`,
  UND_ERR_INVALID_ARG: 'its URL cannot be asked',
  ERR_INVALID_URL: 'its URL cannot be asked',
}

const NOT_HTTP = new Set(['HTTP_PARSER', 'UND_ERR_HEADERS_OVERFLOW'])
const TLS_CODE = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO)/

/**
 * What a failed connection means; the codes of Node.js, OpenSSL and undici go no further than here. An
 * error without such a code is not the connection's, and is given back as it is.
 */
function failureOf(asked: Asked, error: unknown): unknown {
  const code = codeOf(error)
  if (code === null) return error
  if (NOT_HTTP.has(code)) {
    const problem = 'what answers there does not speak HTTP as nodes do'
    return new NodeAnswerError(asked, 'not-a-node', problem)
  }
  if (code.startsWith('Z_')) {
    return new NodeAnswerError(asked, 'not-a-node', 'its answer cannot be inflated')
  }
  if (HAS_NO_CERTIFICATE.has(code)) {
    return new NodeAnswerError(
      asked,
      'unreachable',
      `serves no certificate for its name (${code})`,
      {
        hint: 'a proxy that gets its own has one once an authority reaches it by that name: see "journalctl -u caddy" on its host',
      },
    )
  }
  if (TLS_CODE.test(code)) {
    return new NodeAnswerError(asked, 'unreachable', `TLS failed (${code})`, {
      hint: 'check the certificate and the host name in nodes.yaml; behind a proxy, see its log',
    })
  }
  const isSlow = code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT'
  const problem = problems[code] ?? `cannot be asked (${code})`
  return new NodeAnswerError(asked, isSlow ? 'timeout' : 'unreachable', problem)
}

function codeOf(error: unknown): string | null {
  if (error instanceof errors.HTTPParserError) return 'HTTP_PARSER'
  if (!(error instanceof Error)) return null
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : codeOf(error.cause)
}
