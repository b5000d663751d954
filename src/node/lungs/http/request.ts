import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { REFUSAL_BYTES_MAX } from './limits.ts'

export interface Question {
  method: 'GET' | 'POST'
  headers: Readonly<Record<string, string>>
  body?: Uint8Array
  /** Milliseconds without a byte after which the exchange is given up, connecting included. */
  silenceMsMax: number
  signal: AbortSignal
}

/** Keeps connections open between exchanges; `keepAlive: false` makes each one fresh. */
export class HttpClient {
  readonly #http: HttpAgent & { keepAlive?: boolean }
  readonly #https: HttpsAgent & { keepAlive?: boolean }

  constructor({ keepAlive }: { keepAlive: boolean }) {
    const options = { keepAlive, maxFreeSockets: 4, scheduling: 'lifo' as const }
    this.#http = new HttpAgent(options)
    this.#https = new HttpsAgent(options)
  }

  /** From now on. Connections that are idle are ended when they are not to be kept. */
  keepAlive(isWanted: boolean): void {
    for (const agent of [this.#http, this.#https]) {
      agent.keepAlive = isWanted
      if (isWanted) continue
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy()
    }
  }

  /** Sends a question and resolves with the answer's head; its body is yet to be read. Follows no redirect. */
  ask(
    url: string,
    { method, headers, body, silenceMsMax, signal }: Question,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const isTls = url.startsWith('https:')
      const options = { method, headers, signal, timeout: silenceMsMax }
      const outgoing = isTls
        ? httpsRequest(url, { ...options, agent: this.#https })
        : httpRequest(url, { ...options, agent: this.#http })
      outgoing.on('timeout', () => outgoing.destroy(new Error(`silent for ${silenceMsMax} ms`)))
      outgoing.on('error', reject)
      outgoing.on('response', (answer) => {
        // Without a listener, an answer that is cut off after this point would end the process.
        answer.on('error', () => undefined)
        resolve(answer)
      })
      outgoing.end(body)
    })
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

/** The whole body as text. Throws when it is larger than `bytesMax`. */
export async function textOf(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer) {
    size += (chunk as Buffer).length
    if (size > bytesMax) throw new Error(`answered more than ${bytesMax} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Why a peer did not answer as asked, in one line: its own words where it gave some. */
export async function refusalOf(answer: IncomingMessage): Promise<Error> {
  const status = `answered ${answer.statusCode ?? 0} ${answer.headers['content-type'] ?? ''}`.trim()
  try {
    const { message } = JSON.parse(await textOf(answer, REFUSAL_BYTES_MAX)) as { message?: unknown }
    return new Error(typeof message === 'string' ? `${status}: ${message}` : status)
  } catch {
    return new Error(status)
  } finally {
    answer.destroy()
  }
}
