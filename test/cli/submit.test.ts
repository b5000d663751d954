/** What `submit` makes of a node's answers: an intent is sent once, and an open outcome is no "no". */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FakeReplica } from '../../src/ops/client/fakes/fake-replica.ts'
import { desiredLattice } from '../../src/ops/desired/lattice.ts'
import { readInventory } from '../../src/ops/inventory/read.ts'
import { paths } from '../../src/wire/protocol.ts'
import { builtCli, type BuiltCli } from './built-cli.ts'

let cli: BuiltCli
let cwd: string
let server: Server
let replica: FakeReplica
let isReady: boolean
let isItself: boolean
let answer: (response: ServerResponse) => void
let requests: string[]

beforeAll(async () => {
  cli = await builtCli()
  cwd = mkdtempSync(join(tmpdir(), 'aethel-submit-'))
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (request.url === paths.attest) {
      void json(request).then((question) => attest(response, question as { nonce: string }))
    } else if (request.url === '/readyz') send(response, isReady ? 200 : 503, {})
    else answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  writeFileSync(
    join(cwd, 'nodes.yaml'),
    `lattice: { name: one, genesis: { Alice: 10 } }
nodes:
  - { name: only, kind: server, role: primary, url: "http://127.0.0.1:${port}", ssh: { user: ann } }
`,
  )
  await cli.run(['keys'], { cwd })
  // The key that the fake signs with is made from its name.
  writeFileSync(join(cwd, 'keys/only.key'), createHash('sha256').update('only').digest('hex'))
  const inventory = await readInventory(join(cwd, 'nodes.yaml'))
  replica = new FakeReplica('only', '')
  const peerIds = new Map([['only', replica.key.peerId]])
  replica = new FakeReplica('only', desiredLattice(inventory, 'full', peerIds, []).id)
})
afterAll(() => {
  server.close()
  cli.remove()
  rmSync(cwd, { recursive: true })
})
beforeEach(() => {
  requests = []
  isReady = true
  isItself = true
})
afterEach(() => server.closeAllConnections())

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function attest(response: ServerResponse, { nonce }: { nonce: string }): void {
  const signed = replica.attest(isItself ? nonce : '00'.repeat(16), null, Date.now())
  send(response, 200, {
    success: true,
    statement: Buffer.from(signed.bytes).toString('base64'),
    signature: Buffer.from(signed.signature).toString('base64'),
  })
}

const receipt = {
  author: 'a',
  seq: 3,
  id: 'ab'.repeat(32),
  level: 'local',
  replicas: 1,
  outcome: 'applied',
  provisional: true,
  reason: null,
  via: 'local',
  age_ms: 1,
}
const proved = {
  success: true,
  status: 'PROVED',
  message: '1 of 1 intents accepted',
  intents: [{ name: 'noop', status: 'PROVED', message: 'stored as entry 3', receipt }],
  errors: null,
  merkle_root: 'cd'.repeat(32),
}

const submit = async (intent: string, ...options: string[]) => {
  const { code, out } = await cli.run(['submit', intent, ...options, '--json'], { cwd })
  const document: {
    error?: { code: string; message: string; hint: string | null }
    reached?: boolean
    status?: string
  } = JSON.parse(out)
  return {
    code,
    document,
    sent: requests.filter((line) => line.startsWith('POST /api/verify')).length,
  }
}
const NOOP = 'intent noop { note: "x" }'

describe('an intent', () => {
  it('that was proved, and is where it was asked to be, is done', async () => {
    answer = (response) => send(response, 200, proved)
    const result = await submit(NOOP)
    expect(result).toMatchObject({
      code: 0,
      sent: 1,
      document: { status: 'PROVED', reached: true },
    })
    expect(requests.at(-1)).toMatch(/^POST \/api\/verify\?wait=local&timeout_ms=\d+$/)
  })

  it('that was proved, but is not yet where it was asked to be, is open', async () => {
    answer = (response) => send(response, 200, proved)
    const result = await submit(NOOP, '--wait', 'final')
    expect(result).toMatchObject({ code: 2, sent: 1, document: { reached: false } })
  })

  it('that is final is everywhere', async () => {
    const final = { ...receipt, level: 'final' }
    const intents = [{ ...proved.intents[0], receipt: final }]
    answer = (response) => send(response, 200, { ...proved, intents })
    expect(await submit(NOOP, '--wait', 'final')).toMatchObject({ code: 0 })
  })

  it('that was refused has failed', async () => {
    const intents = [{ name: 'noop', status: 'FAILED', message: 'overdraft', receipt: null }]
    answer = (response) =>
      send(response, 200, { ...proved, success: false, status: 'FAILED', intents })
    expect(await submit(NOOP)).toMatchObject({ code: 1, sent: 1, document: { status: 'FAILED' } })
  })

  it('that a failing store swallowed is open', async () => {
    const message = 'the store failed; whether anything was written is not known'
    const intents = [{ name: 'noop', status: 'ERROR', message, receipt: null }]
    answer = (response) =>
      send(response, 200, { ...proved, success: false, status: 'ERROR', message, intents })
    expect(await submit(NOOP)).toMatchObject({
      code: 2,
      sent: 1,
      document: { status: 'ERROR', reached: false },
    })
  })

  it('that needs a token has failed, and says what the node said', async () => {
    const refusal = {
      success: false,
      code: 'unauthorized',
      message: 'a token is needed',
      hint: 'h',
    }
    answer = (response) => send(response, 401, refusal)
    const { code, document } = await submit(NOOP)
    expect(code).toBe(1)
    expect(document.error?.message).toContain('a token is needed')
  })

  it('whose answer was lost is open, and is not sent again', async () => {
    answer = (response) => response.destroy()
    const { code, document, sent } = await submit(NOOP)
    expect({ code, sent }).toEqual({ code: 2, sent: 1 })
    expect(document.error).toMatchObject({ code: 'outcome-unknown' })
    expect(document.error?.hint).toContain('it may have been written')
  })
})

describe('nothing is sent', () => {
  beforeEach(() => {
    answer = (response) => send(response, 500, {})
  })

  it('to a node that is not ready', async () => {
    isReady = false
    const result = await submit(NOOP)
    expect(result).toMatchObject({
      code: 69,
      sent: 0,
      document: { error: { code: 'no-node-ready' } },
    })
  })

  it('to a node that has not proven who it is', async () => {
    isItself = false
    expect(await submit(NOOP)).toMatchObject({ code: 69, sent: 0 })
  })

  it('that is no intent', async () => {
    const result = await submit('intent transfer { from: Alice }')
    expect(result).toMatchObject({ code: 65, document: { error: { code: 'bad-intent' } } })
    expect(requests).toEqual([])
  })

  it('that waits for more nodes than there are', async () => {
    const result = await submit(NOOP, '--wait', 'replicated:2')
    expect(result).toMatchObject({ code: 65, document: { error: { code: 'bad-wait' } } })
    expect(requests).toEqual([])
  })

  it('to a node that there is not', async () => {
    const result = await submit(NOOP, '--node', 'other')
    expect(result).toMatchObject({ code: 64, document: { error: { hint: 'nodes: only' } } })
    expect(requests).toEqual([])
  })

  it('in a dry run', async () => {
    expect(await submit(NOOP, '--dry-run')).toMatchObject({ code: 0, sent: 0 })
  })
})
