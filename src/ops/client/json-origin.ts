import type * as z from 'zod'
import { refusalAnswer } from '../../wire/api.ts'
import { JSON_ANSWER_BYTES_MAX } from '../../wire/limits.ts'
import type { AnswerHead, HttpOrigin, Question } from './http-origin.ts'
import { ANSWER_MS_MAX } from './limits.ts'
import { NodeAnswerError, type Asked } from './node-answer-error.ts'

const JSON_MEDIA_TYPE = 'application/json'
/** Statuses by which a proxy says that the node behind it does not answer. */
const GATEWAY_STATUSES = [502, 503, 504]

export interface JsonQuestion {
  /** Sent as JSON. */
  body?: unknown
  /** Sent as they are, instead of `body`. */
  bytes?: Question['body']
  token?: string | null
  timeMsMax?: number
}

/** Questions to a node whose answers are JSON of a schema. Throws `NodeAnswerError`, or the signal's reason. */
export class JsonOrigin {
  readonly #asked: Asked
  readonly #origin: HttpOrigin

  constructor(asked: Asked, origin: HttpOrigin) {
    this.#asked = asked
    this.#origin = origin
  }

  async ask<T>(
    [method, path]: readonly [method: Question['method'], path: string],
    schema: z.ZodType<T>,
    signal: AbortSignal,
    { body, bytes, token = null, timeMsMax = ANSWER_MS_MAX }: JsonQuestion = {},
  ): Promise<T> {
    const question: Question = {
      method,
      path,
      ...sentAs(body, bytes),
      token,
      accept: JSON_MEDIA_TYPE,
      timeMsMax,
    }
    const answer = await this.#origin.ask(question, JSON_ANSWER_BYTES_MAX, signal, (head) => {
      refuseHead(this.#asked, head, JSON_MEDIA_TYPE)
    })
    return readAnswer(this.#asked, path, answer, schema)
  }

  /** Whether a probe answers 200; 503 in JSON is a plain no. */
  async isWell(path: string, signal: AbortSignal): Promise<boolean> {
    const question = {
      method: 'GET',
      path,
      token: null,
      accept: JSON_MEDIA_TYPE,
      timeMsMax: ANSWER_MS_MAX,
    } as const
    const { status } = await this.#origin.ask(question, JSON_ANSWER_BYTES_MAX, signal, (head) => {
      refuseHead(this.#asked, head, JSON_MEDIA_TYPE)
    })
    return status === 200
  }
}

const sentAs = (body: unknown, bytes: Question['body']): Pick<Question, 'body'> => {
  if (bytes !== undefined) return { body: bytes }
  return body === undefined
    ? {}
    : { body: { mediaType: JSON_MEDIA_TYPE, bytes: JSON.stringify(body) } }
}

/**
 * Throws `NodeAnswerError` unless an answer's head is one that a node makes: `mediaType`, or JSON for a
 * refusal; never a redirect.
 */
export function refuseHead(asked: Asked, head: AnswerHead, mediaType: string): void {
  const { status } = head
  if (status >= 300 && status < 400) {
    const to = head.location === null ? '' : ` to ${JSON.stringify(head.location.slice(0, 200))}`
    throw new NodeAnswerError(asked, 'not-a-node', `redirects${to}`, {
      status,
      hint: 'redirects are not followed: give the final origin as the URL in nodes.yaml',
    })
  }
  if (head.mediaType === mediaType && (status === 200 || mediaType === JSON_MEDIA_TYPE)) return
  if (head.mediaType === JSON_MEDIA_TYPE && status >= 400) {
    throw new NodeAnswerError(asked, 'refused', `answers ${status} instead of ${mediaType}`, {
      status,
      ...hintOf(status),
    })
  }
  if (GATEWAY_STATUSES.includes(status)) {
    throw new NodeAnswerError(asked, 'unreachable', `a proxy answers ${status} in its place`, {
      status,
    })
  }
  const what = head.mediaType === '' ? 'no media type' : head.mediaType
  throw new NodeAnswerError(
    asked,
    'not-a-node',
    `answers ${status} with ${what}, not ${mediaType}`,
    {
      status,
    },
  )
}

function readAnswer<T>(
  asked: Asked,
  path: string,
  { status, bytes }: { status: number; bytes: Uint8Array },
  schema: z.ZodType<T>,
): T {
  const value = parse(asked, status, bytes)
  // An unhealthy node tells its health with 503.
  const parsed = status < 400 || status === 503 ? schema.safeParse(value) : null
  if (parsed?.success === true) return parsed.data

  const refusal = refusalAnswer.safeParse(value)
  if (refusal.success) {
    const { code, message, hint } = refusal.data
    throw new NodeAnswerError(asked, 'refused', oneLine(message), {
      status,
      refusal: code,
      ...(hint === undefined ? hintOf(status) : { hint: oneLine(hint) }),
    })
  }
  if (status >= 400) {
    throw new NodeAnswerError(asked, 'refused', `answers ${status}`, { status, ...hintOf(status) })
  }
  const issue = parsed?.error.issues[0]
  const where = issue === undefined ? '' : `: ${[...issue.path, issue.message].join(': ')}`
  const problem = `its ${path.split('?')[0] ?? path} is not what a node says${where}`
  throw new NodeAnswerError(asked, 'not-a-node', problem, {
    status,
    hint: 'another version may run there, or another program: check the URL in nodes.yaml, then deploy again',
  })
}

function parse(asked: Asked, status: number, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    const problem = `answers ${status} with text that is not JSON`
    throw new NodeAnswerError(asked, 'not-a-node', problem, { status })
  }
}

function hintOf(status: number): { hint?: string } {
  if (status === 401 || status === 403) {
    return { hint: 'it knows another operator token: check the token’s file, then deploy again' }
  }
  return status === 429 ? { hint: 'it is asked too often: wait a minute, then try again' } : {}
}

/** What a node says ends up on a terminal: no control characters, and not much of it. */
const oneLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 300)
