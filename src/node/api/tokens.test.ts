import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { paths, tokenScopes, type TokenScope } from '../../wire/protocol.ts'
import { settingsOf, sha256, tokens } from './lattice.fixture.ts'
import { bearer, serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'
import { FailedAttempts, scopeOf } from './tokens.ts'

type Call = readonly [method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown]

const transfer: Call = [
  'POST',
  paths.verify,
  { code: 'intent transfer { from: Alice, to: Bob, amount: 1 }' },
]
const noop: Call = ['POST', paths.verify, { code: 'intent noop { }' }]
const issue: Call = ['POST', paths.verify, { code: 'intent issue { to: Bob, amount: 1 }' }]
const mixed: Call = [
  'POST',
  paths.verify,
  { code: 'intent noop { } intent issue { to: Bob, amount: 1 }' },
]
const canary: Call = ['POST', paths.canary]
const control: readonly Call[] = [
  ['POST', `${paths.switch}?mode=http`],
  ['POST', paths.probe, { peer: 'beta', transport: 'http' }],
  ['POST', paths.fault, { kind: 'p2p-stop', for_ms: 100 }],
  ['GET', paths.fault],
  ['DELETE', paths.fault],
]

/** How many entries each call makes when it is let through. */
const entriesOf = new Map<Call, number>([
  [transfer, 1],
  [noop, 1],
  [issue, 1],
  [mixed, 2],
  [canary, 1],
])

/** What each call needs, by what AETHEL_SUBMIT says. */
const needed: readonly (readonly [Call, whenToken: TokenScope, whenOpen: TokenScope | null])[] = [
  [transfer, 'submit', null],
  [noop, 'submit', null],
  [canary, 'submit', null],
  [issue, 'admin', 'admin'],
  [mixed, 'admin', 'admin'],
  ...control.map((call) => [call, 'control', 'control'] as const),
]

const cases = needed.flatMap(([call, whenToken, whenOpen]) =>
  ([null, ...tokenScopes] as const).flatMap((held) => [
    { call, submit: 'token', held, scope: whenToken },
    { call, submit: 'open', held, scope: whenOpen },
  ]),
)
const rank = (scope: TokenScope | null): number =>
  scope === null ? -1 : tokenScopes.indexOf(scope)

const bearerHint = expect.stringContaining('authorization: Bearer') as string

/** The answer to a token of scope `held` where `scope` is needed. */
function expectedOf(held: TokenScope | null, scope: TokenScope | null): [number, object] {
  if (rank(held) >= rank(scope)) return [200, { success: true }]
  const named = expect.stringContaining(String(scope))
  return held === null
    ? [
        401,
        {
          success: false,
          code: 'token-required',
          message: named,
          hint: bearerHint,
        },
      ]
    : [403, { success: false, code: 'scope-required', message: named, hint: named }]
}

const send = async (
  served: Awaited<ReturnType<typeof serve>>,
  [method, path, body]: Call,
  headers: Record<string, string>,
): Promise<[number, Record<string, unknown>]> => {
  const answer = await served.get(path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return [answer.status, (await answer.json()) as Record<string, unknown>]
}

describe('who may do what', () => {
  test.each(cases)(
    '$call.0 $call.1 $call.2 with submit=$submit, holding $held, needs $scope',
    async ({ call, submit, held, scope }) => {
      const served = await serve(new FakeNode({ AETHEL_SUBMIT: submit }))
      const headers = held === null ? {} : bearer(tokens[held])
      const [status, body] = await send(served, call, headers)
      expect([status, body]).toMatchObject(expectedOf(held, scope))
      expect(served.node.entryCount).toBe(status === 200 ? (entriesOf.get(call) ?? 0) : 0)
    },
  )

  test.each([
    ['another token', 'Bearer nobody'],
    ['the hash instead of the token', `Bearer ${sha256(tokens.admin)}`],
    ['Basic', `Basic ${Buffer.from(`admin:${tokens.admin}`).toString('base64')}`],
    ['no token', 'Bearer '],
    ['two tokens', `Bearer ${tokens.admin} ${tokens.admin}`],
    ['a token too long to be one', `Bearer ${'x'.repeat(5000)}`],
  ])('%s is 401', async (_name, authorization) => {
    const served = await serve()
    const [status, body] = await send(served, transfer, { authorization })
    expect([status, body]).toMatchObject([401, { code: 'token-unknown' }])
    expect(served.node.entryCount).toBe(0)
  })

  test('a token in a cookie or the query is no token', async () => {
    const served = await serve()
    const [status] = await send(
      served,
      ['POST', `${paths.switch}?token=${tokens.admin}&access_token=${tokens.admin}`],
      { cookie: `token=${tokens.admin}` },
    )
    expect(status).toBe(401)
  })

  test('a node without tokens says what to set', async () => {
    const served = await serve(new FakeNode({ AETHEL_TOKENS: '' }))
    const [status, body] = await send(served, transfer, {})
    expect([status, body]).toMatchObject([401, { hint: expect.stringContaining('AETHEL_TOKENS') }])
  })

  test('no answer and no log holds a token', async () => {
    const served = await serve()
    for (const call of [transfer, issue, ...control]) {
      for (const token of [tokens.control, 'nobody-knows-this']) {
        const [, body] = await send(served, call, bearer(token))
        expect(JSON.stringify(body)).not.toContain(token)
      }
    }
    expect(JSON.stringify(served.logged)).not.toMatch(/token-control|nobody-knows-this/)
    expect(served.logged.map((line) => line['msg'])).toContain('[CONTROL] switch to http')
  })
})

describe('guessing', () => {
  test('an address with too many unknown tokens is blocked, by a proxy’s word too', async () => {
    const served = await serve(new FakeNode(), { limits: { tokenFailuresMax: 3 } })
    const from = async (address: string, token: string): Promise<number> => {
      const headers = { ...bearer(token), 'x-forwarded-for': address }
      return (await send(served, transfer, headers))[0]
    }
    const guesses = []
    for (let guess = 0; guess < 4; guess++) guesses.push(await from('203.0.113.9', `no-${guess}`))
    expect(guesses).toEqual([401, 401, 401, 429])
    expect(await from('203.0.113.9', tokens.submit)).toBe(429)
    expect(await from('203.0.113.10', tokens.submit)).toBe(200)
    // What the client put there itself stands left of what the proxy saw.
    expect(await from('203.0.113.10, 203.0.113.9', tokens.submit)).toBe(429)

    const [status, body] = await send(served, transfer, {
      ...bearer(tokens.submit),
      'x-forwarded-for': '203.0.113.9',
    })
    expect([status, body]).toMatchObject([429, { code: 'too-many-attempts' }])
    expect(await send(served, transfer, { 'x-forwarded-for': '203.0.113.9' })).toMatchObject([
      401,
      { code: 'token-required' },
    ])
  })

  test('the window ends, and the oldest addresses are forgotten first', () => {
    let nowMs = 0
    const limits = { tokenFailuresMax: 2, tokenFailureWindowMs: 1000, tokenAddressesMax: 2 }
    const failures = new FailedAttempts(limits, () => nowMs)
    failures.add('a')
    expect(failures.blockedForMs('a')).toBe(0)
    nowMs = 400
    failures.add('a')
    expect(failures.blockedForMs('a')).toBe(600)
    nowMs = 1000
    expect(failures.blockedForMs('a')).toBe(0)
    failures.add('a')
    expect(failures.blockedForMs('a')).toBe(0)
    failures.add('a')
    failures.add('b')
    expect(failures.blockedForMs('a')).toBe(1000)
    failures.add('c')
    expect(failures.blockedForMs('a')).toBe(0)
  })
})

test('a token has the widest scope that it is stored with, and nothing else has any', () => {
  const stored = settingsOf().tokens
  for (const scope of tokenScopes) expect(scopeOf(stored, tokens[scope])).toBe(scope)
  const both = (['submit', 'admin', 'control'] as const).map((scope) => ({
    scope,
    sha256: sha256('x'),
  }))
  expect(scopeOf(both, 'x')).toBe('admin')
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!Object.values(tokens).includes(text))
      return scopeOf(stored, text) === null
    }),
  )
})
