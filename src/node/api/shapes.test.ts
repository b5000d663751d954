import { expect, test } from 'vitest'
import * as z from 'zod'
import * as wire from '../../wire/api.ts'
import { paths } from '../../wire/protocol.ts'
import { tokens } from './lattice.fixture.ts'
import { bearer, serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const success = z.object({ success: z.literal(true) })
const root = z.string().regex(/^[0-9a-f]{64}$/)

/** What the predecessor's clients read where no program of ours does, so that `wire` has no schema. */
const compat = {
  root: z.object({
    name: z.string(),
    version: z.string(),
    release: z.string(),
    status: z.literal('operational'),
    features: z.array(z.string()).min(1),
    endpoints: z.record(z.string(), z.string()),
  }),
  alive: z.strictObject({ status: z.literal('healthy') }),
  status: success.extend({
    production: z.boolean(),
    safe_mode: z.boolean(),
    violations: z.array(z.string()),
    cors_origins: z.array(z.string()),
    p2p: z.strictObject({ enabled: z.boolean(), started: z.boolean(), peer_count: z.number() }),
  }),
  nodes: success.extend({ nodes: z.array(z.url()).length(2), count: z.literal(2) }),
  identity: success.extend({
    peer_id: z.string().startsWith('12D3KooW'),
    listen_addrs: z.array(z.string()),
  }),
  root_only: success.extend({
    merkle_root: root,
    total_accounts: z.literal(2),
    message: z.string(),
  }),
  ready: success.extend({ status: z.literal('ready'), reasons: z.array(z.string()).length(0) }),
}

/** Keys that an answer has but its schema does not name. */
const added: Record<string, readonly string[]> = {
  '/': ['node'],
  '/api/status': ['submit'],
  '/api/lattice/nodes': ['members'],
  '/api/lattice/p2p/identity': ['name'],
  [paths.livez]: ['status'],
}

test.each<[string, z.ZodType]>([
  ['/', compat.root],
  ['/health', compat.alive],
  ['/api/status', compat.status],
  ['/api/lattice/nodes', compat.nodes],
  ['/api/lattice/p2p/identity', compat.identity],
  ['/api/persistence/merkle-root', compat.root_only],
  [paths.livez, success],
  [paths.readyz, compat.ready],
  [paths.health, wire.healthAnswer],
  [paths.network, wire.networkAnswer],
  [paths.state, wire.stateAnswer],
  [paths.p2pStatus, wire.p2pStatusAnswer],
  [paths.integrity, wire.integrityAnswer],
  [paths.events, wire.eventsAnswer],
  [`${paths.events}?since=1&limit=1`, wire.eventsAnswer],
  [`${paths.receipt}/AUTHOR/0`, wire.receiptAnswer],
  [`${paths.receipt}/AUTHOR/0?wait=local`, wire.receiptAnswer],
  [`${paths.receipt}/AUTHOR/99`, wire.receiptAnswer],
])('GET %s', async (path, schema) => {
  const { get, node } = await serve()
  await node.submit([{ kind: 'noop', note: '' }])
  const answer = await get(path.replace('AUTHOR', node.author))
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
  const body = (await answer.json()) as object
  const parsed = schema.parse(body) as object
  expect(Object.keys(body).filter((name) => !Object.hasOwn(parsed, name))).toEqual(
    added[path] ?? [],
  )
})

test.each<[string, string, unknown, z.ZodType]>([
  ['POST', paths.verify, { code: 'intent noop { }' }, wire.verifyAnswer],
  ['POST', paths.attest, { nonce: '0'.repeat(32) }, wire.attestAnswer],
  ['POST', paths.canary, undefined, wire.canaryAnswer],
  ['POST', `${paths.canary}?wait=local`, undefined, wire.canaryAnswer],
  ['POST', `${paths.switch}?mode=http`, undefined, wire.switchAnswer],
  ['POST', paths.switch, undefined, wire.switchAnswer],
  ['POST', paths.probe, { peer: 'beta', transport: 'http' }, wire.probeAnswer],
  ['POST', paths.fault, { kind: 'p2p-stop', for_ms: 1000 }, wire.faultAnswer],
  ['GET', paths.fault, undefined, wire.faultAnswer],
  ['DELETE', paths.fault, undefined, wire.faultAnswer],
])('%s %s', async (method, path, body, schema) => {
  const { get } = await serve()
  const answer = await get(path, {
    method,
    headers: { ...bearer(tokens.admin), 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  expect(answer.status).toBe(200)
  expect(schema.parse(await answer.json())).toHaveProperty('success', true)
})

test('a node that cannot accept says so at every path', async () => {
  const node = new FakeNode()
  node.refusalReason = 'the store is corrupt'
  node.overall = 'unhealthy'
  const { get, post } = await serve(node)
  const at = async (path: string): Promise<[number, Record<string, unknown>]> => {
    const answer = await get(path)
    return [answer.status, (await answer.json()) as Record<string, unknown>]
  }
  expect(await at('/')).toMatchObject([200, { status: 'unavailable' }])
  expect(await at('/health')).toEqual([503, { status: 'unhealthy' }])
  expect(await at(paths.livez)).toMatchObject([200, { status: 'alive' }])
  expect(await at(paths.readyz)).toMatchObject([
    503,
    { success: false, status: 'not ready', reasons: ['the store is corrupt'] },
  ])
  expect(await at(paths.health)).toMatchObject([503, { overall: 'unhealthy' }])
  expect(await at(paths.state)).toMatchObject([
    200,
    { success: false, merkle_root: null, signed: false },
  ])
  expect(await at('/api/persistence/merkle-root')).toMatchObject([
    200,
    { success: false, merkle_root: null, message: 'the store is corrupt' },
  ])
  expect(await at('/api/status')).toMatchObject([
    200,
    { safe_mode: true, violations: ['the store is corrupt'] },
  ])
  expect(await at(paths.network)).toMatchObject([200, { state: 'degraded', verdict: 'FAIL' }])
  expect(await at(paths.changes)).toMatchObject([503, { success: false, code: 'unavailable' }])
  const attested = await post(paths.attest, { nonce: '0'.repeat(32) })
  expect([attested.status, await attested.json()]).toMatchObject([503, { code: 'unavailable' }])
  const canary = await post(paths.canary, undefined, bearer(tokens.submit))
  expect([canary.status, await canary.json()]).toMatchObject([503, { code: 'unavailable' }])
})

test('a node is ready while its peers are down, and is not when no transport runs', async () => {
  const node = new FakeNode()
  node.peerTransports = {}
  const alone = await serve(node)
  expect((await alone.get(paths.readyz)).status).toBe(200)

  const health = node.health()
  const off = { status: 'off', message: 'off', since_ms: 0 } as const
  node.health = () => ({
    ...health,
    components: { ...health.components, p2p: off, http_sync: off },
  })
  const answer = await alone.get(paths.readyz)
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ reasons: [expect.stringContaining('no transport')] })
})

test('the state is signed as the predecessor signed it', async () => {
  const { get, node } = await serve()
  const state = wire.stateAnswer.parse(await (await get(paths.state)).json())
  expect(state).toMatchObject({
    merkle_root: node.merkleRoot,
    state: { Alice: 1000, Bob: 1000 },
    state_size: 2,
    total: 2000,
    signed: true,
  })
  expect(Math.abs((state.timestamp ?? 0) - Date.now() / 1000)).toBeLessThan(5)
  expect(state.signature).toBe(node.signState(node.merkleRoot ?? '', state.timestamp ?? 0))
  expect(state.signature).toMatch(/^[0-9a-f]{128}$/)
})

test('the newest events are the last of all', async () => {
  const { get } = await serve()
  const newest = wire.eventsAnswer.parse(await (await get(`${paths.events}?last=2`)).json())
  expect(newest.events.map((event) => event.seq)).toEqual([2, 3])
  expect(newest.next).toBe(3)
  expect((await get(`${paths.events}?last=0`)).status).toBe(400)
})

test('events go on from `next`', async () => {
  const { get } = await serve()
  const from = async (query: string) =>
    wire.eventsAnswer.parse(await (await get(paths.events + query)).json())
  const first = await from('?limit=2')
  expect(first.events.map((event) => event.seq)).toEqual([1, 2])
  const second = await from(`?since=${first.next}`)
  expect(second.events.map((event) => event.seq)).toEqual([3])
  expect(await from(`?since=${second.next}`)).toMatchObject({ events: [], next: 3 })
})

test('a check of the store is shared, and its age is told', async () => {
  const { get, node } = await serve()
  const gate = Promise.withResolvers<void>()
  node.storeGate = gate.promise
  const check = async (): Promise<Record<string, unknown>> =>
    (await (await get(paths.integrity)).json()) as Record<string, unknown>
  const answers = Array.from({ length: 20 }, check)
  await expect.poll(() => node.storeChecks).toBeGreaterThan(0)
  await get(paths.livez)
  gate.resolve()
  expect((await Promise.all(answers)).every((answer) => answer['status'] === 'VALID')).toBe(true)
  expect(Number((await check())['age_ms'])).toBeGreaterThanOrEqual(0)
  expect(node.storeChecks).toBe(1)
})

test('a store that cannot be read is ERROR, without the reason that only the log may hold', async () => {
  const { get, node, logged } = await serve(new FakeNode(), { limits: { integrityReuseMs: 0 } })
  node.storeError = new Error('/secret/path: EIO')
  const answer = wire.integrityAnswer.parse(await (await get(paths.integrity)).json())
  expect(answer).toMatchObject({ success: false, is_valid: false, status: 'ERROR' })
  expect(JSON.stringify(answer)).not.toContain('secret')
  expect(JSON.stringify(logged)).toContain('/secret/path')
  node.storeError = null
  expect(await (await get(paths.integrity)).json()).toMatchObject({ status: 'VALID' })
})

test('HTTP only by configuration is neither unready nor unhealthy', async () => {
  const node = new FakeNode({ AETHEL_P2P_ENABLED: 'false' })
  node.active = 'HTTP'
  node.peerTransports = { beta: 'HTTP', gamma: 'HTTP' }
  const { get } = await serve(node)
  expect((await get(paths.readyz)).status).toBe(200)
  expect(await (await get(paths.network)).json()).toMatchObject({
    state: 'resilient-http',
    verdict: 'PASS',
  })
  expect(await (await get(paths.p2pStatus)).json()).toMatchObject({
    enabled: false,
    started: false,
    http_sync_enabled: true,
    sync_mode: 'HTTP',
  })
})
