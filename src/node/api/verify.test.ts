import { createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { canaryAnswer, receiptAnswer, verifyAnswer } from '../../wire/api.ts'
import { decodeAttestation } from '../../wire/attestation.ts'
import { WAIT_MS_MAX } from '../../wire/limits.ts'
import { paths } from '../../wire/protocol.ts'
import { verifySignature } from '../../wire/signature.ts'
import { UnavailableError } from '../service.ts'
import { tokens } from './lattice.fixture.ts'
import { bearer, serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const transfer = 'intent transfer { from: Alice, to: Bob, amount: 100 }'

const openNode = () => serve(new FakeNode({ AETHEL_SUBMIT: 'open' }))

test('the documents’ example changes the root', async () => {
  const { post, node } = await openNode()
  const before = node.merkleRoot
  const answer = await post(paths.verify, { code: transfer })
  expect(answer.status).toBe(200)
  const body = verifyAnswer.parse(await answer.json())
  expect(body).toMatchObject({
    success: true,
    status: 'PROVED',
    intents: [{ name: 'transfer', status: 'PROVED', receipt: { seq: 0, level: 'local' } }],
    errors: null,
  })
  expect(body.merkle_root).toBe(node.merkleRoot)
  expect(body.merkle_root).not.toBe(before)
  expect(Object.fromEntries(node.balances())).toEqual({ Alice: 900, Bob: 1100 })
})

test.each<[string, string, object]>([
  [
    'an overdraft',
    'intent transfer { from: Bob, to: Alice, amount: 5000 }',
    {
      success: false,
      status: 'FAILED',
      intents: [{ name: 'transfer', status: 'FAILED', receipt: null }],
      errors: [expect.stringContaining('Bob holds 1000, not 5000')],
    },
  ],
  [
    'one of two refused: what was accepted is said',
    `${transfer}\nintent transfer { from: Bob, to: Alice, amount: 5000 }`,
    {
      success: false,
      status: 'FAILED',
      message: '1 of 2 intents accepted and stored',
      intents: [
        { status: 'PROVED', receipt: { seq: 0 } },
        { status: 'FAILED', receipt: null },
      ],
      errors: [expect.stringContaining('5000')],
    },
  ],
  [
    'a refused one before an accepted one keeps receipts in place',
    `intent transfer { from: Bob, to: Alice, amount: 5000 }\n${transfer}`,
    {
      status: 'FAILED',
      intents: [
        { status: 'FAILED', receipt: null },
        { status: 'PROVED', receipt: { seq: 0 } },
      ],
    },
  ],
  [
    'no intent',
    'transfer Alice Bob 100',
    {
      success: false,
      status: 'PARSE_ERROR',
      intents: [],
      errors: [expect.stringMatching(/line 1, column 1: .*hint: write intent transfer/)],
    },
  ],
  [
    'a wrong field in the second line',
    'intent transfer {\n  from: Alice, sum: 3 }',
    {
      status: 'PARSE_ERROR',
      errors: [
        expect.stringMatching(
          /line 2, column 16: unknown field "sum" \(hint: transfer takes from, to, amount\)/,
        ),
      ],
    },
  ],
  ['nothing', '', { status: 'PARSE_ERROR', errors: [expect.stringContaining('no intent')] }],
  [
    'more text than an intent may have',
    `intent noop { } ${' '.repeat(5000)}`,
    { status: 'PARSE_ERROR', errors: [expect.stringContaining('at most 4096')] },
  ],
])('%s is an answer, not an HTTP error', async (_name, code, expected) => {
  const { post } = await openNode()
  const answer = await post(paths.verify, { code })
  expect(answer.status).toBe(200)
  expect(verifyAnswer.parse(await answer.json())).toMatchObject(expected)
})

test.each<[string, unknown, object]>([
  ['an empty object', {}, { type: 'missing', loc: ['body', 'code'], msg: 'Field required' }],
  ['no body', undefined, { type: 'missing', loc: ['body'] }],
  ['null', null, { type: 'missing', loc: ['body'] }],
  ['an array', [1], { type: 'missing', loc: ['body', 'code'] }],
  ['a number for a code', { code: 5 }, { type: 'string_type', loc: ['body', 'code'] }],
])('%s is the 422 that clients know', async (_name, body, detail) => {
  const { post } = await openNode()
  const answer = await post(paths.verify, body)
  expect(answer.status).toBe(422)
  expect(await answer.json()).toMatchObject({
    success: false,
    code: 'missing-code',
    detail: [detail],
    hint: expect.stringContaining('"code"'),
  })
})

test('a node that cannot accept answers ERROR, and tells no more of a failed store than it may', async () => {
  const { post, node, logged } = await openNode()
  const status = async (): Promise<unknown> =>
    verifyAnswer.parse(await (await post(paths.verify, { code: transfer })).json())
  node.refusalReason = 'the store is corrupt'
  expect(await status()).toMatchObject({ status: 'ERROR', message: 'the store is corrupt' })
  node.refusalReason = null
  node.submitError = new UnavailableError('stopping')
  expect(await status()).toMatchObject({ status: 'ERROR', message: 'stopping' })
  node.submitError = new Error('SQLITE_IOERR at /secret')
  const failed = await status()
  expect(failed).toMatchObject({
    success: false,
    status: 'ERROR',
    message: expect.stringContaining('not known'),
  })
  expect(JSON.stringify(failed)).not.toContain('secret')
  expect(JSON.stringify(logged)).toContain('SQLITE_IOERR')
})

test('an entry that a merge rejected while the caller waited is not PROVED', async () => {
  const { post, node } = await openNode()
  const receipt = node.receipt.bind(node)
  node.receipt = (author, seq) => {
    const held = receipt(author, seq)
    return held && { ...held, outcome: 'rejected', reason: 'overdraft after a merge' }
  }
  const answer = await post(`${paths.verify}?wait=local`, { code: transfer })
  expect(verifyAnswer.parse(await answer.json())).toMatchObject({
    success: false,
    status: 'FAILED',
    errors: [expect.stringContaining('overdraft after a merge')],
  })
})

test('a caller may wait for replicas', async () => {
  const { post, node } = await openNode()
  const waiting = post(`${paths.verify}?wait=replicated:2&timeout_ms=10000`, { code: transfer })
  await expect.poll(() => node.waits.length).toBe(1)
  expect(node.waits[0]).toMatchObject({
    level: { kind: 'replicated', replicas: 2 },
    timeoutMs: 10_000,
  })
  node.replicate(2)
  expect(verifyAnswer.parse(await (await waiting).json())).toMatchObject({
    status: 'PROVED',
    message: expect.stringContaining('replicated:2 reached'),
    intents: [{ receipt: { level: 'replicated', replicas: 2 } }],
  })
})

test('a level that is not reached in time leaves what was stored PROVED, and says so', async () => {
  const { post } = await openNode()
  const answer = await post(`${paths.verify}?wait=replicated:3&timeout_ms=20`, { code: transfer })
  expect(verifyAnswer.parse(await answer.json())).toMatchObject({
    status: 'PROVED',
    message: expect.stringContaining('replicated:3 not reached within 20 ms'),
    intents: [{ receipt: { level: 'local', replicas: 1 } }],
  })
})

test('a receipt can be waited for, before the entry is there too', async () => {
  const { get, post, node } = await openNode()
  const path = `${paths.receipt}/${node.author}/0`
  const waiting = get(`${path}?wait=local&timeout_ms=10000`)
  await expect.poll(() => node.waits.length).toBe(1)
  await post(paths.canary)
  node.replicate(1)
  expect(receiptAnswer.parse(await (await waiting).json())).toMatchObject({
    success: true,
    reached: true,
    receipt: { seq: 0 },
  })
  const missed = await get(`${paths.receipt}/${node.author}/7?wait=final&timeout_ms=10`)
  expect(receiptAnswer.parse(await missed.json())).toEqual({
    success: false,
    receipt: null,
    reached: false,
  })
})

test.each([
  ['?wait=forever', 'wait'],
  ['?wait=replicated:0', 'wait'],
  ['?wait=replicated:4', '3 nodes'],
  ['?wait=replicated:2x', 'wait'],
  ['?wait=local&wait=final', 'wait'],
  ['?wait=local&timeout_ms=0', 'timeout_ms'],
  [`?wait=local&timeout_ms=${WAIT_MS_MAX + 1}`, 'timeout_ms'],
  ['?wait=local&timeout_ms=1e3', 'timeout_ms'],
  ['?wait=local&timeout_ms=', 'timeout_ms'],
])('the wait %s is refused before anything is written', async (query, named) => {
  const { post, node } = await openNode()
  const answer = await post(paths.verify + query, { code: transfer })
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({
    success: false,
    code: 'bad-request',
    message: expect.stringContaining(named),
    hint: expect.stringContaining('replicated'),
  })
  expect(node.entryCount).toBe(0)
})

test('more waits than there are places are refused before anything is written', async () => {
  const node = new FakeNode({ AETHEL_SUBMIT: 'open' })
  const { post } = await serve(node, { limits: { waitersMax: 1 } })
  const path = `${paths.verify}?wait=replicated:2&timeout_ms=10000`
  const first = post(path, { code: transfer })
  await expect.poll(() => node.waits.length).toBe(1)
  const second = await post(path, { code: transfer })
  expect([second.status, await second.json()]).toMatchObject([503, { code: 'busy' }])
  expect(second.headers.get('retry-after')).toBe('1')
  expect(node.entryCount).toBe(1)
  node.replicate(2)
  expect((await first).status).toBe(200)
  expect((await post(path, { code: transfer })).status).toBe(200)
})

test.each(['nobody/0', 'AUTHOR/-1', 'AUTHOR/1.5', 'AUTHOR/x', 'AUTHOR/99999999999999999999'])(
  'the receipt %s is a bad request',
  async (entry) => {
    const { get, node } = await openNode()
    const answer = await get(`${paths.receipt}/${entry.replace('AUTHOR', node.author)}`)
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'bad-request' }])
  },
)

test('a canary is a no-op with a receipt', async () => {
  const { post, node } = await openNode()
  const answer = canaryAnswer.parse(await (await post(paths.canary)).json())
  expect(answer.receipt).toMatchObject({ author: node.author, seq: 0 })
  expect(Object.fromEntries(node.balances())).toEqual({ Alice: 1000, Bob: 1000 })
})

test('an attestation is signed over the caller’s nonce, with both clocks', async () => {
  const { post, node } = await serve()
  await node.submit([{ kind: 'noop', note: '' }])
  const nonce = 'ab'.repeat(16)
  const sentMs = Date.now()
  const answer = await post(paths.attest, { nonce, cut: { [node.author]: 1 } })
  const body = (await answer.json()) as { statement: string; signature: string }
  const { attestation, peerId } = decodeAttestation(
    Buffer.from(body.statement, 'base64'),
    Buffer.from(body.signature, 'base64'),
    verifySignature,
  )
  expect(peerId).toBe(node.identity.peerId)
  expect(attestation).toMatchObject({ nonce, root: node.merkleRoot, name: 'alpha' })
  expect(attestation.cut?.frontier).toEqual(new Map([[node.author, 1]]))
  expect(attestation.receivedMs).toBeGreaterThanOrEqual(sentMs)
  expect(attestation.sentMs).toBeGreaterThanOrEqual(attestation.receivedMs)
})

test.each<[string, object, number, string]>([
  ['a short nonce', { nonce: 'ab' }, 400, 'bad-request'],
  ['an unknown field', { nonce: 'ab'.repeat(16), more: 1 }, 400, 'bad-request'],
  ['an author that is none', { nonce: 'ab'.repeat(16), cut: { x: 1 } }, 400, 'bad-request'],
  ['a size of 0', { nonce: 'ab'.repeat(16), cut: { AUTHOR: 0 } }, 400, 'bad-request'],
  ['a cut beyond the node', { nonce: 'ab'.repeat(16), cut: { AUTHOR: 9 } }, 409, 'unknown-cut'],
])('%s is refused', async (_name, body, status, code) => {
  const { post, node } = await serve()
  const sent = JSON.parse(JSON.stringify(body).replace('AUTHOR', node.author)) as unknown
  const answer = await post(paths.attest, sent)
  expect([answer.status, await answer.json()]).toMatchObject([status, { success: false, code }])
})

test('the signature over the state verifies with the key in the peer id', async () => {
  const { get, node } = await serve()
  const state = (await (await get(paths.state)).json()) as Record<string, string>
  const publicKey = createPublicKey({
    format: 'jwk',
    key: {
      kty: 'OKP',
      crv: 'Ed25519',
      x: Buffer.from(node.author.slice(0, 64), 'hex').toString('base64url'),
    },
  })
  const bytes = Buffer.from(`${state['merkle_root']}:${state['timestamp']}`)
  expect(verify(null, bytes, publicKey, Buffer.from(state['signature'] ?? '', 'hex'))).toBe(true)
})

test('an issue by the operator is accepted', async () => {
  const { post, node } = await serve()
  const code = 'intent issue { to: Carol, amount: 5 }'
  const answer = await post(paths.verify, { code }, bearer(tokens.admin))
  expect(await answer.json()).toMatchObject({ status: 'PROVED', intents: [{ name: 'issue' }] })
  expect(node.balances().get('Carol')).toBe(5)
})
