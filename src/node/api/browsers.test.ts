import { expect, test } from 'vitest'
import { paths } from '../../wire/protocol.ts'
import { isAllowedOrigin } from './browsers.ts'
import { settingsOf, tokens } from './lattice.fixture.ts'
import { bearer, sendRaw, serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const settings = settingsOf({ AETHEL_CORS_ORIGINS: 'https://board.example.test' })

test.each<[string, string | undefined, boolean]>([
  ['https://alpha.example.test', 'alpha.example.test', true],
  ['https://alpha.example.test', '10.0.0.7:7860', true],
  ['https://board.example.test', 'alpha.example.test', true],
  ['https://beta.example.test', 'alpha.example.test', false],
  ['https://evil.test', 'alpha.example.test', false],
  // Rebinding: the attacker's name points here, so Origin and Host agree.
  ['http://evil.test:7860', 'evil.test:7860', false],
  ['http://127.0.0.1:7860', '127.0.0.1:7860', true],
  ['http://localhost:7860', 'localhost:7860', true],
  ['http://[::1]:7860', '[::1]:7860', true],
  ['http://127.0.0.1:7861', '127.0.0.1:7860', false],
  ['http://localhost.evil.test', 'localhost.evil.test', false],
  ['http://127.0.0.1:7860', undefined, false],
  ['http://127.0.0.1:7860/', '127.0.0.1:7860', false],
  ['null', '127.0.0.1:7860', false],
  ['', '127.0.0.1:7860', false],
  ['junk', 'junk', false],
])('pages of %j at host %j may act: %s', (origin, host, isAllowed) => {
  expect(isAllowedOrigin(origin, host, settings)).toBe(isAllowed)
})

const writes = [
  ['POST', paths.verify],
  ['POST', paths.canary],
  ['POST', `${paths.switch}?mode=http`],
  ['POST', paths.probe],
  ['POST', paths.fault],
  ['DELETE', paths.fault],
] as const

test.each(writes)('%s %s of a foreign page is refused, with a token too', async (method, path) => {
  const { get, node } = await serve(new FakeNode({ AETHEL_SUBMIT: 'open' }))
  const answer = await get(path, {
    method,
    headers: {
      origin: 'https://evil.test',
      'content-type': 'application/json',
      ...bearer(tokens.admin),
    },
    ...(method === 'POST' ? { body: JSON.stringify({ code: 'intent noop { }' }) } : {}),
  })
  expect([answer.status, await answer.json()]).toMatchObject([
    403,
    { success: false, code: 'foreign-origin', hint: expect.stringContaining('CORS_ORIGINS') },
  ])
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  expect([node.entryCount, node.policy]).toEqual([0, 'auto'])
})

test('the node’s own page may act', async () => {
  const { post, url } = await serve(new FakeNode({ AETHEL_SUBMIT: 'open' }))
  const answer = await post(paths.verify, { code: 'intent noop { }' }, { origin: url })
  expect(await answer.json()).toMatchObject({ status: 'PROVED' })
})

test('a program, which has no Origin, may act', async () => {
  const { port } = await serve(new FakeNode({ AETHEL_SUBMIT: 'open' }))
  const answer = await sendRaw(
    port,
    `POST ${paths.canary} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
  )
  expect(answer.status).toBe(200)
})

test('CORS is for the configured origins only', async () => {
  const board = 'https://board.example.test'
  const { get } = await serve(new FakeNode({ AETHEL_CORS_ORIGINS: board }))
  const read = async (origin: string): Promise<Headers> =>
    (await get(paths.health, { headers: { origin } })).headers
  expect((await read(board)).get('access-control-allow-origin')).toBe(board)
  expect((await read('https://evil.test')).get('access-control-allow-origin')).toBeNull()
  expect((await read(board)).get('vary')).toContain('origin')

  const preflight = async (origin: string): Promise<Response> =>
    get(paths.verify, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
  const allowed = await preflight(board)
  expect(allowed.status).toBe(204)
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    'access-control-allow-origin': board,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'authorization, content-type',
  })
  const refused = await preflight('https://evil.test')
  expect(refused.status).toBe(403)
  expect(refused.headers.get('access-control-allow-origin')).toBeNull()
})

test('without configured origins nobody gets CORS, and OPTIONS says what a path takes', async () => {
  const { get } = await serve()
  const answer = await get(paths.fault, { method: 'OPTIONS' })
  expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'GET, POST, DELETE'])
  expect((await get('/nothing', { method: 'OPTIONS' })).status).toBe(404)
  const read = await get(paths.health, { headers: { origin: 'https://evil.test' } })
  expect(read.headers.get('access-control-allow-origin')).toBeNull()
})

test('every kind of answer has the headers that tell a browser to do nothing with it', async () => {
  const { get, url } = await serve()
  const stream = new AbortController()
  const answers = [
    await get(paths.health),
    await get('/nothing'),
    await get('/%'),
    await get(paths.verify, { method: 'POST' }),
    await get(paths.metrics),
    await get(paths.changes, { signal: stream.signal }),
    await get(paths.canary, { method: 'POST', headers: { origin: `${url}0` } }),
  ]
  for (const answer of answers) {
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': expect.stringContaining('no-store'),
    })
    expect(answer.headers.get('x-powered-by')).toBeNull()
    expect(answer.headers.get('server')).toBeNull()
  }
  stream.abort()
})
