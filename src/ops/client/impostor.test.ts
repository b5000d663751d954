import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { JSON_ANSWER_BYTES_MAX } from '../../wire/limits.ts'
import { paths } from '../../wire/protocol.ts'
import { fakeLatticeId } from './fakes/fake-lattice.ts'
import { FakeNode, sendJson } from './fakes/fake-node.ts'
import { keyOf } from './fakes/fake-replica.ts'
import { NodeAnswerError, type NodeAnswerCode } from './node-answer-error.ts'
import { NodeClient } from './node-client.ts'

const NAME = 'node1'
const never = new AbortController().signal

let node: FakeNode
let client: NodeClient

const clientOf = (url: string): NodeClient =>
  new NodeClient({
    name: NAME,
    url,
    peerId: keyOf(NAME).peerId,
    lattice: fakeLatticeId,
    token: null,
  })

beforeEach(async () => {
  node = new FakeNode(NAME, fakeLatticeId)
  await node.listen()
  client = clientOf(node.url)
})

afterEach(async () => {
  await client.close()
  await node.close()
})

const failureOf = async (asking: Promise<unknown>): Promise<NodeAnswerError> => {
  const outcome = await asking.then(
    () => null,
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(NodeAnswerError)
  return outcome as NodeAnswerError
}

const pullAll = async (): Promise<void> => {
  for await (const frame of client.pull(new Map(), never)) expect(frame).toBeDefined()
}

// Whatever answers in a node's place, the client must say so and must not hang, swell or follow.
const answers: [string, (node: FakeNode) => void, NodeAnswerCode][] = [
  [
    'a page of HTML with 200',
    (at) =>
      at.instead.set('*', (_request, response) =>
        response.setHeader('content-type', 'text/html').end('<h1>Welcome to nginx!</h1>'),
      ),
    'not-a-node',
  ],
  [
    'HTML that claims to be JSON',
    (at) =>
      at.instead.set('*', (_request, response) =>
        response.setHeader('content-type', 'application/json').end('<h1>hello</h1>'),
      ),
    'not-a-node',
  ],
  [
    'JSON of another program',
    (at) => at.instead.set('*', (_request, response) => sendJson(response, 200, { ok: true })),
    'not-a-node',
  ],
  [
    'no media type',
    (at) => at.instead.set('*', (_request, response) => response.end('{"success":true}')),
    'not-a-node',
  ],
  [
    'a redirect',
    (at) =>
      at.instead.set('*', (_request, response) =>
        response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end(),
      ),
    'not-a-node',
  ],
  [
    'a proxy without its node',
    (at) =>
      at.instead.set('*', (_request, response) =>
        response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>502</h1>'),
      ),
    'unreachable',
  ],
  [
    'a body without an end',
    (at) =>
      at.instead.set('*', (_request, response) => {
        response.setHeader('content-type', 'application/json')
        const more = (): void =>
          void response.write(' '.repeat(256 * 1024), () => setImmediate(more))
        response.on('close', () => response.destroy())
        more()
      }),
    'too-large',
  ],
  [
    'a large body with its length',
    (at) =>
      at.instead.set('*', (_request, response) =>
        sendJson(response, 200, { success: true, filling: 'x'.repeat(JSON_ANSWER_BYTES_MAX) }),
      ),
    'too-large',
  ],
  [
    'a small body that inflates to a large one',
    (at) =>
      at.instead.set('*', (_request, response) =>
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '))),
      ),
    'too-large',
  ],
  [
    'a broken gzip body',
    (at) =>
      at.instead.set('*', (_request, response) =>
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end('not gzip at all'),
      ),
    'not-a-node',
  ],
  [
    'an encoding that nobody asked for',
    (at) =>
      at.instead.set('*', (_request, response) =>
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'br' })
          .end('x'),
      ),
    'not-a-node',
  ],
  [
    'a connection that breaks in the middle',
    (at) =>
      at.instead.set('*', (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
        response.write('{"succ', () => response.destroy())
      }),
    'unreachable',
  ],
]
it.each(answers)('%s', async (_what, arrange, code) => {
  arrange(node)
  for (const ask of [
    async () => client.attest({}, never),
    async () => client.health(never),
    async () => pullAll(),
  ]) {
    const error = await failureOf(ask())
    expect(['not-a-node', code]).toContain(error.code)
    expect(error.hint).toBeTruthy()
  }
  expect((await failureOf(client.health(never))).code).toBe(code)
})

it('does not follow a redirect', async () => {
  node.instead.set(paths.health, (_request, response) =>
    response.writeHead(307, { location: paths.livez }).end(),
  )
  await failureOf(client.health(never))
  expect(node.requests.map(({ line }) => line)).toEqual([`GET ${paths.health}`])
})

it('reads an honest gzip answer', async () => {
  node.instead.set(paths.health, (_request, response) =>
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(gzipSync(JSON.stringify(node.health()))),
  )
  expect((await client.health(never)).node.name).toBe(NAME)
})

it('nothing that listens', async () => {
  await node.close()
  const error = await failureOf(client.attest({}, never))
  expect(error).toMatchObject({ code: 'unreachable', exit: 'unreachable', node: NAME })
  expect(error.message).toContain('nothing listens')
})

it('a name that does not exist, and a URL that is none', async () => {
  for (const url of ['http://no-such-host.invalid', 'nonsense']) {
    const other = clientOf(url)
    expect((await failureOf(other.health(never))).code).toBe('unreachable')
    await other.close()
  }
})
