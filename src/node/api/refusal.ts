import type { Socket } from 'node:net'
import * as z from 'zod'
import type { refusalAnswer } from '../../wire/api.ts'
import { WireError } from '../../wire/cbor.ts'
import { UnavailableError, UnknownCutError } from '../service.ts'

type Details = {
  hint?: string
  headers?: Readonly<Record<string, string>>
  /** More fields of the answer, where the predecessor's clients look for them. */
  fields?: Readonly<Record<string, unknown>>
}

/** An answer other than the one asked for: thrown by a handler, sent as JSON with `status`. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly code: string
  readonly details: Details

  constructor(status: number, code: string, message: string, details: Details = {}) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }

  get body(): z.infer<typeof refusalAnswer> {
    const { hint, fields } = this.details
    return {
      success: false,
      code: this.code,
      message: this.message,
      ...(hint === undefined ? {} : { hint }),
      ...fields,
    }
  }
}

const MESSAGE_CHARS_MAX = 300

/** The value as its schema has it. Throws a 400 that names the field. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  hint: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  const message = `${where}${issue?.message ?? 'not as expected'}`.slice(0, MESSAGE_CHARS_MAX)
  throw new Refusal(400, 'bad-request', message, { hint })
}

/** A number of a query or a path: digits only, since `Number` takes far more for one. */
export const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'not a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `not ${least} to ${most}`)

/** What the HTTP server, Fastify and `wire` refuse, by their codes. */
const knownRefusals: Record<string, () => Refusal> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new Refusal(413, 'body-too-large', 'the body is larger than this endpoint takes', {
      hint: 'send fewer intents at a time',
    }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new Refusal(415, 'wrong-media-type', 'this endpoint does not take this content type', {
      hint: 'send "content-type: application/json"',
    }),
  FST_ERR_CTP_INVALID_JSON_BODY: () =>
    new Refusal(400, 'bad-json', 'the body is not JSON', { hint: 'quote names and texts with "' }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new Refusal(400, 'bad-length', 'the body is not as long as its content-length says'),
  FST_ERR_BAD_URL: () =>
    new Refusal(400, 'bad-url', 'the path is not a URL path', {
      hint: 'percent-encode it as UTF-8',
    }),
  FST_ERR_MAX_PARAM_LENGTH: () => new Refusal(414, 'bad-url', 'a part of the path is too long'),
  HPE_HEADER_OVERFLOW: () => new Refusal(431, 'headers-too-large', 'the headers are too large'),
  ERR_HTTP_REQUEST_TIMEOUT: () =>
    new Refusal(408, 'request-timeout', 'the request took too long to arrive'),
  ECONNRESET: () => new Refusal(400, 'aborted', 'the request was cut off'),
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** The refusal that an error stands for; null for one that nobody foresaw, which only the log may tell. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error
  if (error instanceof WireError) {
    return new Refusal(error.code === 'too-large' ? 413 : 400, error.code, error.message)
  }
  if (error instanceof UnknownCutError) {
    return new Refusal(409, error.code, 'this node does not hold all entries of the cut', {
      hint: 'ask again when its frontier covers the cut',
    })
  }
  if (error instanceof UnavailableError) return unavailableRefusal(error.message)
  return knownRefusals[codeOf(error)]?.() ?? null
}

export const unavailableRefusal = (reason: string): Refusal =>
  new Refusal(503, 'unavailable', reason, {
    hint: 'GET /readyz says what is missing; ask another node',
  })

export const internalRefusal = (): Refusal =>
  new Refusal(500, 'internal', 'the node failed to answer; its log says why', {
    hint: 'aethel-lattice logs',
  })

/** How long a client that was refused below HTTP may keep its half of the connection. */
const LINGER_MS = 1_000

/** Answers what was not even HTTP, or came too slowly, and closes. */
export function refuseRaw(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal =
    knownRefusals[error.code ?? '']?.() ??
    new Refusal(400, 'bad-http', 'this is not an HTTP request')
  const body = JSON.stringify(refusal.body)
  socket.end(
    `HTTP/1.1 ${refusal.status} Refused\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
  socket.setTimeout(LINGER_MS, () => socket.destroy())
}
