import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import type { Inventory, ServerSpec } from '../inventory/inventory.ts'
import { OperatorError } from '../errors.ts'
import { ConnectionLostError, SshError, type Step } from '../ssh/errors.ts'
import type { SshSession } from '../ssh/session.ts'
import { examine } from './examine.ts'
import type { ServerEvidence, SpaceEvidence } from './evidence.ts'
import { serverEvidence, spaceSpec } from './evidence.fixture.ts'
import { localSession } from './local-session.fixture.ts'

const { signal } = new AbortController()
let server: Server | undefined
afterEach(() => server?.close())

async function serverSpec(): Promise<ServerSpec> {
  server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome to nginx!</h1>')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return { ...serverEvidence().spec, url, host: '127.0.0.1', httpPort: port, root: '/no/such/root' }
}

const inventoryOf = (...nodes: Inventory['nodes']): Inventory => ({
  path: '/nowhere/nodes.yaml',
  lattice: {
    name: 'one',
    topic: 'one',
    genesis: new Map(),
    submit: 'open',
    isP2pEnabled: true,
    syncPolicy: 'auto',
    heartbeatMs: 5000,
    httpPollMs: 10_000,
    peerlessTimeoutMs: 2000,
    corsOrigins: [],
    ca: null,
  },
  nodes,
  local: { httpPort: 1, p2pPort: 2, submit: 'open', genesis: new Map() },
})

async function examined(connect: () => Promise<SshSession>): Promise<ServerEvidence> {
  const spec = await serverSpec()
  const evidence = await examine({
    inventory: inventoryOf(spec),
    phase: 'full',
    chosen: [spec.name],
    peerIds: new Map([[spec.name, '12D3KooW']]),
    nodeVersion: '26.10.0',
    connect,
    signal,
  })
  return evidence.nodes[0] as ServerEvidence
}

it('a host that can be logged in to is read, and left', async () => {
  let closed = 0
  const session = localSession('/bin/sh')
  const found = await examined(async () => ({
    ...session,
    close: async () => {
      closed += 1
    },
  }))
  expect(found.login).toEqual({ kind: 'done', place: 'this machine' })
  expect(found.host).toMatchObject({
    kind: 'read',
    facts: { isWhole: true, place: { path: '/' } },
  })
  expect(closed).toBe(1)
})

it('a page that says 200 is no node', async () => {
  const { answer } = await examined(async () => localSession('/bin/sh'))
  expect(answer).toMatchObject({
    kind: 'failed',
    code: 'not-a-node',
    status: 200,
    message: 'answers 200 with text/html, not application/json',
  })
})

it('a connection that breaks while it is read leaves the host unread', async () => {
  const { login, host } = await examined(async () => ({
    ...localSession('/bin/sh'),
    exec: async () => {
      throw new ConnectionLostError('ann@host:22', 'ECONNRESET')
    },
  }))
  expect(login.kind).toBe('done')
  expect(host).toEqual({
    kind: 'unread',
    why: expect.stringContaining('the connection is lost'),
  })
})

it.each<[step: Step, hop: number, code: string, at: string]>([
  ['dial', 1, 'host-not-found', 'dns'],
  ['dial', 1, 'connection-refused', 'route'],
  ['handshake', 1, 'x', 'ssh'],
  ['host-key', 1, 'host-key-mismatch', 'host-key'],
  ['login', 1, 'login-refused', 'authentication'],
  ['login', 0, 'login-refused', 'route'],
])('a login that fails in step %s of hop %d (%s) ended at %s', async (step, hop, code, at) => {
  const place = { host: 'ann@host:22', hop, hops: 1, target: 'node2' }
  const { login, host } = await examined(async () => {
    throw new SshError(code, place, step, 'it broke', { hint: 'mend it' })
  })
  expect(login).toMatchObject({ kind: 'failed', at, isDialled: true, hint: 'mend it' })
  expect(host.kind).toBe('unread')
})

it('a key that cannot be had fails before anybody is dialled', async () => {
  const { login } = await examined(async () => {
    throw new OperatorError('no-secret', 'file:id cannot be opened', { hint: 'check the path' })
  })
  expect(login).toMatchObject({ kind: 'failed', at: 'ssh', isDialled: false })
})

it('a defect is no finding', async () => {
  await expect(
    examined(async () => {
      throw new TypeError('oops')
    }),
  ).rejects.toThrow('oops')
})

it('a Space’s token is looked for, and not shown', async () => {
  process.env['AETHEL_TEST_TOKEN'] = 'hf_secret'
  const url = 'https://no-such-name.invalid'
  const space = { ...spaceSpec, url, token: { kind: 'env', name: 'AETHEL_TEST_TOKEN' } } as const
  const absent = { ...space, name: 'other', token: { kind: 'env', name: 'AETHEL_NONE' } } as const
  const evidence = await examine({
    inventory: inventoryOf(space, absent),
    phase: 'full',
    chosen: ['space', 'other'],
    peerIds: new Map(),
    nodeVersion: '26.10.0',
    connect: async () => localSession('/bin/sh'),
    signal,
  })
  delete process.env['AETHEL_TEST_TOKEN']
  const [first, second] = evidence.nodes as SpaceEvidence[]
  expect(first?.token).toBe(null)
  expect(second?.token).toMatchObject({ problem: 'env:AETHEL_NONE is not set' })
  expect(first?.lookups).toMatchObject([{ result: 'absent' }])
  expect(first?.tls).toMatchObject({ kind: 'unseen', why: 'absent' })
  expect(JSON.stringify(evidence)).not.toContain('hf_secret')
})
