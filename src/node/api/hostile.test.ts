import { gzipSync } from 'node:zlib'
import { setTimeout as sleep } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { refusalAnswer } from '../../wire/api.ts'
import { JSON_BODY_BYTES_MAX, SYNC_REQUEST_BYTES_MAX } from '../../wire/limits.ts'
import { paths, SYNC_MEDIA_TYPE } from '../../wire/protocol.ts'
import { tokens } from './lattice.fixture.ts'
import { bearer, dial, sendRaw, serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const post = (
  body: NonNullable<RequestInit['body']>,
  headers: Record<string, string> = JSON_TYPE,
): RequestInit => ({
  method: 'POST',
  body,
  headers,
})
const withControl = (body: object): RequestInit =>
  post(JSON.stringify(body), { ...JSON_TYPE, ...bearer(tokens.control) })

const openNode = () => serve(new FakeNode({ AETHEL_SUBMIT: 'open' }))

/** Still there, and nothing came of it. */
async function isUnharmed({ get, node }: Served): Promise<void> {
  expect((await get(paths.livez)).status).toBe(200)
  expect(node.entryCount).toBe(0)
}

const noise = fc.sample(fc.uint8Array({ minLength: 200, maxLength: 200 }), { seed: 7, numRuns: 1 })
const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024))

test.each<[string, string, RequestInit, number, string]>([
  ['an unknown path', '/api/nothing', {}, 404, 'no-such-path'],
  ['a path above the root', '/../../etc/passwd', {}, 404, 'no-such-path'],
  ['an encoded path above the root', '/%2e%2e/%2e%2e%2fetc/passwd', {}, 404, 'no-such-path'],
  ['a null byte in the path', '/page%00.js', {}, 404, 'no-such-path'],
  ['a path that is not UTF-8', '/api/lattice/receipts/%ff%fe/0', {}, 400, 'bad-url'],
  ['half a percent sign', '/api/%', {}, 400, 'bad-url'],
  ['a long path', `/${'a'.repeat(8000)}`, {}, 404, 'no-such-path'],
  ['a long part', `${paths.receipt}/${'a'.repeat(8000)}/0`, {}, 414, 'bad-url'],
  ['GET for POST', paths.verify, {}, 405, 'wrong-method'],
  ['POST for GET', paths.health, { method: 'POST' }, 405, 'wrong-method'],
  ['PUT', paths.fault, { method: 'PUT' }, 405, 'wrong-method'],
  ['PATCH on nothing', '/x', { method: 'PATCH' }, 404, 'no-such-path'],
  ['DELETE of the page', '/', { method: 'DELETE' }, 405, 'wrong-method'],
  ['half a JSON', paths.verify, post('{"code": "intent'), 400, 'bad-json'],
  ['binary noise', paths.verify, post(Buffer.from(noise[0] ?? [])), 400, 'bad-json'],
  ['deep nesting', paths.verify, post('['.repeat(60_000)), 400, 'bad-json'],
  ['__proto__', paths.verify, post('{"__proto__": {"code": "x"}}'), 400, 'bad-json'],
  ['constructor', paths.verify, post('{"constructor": {"prototype": 1}}'), 400, 'bad-json'],
  ['a form', paths.verify, post(new URLSearchParams({ code: 'x' }), {}), 415, 'wrong-media-type'],
  ['text', paths.verify, post('{"code":"x"}', {}), 415, 'wrong-media-type'],
  [
    'text that says it is nothing known',
    paths.verify,
    post('x', { 'content-type': 'junk;;;=' }),
    415,
    'wrong-media-type',
  ],
  [
    'a file',
    paths.verify,
    post(new Blob(['x'], { type: 'application/octet-stream' }), {}),
    415,
    'wrong-media-type',
  ],
  ['JSON where sync is', paths.sync, post('{}'), 415, 'wrong-media-type'],
  ['nothing where sync is', paths.sync, { method: 'POST' }, 415, 'wrong-media-type'],
  [
    'noise where sync is',
    paths.sync,
    post(Buffer.from(noise[0] ?? []), { 'content-type': SYNC_MEDIA_TYPE }),
    400,
    'malformed',
  ],
  [
    'a large sync request',
    paths.sync,
    post(Buffer.alloc(SYNC_REQUEST_BYTES_MAX + 1), { 'content-type': SYNC_MEDIA_TYPE }),
    413,
    'body-too-large',
  ],
  [
    'one byte too many',
    paths.verify,
    post(`{"code":"${'x'.repeat(JSON_BODY_BYTES_MAX - 10)}"}`),
    413,
    'body-too-large',
  ],
  [
    'a gzip bomb',
    paths.verify,
    post(bomb, { ...JSON_TYPE, 'content-encoding': 'gzip' }),
    415,
    'content-encoding',
  ],
  [
    'a bomb of several kinds',
    paths.sync,
    post(bomb, { 'content-type': SYNC_MEDIA_TYPE, 'content-encoding': 'br, gzip' }),
    415,
    'content-encoding',
  ],
  [
    'a probe of oneself',
    paths.probe,
    withControl({ peer: 'alpha', transport: 'p2p' }),
    404,
    'unknown-peer',
  ],
  [
    'a probe of a URL',
    paths.probe,
    withControl({ peer: 'http://169.254.169.254', transport: 'http' }),
    404,
    'unknown-peer',
  ],
  [
    'a probe over UDP',
    paths.probe,
    withControl({ peer: 'beta', transport: 'udp' }),
    400,
    'bad-request',
  ],
  [
    'a probe that says more',
    paths.probe,
    withControl({ peer: 'beta', transport: 'p2p', url: 'x' }),
    400,
    'bad-request',
  ],
  [
    'an endless fault',
    paths.fault,
    withControl({ kind: 'p2p-stop', for_ms: 300_001 }),
    400,
    'bad-request',
  ],
  ['an unknown fault', paths.fault, withControl({ kind: 'rm-rf', for_ms: 1 }), 400, 'bad-request'],
  ['too many events', `${paths.events}?limit=1001`, {}, 400, 'bad-request'],
  ['events since junk', `${paths.events}?since=abc`, {}, 400, 'bad-request'],
])('%s', async (_name, path, init, status, code) => {
  const served = await openNode()
  const answer = await served.get(path, init)
  const body = refusalAnswer.parse(await answer.json())
  expect([answer.status, body.code]).toEqual([status, code])
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(JSON.stringify(body)).not.toMatch(/node_modules|\.ts:|at \w+ \(/)
  expect(answer.headers.has('allow')).toBe(status === 405)
  await isUnharmed(served)
  // Nobody is to be told of a fault of ours where there was none.
  expect(served.logged.filter((line) => Number(line['level']) >= 50)).toEqual([])
})

test('an unknown mode is the 200 that clients know, and switches nothing', async () => {
  const { get, node } = await serve()
  for (const query of [
    '?mode=fast',
    '?mode=p2p&mode=http',
    '?mode=',
    '?mode=http&revert_after_ms=0',
  ]) {
    const answer = await get(paths.switch + query, {
      method: 'POST',
      headers: bearer(tokens.control),
    })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ success: false, mode: 'P2P', policy: 'auto' })
  }
  expect(node.policy).toBe('auto')
})

test.each([
  [{ AETHEL_P2P_ENABLED: 'false' }, 'p2p', 'AETHEL_P2P_ENABLED'],
  [{ AETHEL_LATTICE_NODES: '' }, 'http', 'AETHEL_LATTICE_NODES'],
])(
  'with %j a switch to %s would leave no sync, and is not made',
  async (overrides, mode, named) => {
    const { post: send, node } = await serve(new FakeNode(overrides))
    const answer = await send(`${paths.switch}?mode=${mode}`, undefined, bearer(tokens.control))
    expect(await answer.json()).toMatchObject({
      success: false,
      message: expect.stringContaining(named),
    })
    expect(node.policy).toBe('auto')
  },
)

test('the largest body that is allowed is taken', async () => {
  const { get } = await openNode()
  const frame = JSON.stringify({ code: '' })
  const body = JSON.stringify({ code: 'x'.repeat(JSON_BODY_BYTES_MAX - frame.length) })
  expect(Buffer.byteLength(body)).toBe(JSON_BODY_BYTES_MAX)
  const answer = await get(paths.verify, post(body))
  expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'PARSE_ERROR' }])
})

test.each<[string, string, number, string]>([
  ['not HTTP at all', '\x16\x03\x01 hello\r\n\r\n', 400, 'bad-http'],
  ['a request line of junk', 'GET\r\n\r\n', 400, 'bad-http'],
  [
    'headers too large',
    `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers-too-large',
  ],
  ['no Host', 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'no-host'],
  [
    'two lengths',
    'POST /api/verify HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx',
    400,
    'bad-http',
  ],
  [
    'a length and chunks',
    'POST /api/verify HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'bad-http',
  ],
  [
    'a bad chunk',
    'POST /api/verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    400,
    'bad-http',
  ],
  [
    'a path above the root',
    'GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    404,
    'no-such-path',
  ],
  [
    'a whole URL for a path',
    'GET http://evil.test/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    404,
    'no-such-path',
  ],
  ['a space in the path', 'GET /a b HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'bad-http'],
  [
    'half a percent sign',
    'GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    400,
    'bad-url',
  ],
])('on the wire: %s', async (_name, bytes, status, code) => {
  const served = await openNode()
  const answer = await sendRaw(served.port, bytes)
  expect(answer.status).toBe(status)
  expect(refusalAnswer.parse(JSON.parse(answer.body)).code).toBe(code)
  await isUnharmed(served)
})

test('a body much too large is answered, however it is announced', async () => {
  const served = await openNode()
  const size = 32 * 1024 * 1024
  const announced = await dial(served.port)
  announced.write(
    `POST /api/verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${size}\r\n\r\n`,
  )
  expect(await text(announced)).toMatch(/^HTTP\/1\.1 413[\s\S]*body-too-large/)
  const socket = await dial(served.port)
  socket.write(
    'POST /api/verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
  )
  const chunk = `${(16 * 1024).toString(16)}\r\n${'x'.repeat(16 * 1024)}\r\n`
  for (let sent = 0; sent <= JSON_BODY_BYTES_MAX; sent += 16 * 1024) socket.write(chunk)
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 413[\s\S]*body-too-large/)
  await isUnharmed(served)
})

const slowLimits = { headersTimeoutMs: 150, requestTimeoutMs: 400, timeoutCheckMs: 50 }

test.each([
  ['headers', 'GET / HTTP/1.1\r\nhost: x\r\n', 'x-slow: 1\r\n'],
  [
    'a body',
    'POST /api/verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n',
    ' ',
  ],
])('a client that drips %s is cut off', async (_name, start, drip) => {
  const node = new FakeNode({ AETHEL_SUBMIT: 'open' })
  const served = await serve(node, { limits: slowLimits })
  const socket = await dial(served.port)
  socket.write(start)
  const timer = setInterval(() => socket.write(drip), 30)
  const answer = await text(socket)
  clearInterval(timer)
  expect(answer).toMatch(/^HTTP\/1\.1 408[\s\S]*request-timeout/)
  await isUnharmed(served)
})

test('connections beyond the limit are closed, and the others go on', async () => {
  const served = await serve(new FakeNode(), { limits: { connectionsMax: 5 } })
  const held = await Promise.all(Array.from({ length: 4 }, async () => dial(served.port)))
  const [fifth, sixth] = [await dial(served.port), await dial(served.port)]
  expect(await text(sixth)).toBe('')
  fifth.write('GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  expect(await text(fifth)).toContain('alive')
  for (const socket of held) socket.destroy()
  await expect.poll(async () => (await served.get(paths.livez)).status).toBe(200)
})

test('an unforeseen error is a 500 that says nothing, and a log line that does', async () => {
  const node = new FakeNode()
  node.health = () => {
    throw new Error('secret detail in /home/operator')
  }
  const { get, logged } = await serve(node)
  for (const path of [paths.health, paths.readyz, paths.network, paths.metrics, '/health']) {
    const answer = await get(path)
    const body = await answer.text()
    expect([answer.status, body]).toEqual([500, expect.stringContaining('"internal"')])
    expect(body).not.toMatch(/secret|operator|stack/)
  }
  expect(logged.length).toBe(5)
  expect(JSON.stringify(logged[0])).toContain('secret detail')
})

const noisyPaths = Object.values(paths).filter((path) => path !== paths.canary)

test('whatever bytes come, the node answers the next request', { timeout: 30_000 }, async () => {
  const served = await openNode()
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((raw) => Buffer.from(raw)),
    fc
      .tuple(
        fc.constantFrom('GET', 'POST', 'PUT', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'HEAD'),
        // A canary is no noise: on an open node it is an entry that anyone may write.
        fc.constantFrom(...noisyPaths, '/', '*', '//', '/page.js'),
        fc.string({ maxLength: 30, unit: 'binary-ascii' }),
        fc.string({ maxLength: 80 }),
      )
      .map(([method, path, header, body]) =>
        Buffer.from(
          `${method} ${path} HTTP/1.1\r\nhost: x\r\nx: ${header}\r\ncontent-type: application/json\r\n` +
            `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        ),
      ),
  )
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      const socket = await dial(served.port)
      socket.resume()
      socket.end(sent)
      await sleep(1)
      socket.destroy()
    }),
    { numRuns: 300 },
  )
  await isUnharmed(served)
})
