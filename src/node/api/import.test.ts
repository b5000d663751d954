import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { NO_PREVIOUS, signEntry, type SignedEntry } from '../../wire/entry.ts'
import { importAnswer } from '../../wire/ledger-api.ts'
import { FRAME_BYTES_MAX } from '../../wire/limits.ts'
import { FRAMES_MEDIA_TYPE, paths } from '../../wire/protocol.ts'
import { encodeFrame, prefixed } from '../../wire/sync.ts'
import { keyOf, tokens } from './lattice.fixture.ts'
import { bearer, serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const headers = { 'content-type': FRAMES_MEDIA_TYPE, ...bearer(tokens.admin) }

function entriesOf(node: FakeNode, count: number): SignedEntry[] {
  const entries: SignedEntry[] = []
  for (let seq = 0; seq < count; seq += 1) {
    const prev = entries.at(-1)?.id ?? NO_PREVIOUS
    const intent = { kind: 'noop' as const, note: `${seq}` }
    const { author, identity } = node
    const entry = { lattice: identity.latticeId, author, seq, prev, hlc: seq + 1, intent }
    entries.push(signEntry(entry, keyOf('alpha').sign))
  }
  return entries
}

const frame = (entries: SignedEntry[]): Uint8Array =>
  prefixed(encodeFrame({ kind: 'entries', entries }))

const send = async ({ get }: Served, bytes: Uint8Array, with_ = headers): Promise<Response> =>
  get(paths.import, { method: 'POST', headers: with_, body: Buffer.from(bytes) })

/** A whole backup: an answer, and a second one. */
function backupOf(node: FakeNode, entries: SignedEntry[]): Uint8Array {
  const checkpoint = prefixed(encodeFrame({ kind: 'checkpoint', checkpoint: node.checkpoint() }))
  const end = prefixed(encodeFrame({ kind: 'end', entryCount: 2 }))
  const parts = [entries.slice(0, 2), entries.slice(2)]
  const answers = parts.flatMap((part) => [checkpoint, frame(part), end])
  return Buffer.concat([...answers, checkpoint])
}

test('frames are taken, and what became of them is counted', async () => {
  const served = await serve()
  const { node } = served
  const bytes = backupOf(node, entriesOf(node, 5))
  const counted = importAnswer.parse(await (await send(served, bytes)).json())
  expect(counted).toEqual({
    success: true,
    entries: 5,
    new: 5,
    held: 0,
    left_out: 0,
    refused: 0,
    reason: null,
  })
  expect(node.ledger.imported.map((entries) => entries.length)).toEqual([2, 3])
  const again = importAnswer.parse(await (await send(served, bytes)).json())
  expect(again).toMatchObject({ success: true, new: 0, held: 5 })
})

test('what the core refuses is told, with the first reason', async () => {
  const served = await serve()
  served.node.ledger.refuses = ({ entry }) => entry.seq >= 3
  const answer = await send(served, frame(entriesOf(served.node, 5)))
  expect([answer.status, importAnswer.parse(await answer.json())]).toMatchObject([
    200,
    { success: false, new: 3, refused: 2, reason: { seq: 3, code: 'broken-chain' } },
  ])
})

test.each<[string, Record<string, string>, number, string]>([
  ['without a token', { 'content-type': FRAMES_MEDIA_TYPE }, 401, 'token-required'],
  ['with less than admin', { ...headers, ...bearer(tokens.control) }, 403, 'scope-required'],
  ['as JSON', { ...headers, 'content-type': 'application/json' }, 415, 'wrong-media-type'],
])('%s nothing is taken', async (_name, with_, status, code) => {
  const served = await serve()
  const answer = await send(served, Buffer.from('{}'), with_ as typeof headers)
  expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
  expect(served.node.ledger.imported).toEqual([])
})

const tooLong = Buffer.alloc(8)
tooLong.writeUInt32BE(FRAME_BYTES_MAX + 1)

test.each<[string, (whole: Uint8Array) => Uint8Array, number, string]>([
  ['cut off', (whole) => whole.subarray(0, whole.length - 1), 400, 'truncated'],
  ['junk', () => Buffer.from([0, 0, 0, 1, 0xff]), 400, 'malformed'],
  ['a frame too long', () => tooLong, 413, 'too-large'],
])('%s is refused, after the frames before it', async (_name, change, status, code) => {
  const served = await serve()
  const entries = entriesOf(served.node, 4)
  const bytes = Buffer.concat([frame(entries.slice(0, 2)), change(frame(entries.slice(2)))])
  const answer = await send(served, bytes)
  expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
  expect(served.node.entryCount).toBe(2)
})

test('a body is read no faster than it is written down', async () => {
  const served = await serve()
  const { node } = served
  const gate = Promise.withResolvers<void>()
  node.ledger.importGate = gate.promise
  const one = frame(entriesOf(node, 1))
  const asked = request(`${served.url}${paths.import}`, { method: 'POST', headers })
  const answered = once(asked, 'response')
  let sentBytes = 0
  const total = 24 * 1024 * 1024
  // Far more than sockets and streams hold between the two of us.
  const block = Buffer.concat(Array.from({ length: 400 }, () => one))
  while (sentBytes < total && asked.write(block)) sentBytes += block.length
  await expect.poll(() => asked.writableNeedDrain).toBe(true)
  expect(sentBytes).toBeLessThan(total)
  gate.resolve()
  await once(asked, 'drain')
  asked.end()
  const [response] = await answered
  expect(importAnswer.parse(JSON.parse(await text(response)))).toMatchObject({
    success: true,
    new: 1,
  })
})

test('more imports than places are refused', async () => {
  const served = await serve(new FakeNode(), { limits: { importsMax: 1 } })
  const gate = Promise.withResolvers<void>()
  served.node.ledger.importGate = gate.promise
  const bytes = frame(entriesOf(served.node, 1))
  const first = send(served, bytes)
  await expect.poll(() => served.node.ledger.imported.length).toBe(1)
  expect((await send(served, bytes)).status).toBe(503)
  gate.resolve()
  expect((await first).status).toBe(200)
})
