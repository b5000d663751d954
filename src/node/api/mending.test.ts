import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { authorIdOf } from '../../wire/author.ts'
import { NO_PREVIOUS, signEntry } from '../../wire/entry.ts'
import { possessionAnswer, repairAnswer, retireAnswer } from '../../wire/ledger-api.ts'
import { isPossessed } from '../../wire/possession.ts'
import { paths } from '../../wire/protocol.ts'
import { verifySignature } from '../../wire/signature.ts'
import { keyOf, peerOf, tokens } from './lattice.fixture.ts'
import { bearer, serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const admin = bearer(tokens.admin)
const nonce = 'ab'.repeat(16)

test('a node proves its key, even when it can attest nothing', async () => {
  const { node, post } = await serve()
  node.refusalReason = 'the store is corrupt'
  expect((await post(paths.attest, { nonce })).status).toBe(503)
  const answer = possessionAnswer.parse(await (await post(paths.possession, { nonce })).json())
  expect(answer.peer_id).toBe(peerOf('alpha'))
  const signature = Buffer.from(answer.signature, 'base64')
  const { publicKey } = keyOf('alpha')
  const proof = { nonce, lattice: node.identity.latticeId, publicKey }
  expect(isPossessed(proof, signature, verifySignature)).toBe(true)
  const lies = [
    { nonce: 'cd'.repeat(16) },
    { lattice: 'ef'.repeat(32) },
    { publicKey: keyOf('beta').publicKey },
  ]
  for (const lie of lies) {
    expect(isPossessed({ ...proof, ...lie }, signature, verifySignature)).toBe(false)
  }
  expect((await post(paths.possession, { nonce: 'x' })).status).toBe(400)
})

test('only a damaged store is repaired, and only by an admin', async () => {
  const { node, post } = await serve()
  expect((await post(paths.repair, undefined, bearer(tokens.control))).status).toBe(403)
  const sound = await post(paths.repair, undefined, admin)
  expect([sound.status, await sound.json()]).toMatchObject([409, { code: 'not-damaged' }])
  node.refusalReason = 'the store is corrupt'
  const answer = repairAnswer.parse(await (await post(paths.repair, undefined, admin)).json())
  expect(answer.damaged_file).toContain('damaged-1')
})

test('a repair may take longer than an answer may stand still', async () => {
  const node = new (class extends FakeNode {
    override async repair() {
      await setTimeout(300)
      return super.repair()
    }
  })()
  node.refusalReason = 'the store is corrupt'
  const { post } = await serve(node, { limits: { answerStallMs: 100 } })
  expect((await post(paths.repair, undefined, admin)).status).toBe(200)
})

test('a directory is retired, or it is told why not', async () => {
  const node = new FakeNode()
  const { post } = await serve(node)
  const key = keyOf('alpha')
  const author = authorIdOf(key.publicKey, Buffer.from('00ff'.repeat(4), 'hex'))
  const { incarnation } = node
  const lattice = node.identity.latticeId
  const intent = { kind: 'noop' as const, note: 'old' }
  const entry = { lattice, author, seq: 0, prev: NO_PREVIOUS, hlc: 1, intent }
  node.ledger.append(signEntry(entry, key.sign))

  const retire = async (body: unknown, headers = admin) => post(paths.retire, body, headers)
  const done = await retire({ incarnation: '00ff'.repeat(4) })
  expect(retireAnswer.parse(await done.json())).toMatchObject({ author, size: 1 })
  const own = await retire({ incarnation })
  expect([own.status, await own.json()]).toMatchObject([409, { code: 'in-use' }])
  const unknown = await retire({ incarnation: '11'.repeat(8) })
  expect([unknown.status, await unknown.json()]).toMatchObject([
    404,
    { code: 'unknown-incarnation' },
  ])
  expect((await retire({ incarnation: 'x' })).status).toBe(400)
  expect((await retire({ incarnation }, bearer(tokens.control))).status).toBe(403)
})
