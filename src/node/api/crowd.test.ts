/** However many strangers come, members and operators find a place. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { CALLER_HEADER, parseCall, signCall } from '../../wire/caller.ts'
import { EMPTY_FRONTIER } from '../../wire/frontier.ts'
import { CALLER_AGE_MS_MAX } from '../../wire/limits.ts'
import { paths, SYNC_MEDIA_TYPE } from '../../wire/protocol.ts'
import { NO_SEALS } from '../../wire/seal.ts'
import { verifySignature } from '../../wire/signature.ts'
import { encodeSyncRequest, readFrames } from '../../wire/sync.ts'
import { networkOf, type Caller } from './callers.ts'
import { keyOf, peerOf, tokens } from './lattice.fixture.ts'
import { Refusal } from './refusal.ts'
import { bearer, callOf, dial, serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'
import { SharedSlots } from './slots.ts'

const stranger = (number: number): Caller => ({
  name: `10.0.${number >> 8}.${number & 255}`,
  isProven: false,
})
const beta: Caller = { name: 'beta', isProven: true }
const isTaken = (slots: SharedSlots, caller: Caller): boolean => {
  try {
    slots.take(caller)
    return true
  } catch (error) {
    if (error instanceof Refusal) return false
    throw error
  }
}

test('of 10,000 strangers some get a place, and a quarter of the places is left', () => {
  const slots = new SharedSlots('answers', 32, 8)
  const crowd = Array.from({ length: 10_000 }, (_, number) => stranger(number))
  expect(crowd.filter((one) => isTaken(slots, one))).toHaveLength(24)
  const members = Array.from({ length: 20 }, () => isTaken(slots, beta))
  expect(members.filter(Boolean)).toHaveLength(8)
})

test('one caller gets its own part, and gives it back', () => {
  const slots = new SharedSlots('answers', 32, 3)
  const releases = [1, 2, 3].map(() => slots.take(stranger(1)))
  expect(isTaken(slots, stranger(1))).toBe(false)
  expect(isTaken(slots, stranger(2))).toBe(true)
  releases[0]?.()
  releases[0]?.()
  expect([isTaken(slots, stranger(1)), isTaken(slots, stranger(1))]).toEqual([true, false])
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('%s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

const bodyOf = (node: FakeNode): Uint8Array =>
  encodeSyncRequest({
    lattice: node.identity.latticeId,
    frontier: EMPTY_FRONTIER,
    seals: NO_SEALS,
    // Everybody can fetch a member's checkpoint, so showing one proves nothing.
    checkpoint: node.checkpoint(),
  })

/** A stranger that asks and does not read. Its proxy says where it comes from. */
async function linger({ port, node }: Served, number: number, path: string): Promise<Socket> {
  const socket = await dial(port)
  const body = path === paths.sync ? bodyOf(node) : Buffer.alloc(0)
  socket.write(
    `${path === paths.sync ? 'POST' : 'GET'} ${path} HTTP/1.1\r\nhost: x\r\n` +
      `x-forwarded-for: 198.51.${number >> 8}.${number & 255}\r\n` +
      `content-type: ${SYNC_MEDIA_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`,
  )
  socket.write(body)
  await once(socket, 'readable')
  return socket
}

const sync = async ({ get, node }: Served, headers: Record<string, string>): Promise<Response> =>
  get(paths.sync, {
    method: 'POST',
    headers: { 'content-type': SYNC_MEDIA_TYPE, ...headers },
    body: Buffer.from(bodyOf(node)),
  })

test('a crowd at every place of sync and notices does not keep a member out', async () => {
  const served = await serve()
  const { node } = served
  node.syncAnswer = async function* () {
    for (;;) {
      yield Buffer.alloc(1024)
      await sleep(20)
    }
  }
  const crowd: Socket[] = []
  for (let number = 0; number < 60; number += 1)
    crowd.push(await linger(served, number, paths.sync))
  for (let number = 0; number < 140; number += 1)
    crowd.push(await linger(served, number, paths.changes))
  expect((await sync(served, {})).status).toBe(503)
  expect((await served.get(paths.changes)).status).toBe(503)

  node.syncAnswer = null
  const answer = await sync(served, { [CALLER_HEADER]: callOf(node) })
  expect(answer.status).toBe(200)
  const kinds: string[] = []
  for await (const frame of readFrames(answer.body as never, verifySignature))
    kinds.push(frame.kind)
  expect(kinds).toEqual(['checkpoint', 'entries', 'end'])
  expect((await sync(served, bearer(tokens.submit))).status).toBe(200)
  const notices = await served.get(paths.changes, { headers: { [CALLER_HEADER]: callOf(node) } })
  expect(notices.status).toBe(200)
  await notices.body?.cancel()
  for (const socket of crowd) socket.destroy()
})

test('what proves nothing gets no kept place', async () => {
  const served = await serve(new FakeNode(), { limits: { syncAnswersMax: 4 } })
  const { node } = served
  node.syncAnswer = async function* () {
    for (;;) {
      yield Buffer.alloc(1024)
      await sleep(20)
    }
  }
  const crowd: Socket[] = []
  for (let number = 0; number < 4; number += 1) crowd.push(await linger(served, number, paths.sync))
  node.syncAnswer = null
  const claims: Record<string, Record<string, string>> = {
    'to another node': { [CALLER_HEADER]: callOf(node, { to: peerOf('gamma') }) },
    'by another key': { [CALLER_HEADER]: callOf(node, { as: 'gamma' }) },
    'too old': { [CALLER_HEADER]: callOf(node, { agoMs: CALLER_AGE_MS_MAX + 5000 }) },
    'from the future': { [CALLER_HEADER]: callOf(node, { agoMs: -CALLER_AGE_MS_MAX - 5000 }) },
    junk: { [CALLER_HEADER]: 'beta' },
    'an unknown token': bearer('guess'),
  }
  for (const [name, headers] of Object.entries(claims)) {
    expect([name, (await sync(served, headers)).status]).toEqual([name, 503])
  }
  const shown = callOf(node)
  expect((await sync(served, { [CALLER_HEADER]: shown })).status).toBe(200)
  // Whoever listened has nothing to show.
  expect((await sync(served, { [CALLER_HEADER]: shown })).status).toBe(503)
  for (const socket of crowd) socket.destroy()
})

test('a call is about one lattice', () => {
  const call = { lattice: 'ab'.repeat(32), to: peerOf('alpha'), wallMs: 5, nonce: '0'.repeat(16) }
  const text = signCall(call, peerOf('beta'), keyOf('beta').sign)
  expect(parseCall(text, { ...call, nowMs: 6 }, verifySignature)).toEqual({
    peerId: peerOf('beta'),
    nonce: call.nonce,
  })
  expect(
    parseCall(text, { ...call, lattice: 'cd'.repeat(32), nowMs: 6 }, verifySignature),
  ).toBeNull()
})

test('an answer that is dripped is cut, and a stranger’s notices end in time', async () => {
  const served = await serve(new FakeNode(), { limits: { syncMs: 150, changesMs: 150 } })
  served.node.syncAnswer = async function* () {
    for (;;) {
      yield Buffer.alloc(1)
      await sleep(10)
    }
  }
  await expect((await sync(served, {})).arrayBuffer()).rejects.toThrow('terminated')
  const ended = await served.get(paths.changes)
  expect(await ended.text()).toContain('event: checkpoint')
  const headers = { [CALLER_HEADER]: callOf(served.node) }
  const member = await served.get(paths.changes, { headers })
  const reader = member.body?.getReader()
  await reader?.read()
  const next = await Promise.race([reader?.read(), sleep(400, 'still open')])
  expect(next).toBe('still open')
  await reader?.cancel()
})
