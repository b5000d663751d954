import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { paths, SYNC_MEDIA_TYPE } from '../../wire/protocol.ts'
import { encodeFrame, prefixed, type SyncFrame } from '../../wire/sync.ts'
import { fakeLatticeId } from './fakes/fake-lattice.ts'
import { FakeNode, sendJson } from './fakes/fake-node.ts'
import { keyOf } from './fakes/fake-replica.ts'
import { NodeAnswerError, type NodeAnswerCode } from './node-answer-error.ts'
import { NodeClient } from './node-client.ts'

const TOKEN = 'f00d'.repeat(16)
const NAME = 'node1'
const never = new AbortController().signal

let node: FakeNode
let client: NodeClient

const clientOf = (url: string, details: { token?: string; lattice?: string } = {}): NodeClient =>
  new NodeClient({
    name: NAME,
    url,
    peerId: keyOf(NAME).peerId,
    lattice: details.lattice ?? fakeLatticeId,
    token: details.token ?? null,
  })

beforeEach(async () => {
  node = new FakeNode(NAME, fakeLatticeId)
  await node.listen()
  client = clientOf(node.url)
})

afterEach(async () => {
  await client.close()
  await node.close()
})

const failureOf = async (asking: Promise<unknown>): Promise<NodeAnswerError> => {
  const outcome = await asking.then(
    () => null,
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(NodeAnswerError)
  return outcome as NodeAnswerError
}

const framesOf = async (from: NodeClient): Promise<SyncFrame[]> => {
  const frames: SyncFrame[] = []
  for await (const frame of from.pull(new Map(), never)) frames.push(frame)
  return frames
}

describe('an attestation', () => {
  it('is believed when the node signed it over our nonce', async () => {
    node.write()
    const { attestation, rttMs, offsetMs, t0Ms, t3Ms } = await client.attest({}, never)
    expect(attestation.name).toBe(NAME)
    expect(attestation.frontier).toEqual(new Map([[node.replica.author, 1]]))
    expect(attestation.root).toBe(node.replica.rootAt(node.replica.frontier()))
    expect(rttMs).toBeGreaterThanOrEqual(0)
    expect(t3Ms - t0Ms).toBeLessThan(5000)
    expect(Math.abs(offsetMs)).toBeLessThan(5000)
  })

  it('carries the root at the cut that was asked about', async () => {
    node.write()
    const cut = node.replica.frontier()
    node.write()
    const { attestation } = await client.attest({ cut }, never)
    expect(attestation.cut).toEqual({ frontier: cut, root: node.replica.rootAt(cut) })
    expect(attestation.cut?.root).not.toBe(attestation.root)
  })

  it('shows the node’s clock against ours to within half a round trip', async () => {
    node.clockOffsetMs = 90_000
    const { offsetMs, rttMs } = await client.attest({}, never)
    expect(Math.abs(offsetMs - 90_000)).toBeLessThanOrEqual(rttMs / 2 + 2)
  })

  it('is refused for a cut that the node does not cover', async () => {
    const error = await failureOf(
      client.attest({ cut: new Map([[node.replica.author, 3]]) }, never),
    )
    expect(error).toMatchObject({ code: 'refused', refusal: 'unknown-cut', status: 409 })
  })

  const replayOf = async (): Promise<string> => {
    let recorded = ''
    node.instead.set(paths.attest, (_request, response, body) => {
      const { bytes, signature } = node.replica.attest(JSON.parse(body.toString()).nonce, null, 1)
      recorded = JSON.stringify({
        success: true,
        statement: Buffer.from(bytes).toString('base64'),
        signature: Buffer.from(signature).toString('base64'),
      })
      response.setHeader('content-type', 'application/json').end(recorded)
    })
    await client.attest({}, never)
    return recorded
  }

  it('is refused when it is an older answer played again', async () => {
    const recorded = await replayOf()
    node.instead.set(paths.attest, (_request, response) => {
      response.setHeader('content-type', 'application/json').end(recorded)
    })
    expect(await failureOf(client.attest({}, never))).toMatchObject({ code: 'bad-signature' })
  })

  const lies: [string, (liar: FakeNode) => void, NodeAnswerCode][] = [
    ['another nonce', (liar) => (liar.lies = { nonce: '0'.repeat(32) }), 'bad-signature'],
    ['another key', (liar) => (liar.replica.key = keyOf('stranger')), 'wrong-identity'],
    [
      'a key that did not sign it',
      (liar) => (liar.lies = { publicKey: keyOf('stranger').publicKey }),
      'bad-signature',
    ],
    ['another lattice', (liar) => (liar.lies = { lattice: '1'.repeat(64) }), 'wrong-lattice'],
    [
      'a cut that was not asked',
      (liar) => (liar.lies = { cut: { frontier: new Map(), root: '0'.repeat(64) } }),
      'bad-signature',
    ],
  ]
  it.each(lies)('is refused with %s', async (_what, lie, code) => {
    lie(node)
    const error = await failureOf(client.attest({}, never))
    expect(error.code).toBe(code)
    expect(error.message).toContain(node.url)
    expect(error.hint).toBeTruthy()
  })

  it('is refused with a smaller or a larger cut than was asked', async () => {
    for (let count = 0; count < 3; count++) node.write()
    const cutOf = (size: number): ReadonlyMap<string, number> =>
      new Map([[node.replica.author, size]])
    for (const size of [1, 3]) {
      node.lies = { cut: { frontier: cutOf(size), root: node.replica.rootAt(cutOf(size)) ?? '' } }
      expect((await failureOf(client.attest({ cut: cutOf(2) }, never))).code).toBe('bad-signature')
    }
  })

  it('is refused when a byte of it was changed', async () => {
    node.instead.set(paths.attest, (_request, response, body) => {
      const { bytes, signature } = node.replica.attest(JSON.parse(body.toString()).nonce, null, 1)
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      sendJson(response, 200, {
        success: true,
        statement: Buffer.from(bytes).toString('base64'),
        signature: Buffer.from(signature).toString('base64'),
      })
    })
    expect((await failureOf(client.attest({}, never))).code).toBe('bad-signature')
  })
})

describe('the caller’s signal', () => {
  it('ends a question with its own reason', async () => {
    node.instead.set('*', () => {})
    const controller = new AbortController()
    const asking = client.health(controller.signal)
    const reason = new Error('enough')
    setTimeout(() => controller.abort(reason), 20)
    await expect(asking).rejects.toBe(reason)
    await expect(client.health(controller.signal)).rejects.toBe(reason)
  })
})

describe('the token', () => {
  const guarded: [string, (asked: NodeClient) => Promise<unknown>][] = [
    ['canary', async (asked) => asked.canary(never)],
    ['probe', async (asked) => asked.probe('node2', 'http', never)],
  ]
  it.each(guarded)('is sent with %s', async (_what, ask) => {
    node.token = TOKEN
    const withToken = clientOf(node.url, { token: TOKEN })
    await ask(withToken)
    expect(node.requests.at(-1)?.authorization).toBe(`Bearer ${TOKEN}`)
    await withToken.close()

    const error = await failureOf(ask(client))
    expect(error).toMatchObject({ code: 'refused', status: 401, refusal: 'unauthorized' })
  })

  it('is not sent where none is needed', async () => {
    const withToken = clientOf(node.url, { token: TOKEN })
    await withToken.attest({}, never)
    await withToken.health(never)
    await withToken.integrity(never)
    await withToken.receipt('a', 0, {}, never)
    await framesOf(withToken)
    expect(node.requests).toHaveLength(5)
    expect(node.requests.filter((request) => request.authorization !== undefined)).toEqual([])
    await withToken.close()
  })

  it('stands in no error and in no printed client', async () => {
    const withToken = clientOf(node.url, { token: TOKEN })
    node.token = 'another'
    const refused = await failureOf(withToken.canary(never))
    node.instead.set('*', (_request, response) => response.destroy())
    const broken = await failureOf(withToken.canary(never))
    for (const shown of [refused, broken, withToken]) {
      expect(inspect(shown, { depth: 20, showHidden: true })).not.toContain(TOKEN)
      expect(JSON.stringify(shown)).not.toContain(TOKEN)
    }
    await withToken.close()
  })

  it('a refusal’s text is made fit for a terminal', async () => {
    node.instead.set('*', (_request, response) =>
      sendJson(response, 409, {
        success: false,
        code: 'no',
        message: `\u001B[31mred\u001B[0m\n${'x'.repeat(5000)}`,
        hint: 'do\nthis',
      }),
    )
    const error = await failureOf(client.health(never))
    expect(error.message).not.toMatch(/\p{Cc}/u)
    expect(error.message.length).toBeLessThan(500)
    expect(error.hint).toBe('do this')
  })
})

describe('a pull', () => {
  it('streams the checkpoint, every entry, and the end', async () => {
    for (let count = 0; count < 600; count++) node.write()
    const frames = await framesOf(client)
    const entries = frames.flatMap((frame) => (frame.kind === 'entries' ? frame.entries : []))
    expect(frames[0]?.kind).toBe('checkpoint')
    expect(entries.map(({ entry }) => entry.seq)).toEqual(
      Array.from({ length: 600 }, (_, seq) => seq),
    )
    expect(frames.at(-1)).toEqual({ kind: 'end', entryCount: 600 })
  })

  const respond = (...frames: (SyncFrame | Uint8Array)[]): void => {
    node.instead.set(paths.sync, (_request, response) => {
      response.setHeader('content-type', SYNC_MEDIA_TYPE)
      for (const frame of frames) {
        response.write(frame instanceof Uint8Array ? frame : prefixed(encodeFrame(frame)))
      }
      response.end()
    })
  }

  it('is refused when it breaks off, is malformed, or signed by another', async () => {
    const checkpoint = { kind: 'checkpoint', checkpoint: node.replica.checkpoint() } as const
    const stranger = new FakeNode('stranger', fakeLatticeId)
    const elsewhere = new FakeNode(NAME, '2'.repeat(64))
    const forged = { ...checkpoint.checkpoint, signature: new Uint8Array(64) }
    const cases: [NodeAnswerCode, (SyncFrame | Uint8Array)[]][] = [
      ['unreachable', [checkpoint]],
      ['not-a-node', [Buffer.from('0000000568656c6c6f', 'hex')]],
      ['too-large', [Buffer.from('ffffffff', 'hex')]],
      ['bad-signature', [{ kind: 'checkpoint', checkpoint: forged }]],
      ['wrong-identity', [{ kind: 'checkpoint', checkpoint: stranger.replica.checkpoint() }]],
      ['wrong-lattice', [{ kind: 'checkpoint', checkpoint: elsewhere.replica.checkpoint() }]],
    ]
    for (const [code, frames] of cases) {
      respond(...frames)
      expect((await failureOf(framesOf(client))).code).toBe(code)
    }
  })

  it('ends the transfer when its reader stops', async () => {
    let isClosed = false
    node.instead.set(paths.sync, (_request, response) => {
      response.setHeader('content-type', SYNC_MEDIA_TYPE)
      response.on('close', () => (isClosed = true))
      response.write(
        prefixed(encodeFrame({ kind: 'checkpoint', checkpoint: node.replica.checkpoint() })),
      )
    })
    for await (const frame of client.pull(new Map(), never)) {
      expect(frame.kind).toBe('checkpoint')
      break
    }
    await expect.poll(() => isClosed).toBe(true)
  })
})

describe('livez and readyz', () => {
  it('tell yes from no, and a node from a page', async () => {
    expect(await client.livez(never)).toBe(true)
    node.instead.set(paths.readyz, (_request, response) =>
      sendJson(response, 503, { success: false, code: 'corrupt', message: 'the store is corrupt' }),
    )
    expect(await client.readyz(never)).toBe(false)
    node.instead.set('*', (_request, response) =>
      response.setHeader('content-type', 'text/html').end('OK'),
    )
    expect((await failureOf(client.livez(never))).code).toBe('not-a-node')
  })
})
