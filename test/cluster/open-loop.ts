import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { verifyAnswer } from '../../src/wire/api.ts'

const ANSWER_MS_MAX = 60_000
const KEPT_CONNECTIONS_MAX = 32
/** Of each kind; a machine that is too slow for the rate gets fewer requests, not ever more at once. */
const UNDER_WAY_MAX = 64

const asked = [
  { method: 'GET', path: '/api/lattice/state', body: null },
  { method: 'POST', path: '/api/verify', body: JSON.stringify({ code: 'intent noop { }' }) },
] as const

export interface LoadReport {
  answered: number
  /** Entries whose acknowledgement came. */
  acknowledged: number
  /** Requests that got another answer than theirs, or none: what and how → how many. */
  failures: Record<string, number>
  /** Requests that were not made, since too many were under way. */
  skipped: number
  /** From when a request was due until its answer had come. */
  longestMs: number
  p50Ms: number
}

/**
 * Asks a node so often a second, whether or not it answers: over connections that are kept, and over a new
 * one for each request, reading and writing in turn. It never tries anything again.
 */
export class OpenLoop {
  readonly #hostname: string
  readonly #port: number
  readonly #everyMs: number
  readonly #startedMs = performance.now()
  readonly #agents: Record<'kept' | 'fresh', Agent>
  readonly #start: typeof request
  readonly #timer = setInterval(() => this.#ask(), 2)
  readonly #underWay = new Set<Promise<void>>()
  readonly #tookMs: number[] = []
  readonly #failures: Record<string, number> = {}
  #skipped = 0
  #asked = 0
  #acknowledged = 0

  /** @param ca certificate of the authority that an https origin has its own from */
  constructor(origin: string, perSecond: number, ca?: string) {
    const { hostname, port, protocol } = new URL(origin)
    const isTls = protocol === 'https:'
    const OfProtocol = isTls ? TlsAgent : Agent
    const trust = ca === undefined ? {} : { ca }
    this.#start = isTls ? tlsRequest : request
    this.#agents = {
      // In turn, so that none is left unused for long.
      kept: new OfProtocol({
        ...trust,
        keepAlive: true,
        maxSockets: KEPT_CONNECTIONS_MAX,
        scheduling: 'fifo',
      }),
      fresh: new OfProtocol({ ...trust, keepAlive: false }),
    }
    this.#hostname = hostname
    this.#port = Number(port || (isTls ? 443 : 80))
    this.#everyMs = 1000 / perSecond
  }

  /** Resolves when the last request has ended. */
  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer)
    await Promise.all(this.#underWay)
    for (const agent of Object.values(this.#agents)) agent.destroy()
    const sorted = this.#tookMs.toSorted((a, b) => a - b)
    return {
      answered: sorted.length,
      acknowledged: this.#acknowledged,
      failures: this.#failures,
      skipped: this.#skipped,
      longestMs: sorted.at(-1) ?? 0,
      p50Ms: sorted[Math.floor(sorted.length / 2)] ?? 0,
    }
  }

  #ask(): void {
    const dueCount = Math.floor((performance.now() - this.#startedMs) / this.#everyMs)
    for (; this.#asked < dueCount; this.#asked += 1) {
      const dueMs = this.#startedMs + this.#asked * this.#everyMs
      const { method, path, body } = asked[this.#asked % 2 === 0 ? 0 : 1]
      if (this.#underWay.size >= 2 * UNDER_WAY_MAX) {
        this.#skipped += 2
        continue
      }
      for (const kind of ['kept', 'fresh'] as const) {
        const done = this.#counted(
          this.#request(kind, method, path, body, dueMs),
          `${kind} ${method}`,
        )
        this.#underWay.add(done)
        void this.#forgetAfter(done)
      }
    }
  }

  async #counted(asking: Promise<void>, what: string): Promise<void> {
    try {
      await asking
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      const why = `${what}: ${code ?? message}`
      this.#failures[why] = (this.#failures[why] ?? 0) + 1
    }
  }

  async #forgetAfter(done: Promise<void>): Promise<void> {
    await done
    this.#underWay.delete(done)
  }

  async #request(
    kind: 'kept' | 'fresh',
    method: string,
    path: string,
    body: string | null,
    dueMs: number,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const asking = this.#start(
      {
        host: this.#hostname,
        port: this.#port,
        method,
        path,
        agent: this.#agents[kind],
        headers: body === null ? {} : { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      },
      (answer) => {
        if (answer.statusCode === 200) text(answer).then(resolve, reject)
        else reject(new Error(`status ${answer.statusCode}`))
      },
    )
    asking.once('error', reject)
    asking.end(body ?? undefined)
    const answer: unknown = JSON.parse(await promise)
    if (method === 'POST') {
      if (!verifyAnswer.parse(answer).success) throw new Error('not accepted')
      this.#acknowledged += 1
    }
    this.#tookMs.push(performance.now() - dueMs)
  }
}
