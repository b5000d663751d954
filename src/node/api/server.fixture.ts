import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { afterEach } from 'vitest'
import { signCall } from '../../wire/caller.ts'
import { createApi, type Api, type ApiOptions } from './index.ts'
import { keyOf, peerOf } from './lattice.fixture.ts'
import { FakeNode } from './service.fixture.ts'

/** An API on a real port of this machine, closed after the test. */
export interface Served {
  api: Api
  node: FakeNode
  url: string
  port: number
  /** The lines that the API logged. */
  logged: Record<string, unknown>[]
  get: (path: string, init?: RequestInit) => Promise<Response>
  post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>
}

const open = new Set<Api>()
afterEach(async () => {
  await Promise.all([...open].map(async (api) => api.close()))
  open.clear()
})

export async function serve(
  node: FakeNode = new FakeNode(),
  options: Partial<ApiOptions> = {},
): Promise<Served> {
  const logged: Served['logged'] = []
  const log = pino({}, { write: (line) => void logged.push(JSON.parse(line)) })
  const api = createApi(node, { pageDir: null, log, ...options })
  open.add(api)
  const { port } = await api.listen('127.0.0.1', 0)
  const url = `http://127.0.0.1:${port}`
  const get = async (path: string, init?: RequestInit): Promise<Response> => fetch(url + path, init)
  return {
    api,
    node,
    url,
    port,
    logged,
    get,
    post: async (path, body, headers = {}) =>
      get(path, {
        method: 'POST',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      }),
  }
}

export const bearer = (token: string): { authorization: string } => ({
  authorization: `Bearer ${token}`,
})

let nonces = 0
/** A member's signed call, as a header's text; each is good once. */
export function callOf(
  node: FakeNode,
  { as = 'beta', to = peerOf('alpha'), agoMs = 0 } = {},
): string {
  nonces += 1
  const nonce = nonces.toString(16).padStart(16, '0')
  const { latticeId } = node.identity
  const call = { lattice: latticeId, to, wallMs: Date.now() - agoMs, nonce }
  return signCall(call, peerOf('beta'), keyOf(as).sign)
}

/** Bytes as they are over a socket of their own; resolves with all that came back until it closed. */
export async function sendRaw(
  port: number,
  bytes: string | Buffer,
): Promise<{ status: number; head: string; body: string }> {
  const socket = await dial(port)
  socket.write(bytes)
  const answer = await text(socket)
  return parseAnswer(answer)
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

function parseAnswer(answer: string): { status: number; head: string; body: string } {
  const [head = '', ...rest] = answer.split('\r\n\r\n')
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), head, body: rest.join('') }
}
