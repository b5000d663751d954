import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { decodeAttestation } from '../../wire/attestation.ts'
import { authorIdOf } from '../../wire/author.ts'
import { decodeEntry, isSigned, NO_PREVIOUS, signEntry } from '../../wire/entry.ts'
import { frontierObject } from '../../wire/frontier.ts'
import {
  checkpointAnswer,
  consistencyAnswer,
  entriesAnswer,
  entryAnswer,
  extensionAnswer,
  historyAnswer,
  inclusionAnswer,
  statementAnswer,
} from '../../wire/ledger-api.ts'
import { paths } from '../../wire/protocol.ts'
import { provenExtension, provenInclusion } from '../../wire/proofs.ts'
import { verifySignature } from '../../wire/signature.ts'
import { keyOf } from './lattice.fixture.ts'
import { serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const OWN = 37
const THEIRS = 5
const beta = keyOf('beta')
const betaAuthor = authorIdOf(beta.publicKey, Buffer.alloc(8, 7))

let node: FakeNode
let served: Served

/** Two authors, the served node's log and one of beta's. */
beforeEach(async () => {
  node = new FakeNode()
  await node.submit(
    Array.from({ length: OWN }, (_, index) => ({ kind: 'noop', note: `note ${index}` })),
  )
  let prev = NO_PREVIOUS
  for (let seq = 0; seq < THEIRS; seq += 1) {
    const intent = { kind: 'transfer' as const, from: 'Alice', to: 'Bob', amount: seq + 1 }
    const entry = {
      lattice: node.identity.latticeId,
      author: betaAuthor,
      seq,
      prev,
      hlc: 10 + seq,
      intent,
    }
    const signed = signEntry(entry, beta.sign)
    node.ledger.append(signed)
    prev = signed.id
  }
  served = await serve(node)
})

const get = async (path: string): Promise<unknown> => (await served.get(path)).json()
const refused = async (path: string): Promise<[number, unknown]> => {
  const answer = await served.get(path)
  return [answer.status, ((await answer.json()) as { code: unknown }).code]
}

describe('entries', () => {
  it('come in pages, with the bytes that were signed', async () => {
    const path = `${paths.entries}/${node.author}`
    const first = entriesAnswer.parse(await get(`${path}?from=0&limit=30`))
    const rest = entriesAnswer.parse(await get(`${path}?from=${first.next}`))
    expect([first.size, first.next, rest.next]).toEqual([OWN, 30, null])
    const all = [...first.entries, ...rest.entries]
    expect(all.map((entry) => entry.seq)).toEqual(Array.from({ length: OWN }, (_, seq) => seq))
    for (const view of all) {
      const signed = decodeEntry(
        Buffer.from(view.bytes, 'base64'),
        Buffer.from(view.signature, 'base64'),
      )
      expect(isSigned(signed, verifySignature)).toBe(true)
      const { author, seq, prev, hlc, intent } = signed.entry
      expect(view).toMatchObject({ author, seq, prev, hlc, intent, id: signed.id })
    }
  })

  it('beyond the end are none, and of a stranger none', async () => {
    const beyond = entriesAnswer.parse(await get(`${paths.entries}/${node.author}?from=9999`))
    expect(beyond).toMatchObject({ size: OWN, entries: [], next: null })
    const stranger = authorIdOf(keyOf('gamma').publicKey, Buffer.alloc(8))
    expect(await get(`${paths.entries}/${stranger}`)).toMatchObject({ size: 0, entries: [] })
  })

  it('are there one by one, or are a 404', async () => {
    const { entry } = entryAnswer.parse(await get(`${paths.entries}/${betaAuthor}/2`))
    expect(entry.intent).toEqual({ kind: 'transfer', from: 'Alice', to: 'Bob', amount: 3 })
    expect(await refused(`${paths.entries}/${betaAuthor}/${THEIRS}`)).toEqual([
      404,
      'unknown-entry',
    ])
    expect(await refused(`${paths.entries}/${betaAuthor}?limit=257`)).toEqual([400, 'bad-request'])
    expect(await refused(`${paths.entries}/abc`)).toEqual([400, 'bad-request'])
  })
})

describe('a proof of inclusion', () => {
  const inclusionOf = async (author: string, seq: number, query = '') =>
    inclusionAnswer.parse(await get(`${paths.inclusion}/${author}/${seq}${query}`))

  it('leads every entry, in every earlier log, to the signed root', async () => {
    for (const [author, size] of node.frontier()) {
      for (let seq = 0; seq < size; seq += 1) {
        const at = seq + 1 + (seq % (size - seq))
        const proven = [
          provenInclusion(await inclusionOf(author, seq), verifySignature),
          provenInclusion(await inclusionOf(author, seq, `?size=${at}`), verifySignature),
        ]
        const checkpoint = { checkpoint: { root: node.merkleRoot } }
        expect(proven).toMatchObject([
          { ok: true, checkpoint },
          { ok: true, checkpoint },
        ])
      }
    }
  })

  it('does not hold once any of its hashes or numbers is another', async () => {
    const answer = await inclusionOf(betaAuthor, 3, '?size=4')
    const text = JSON.stringify({ ...answer, checkpoint: undefined })
    const places = [...text.matchAll(/[0-9a-f]{64}|(?<=:)\d+/g)].map((match) => match.index)
    expect(places.length).toBeGreaterThan(8)
    fc.assert(
      fc.property(fc.constantFrom(...places), (place) => {
        const digit = text[place] === '1' ? '2' : '1'
        const changed = JSON.parse(text.slice(0, place) + digit + text.slice(place + 1)) as object
        const claim = inclusionAnswer.parse({ ...changed, checkpoint: answer.checkpoint })
        expect(provenInclusion(claim, verifySignature).ok).toBe(false)
      }),
    )
  })

  it('is not given before a signed checkpoint covers the entry', async () => {
    node.ledger.signed = node.checkpoint()
    await node.submit([{ kind: 'noop', note: 'new' }])
    expect(await refused(`${paths.inclusion}/${node.author}/${OWN}`)).toEqual([
      409,
      'not-signed-yet',
    ])
    const older = await inclusionOf(node.author, OWN - 1)
    expect(provenInclusion(older, verifySignature).ok).toBe(true)
    expect(await refused(`${paths.inclusion}/${node.author}/0?size=${OWN + 1}`)).toEqual([
      400,
      'bad-request',
    ])
    expect(await refused(`${paths.inclusion}/${node.author}/3?size=3`)).toEqual([
      400,
      'bad-request',
    ])
  })
})

describe('a proof of consistency', () => {
  it('of one log is its RFC 6962 proof', async () => {
    const path = `${paths.consistency}/${node.author}`
    const answer = consistencyAnswer.parse(await get(`${path}?from=11&to=30`))
    const tree = node.ledger.treeOf(node.author)
    const hex = (hash: Uint8Array | undefined): string => Buffer.from(hash ?? []).toString('hex')
    expect(answer).toMatchObject({
      from_root: hex(tree?.root(11)),
      to_root: hex(tree?.root(30)),
      proof: tree?.consistencyProof(11, 30).map(hex),
    })
    expect(consistencyAnswer.parse(await get(`${path}?from=3`)).to).toBe(OWN)
    for (const query of ['', '?from=5&to=4', `?from=0&to=${OWN + 1}`]) {
      expect(await refused(path + query)).toEqual([400, 'bad-request'])
    }
  })

  it('of the lattice leads any earlier root to the signed one', async () => {
    const upTo = (max: number) => fc.nat({ max })
    await fc.assert(
      fc.asyncProperty(upTo(OWN), upTo(THEIRS), upTo(63), async (own, theirs, digit) => {
        const sizes = [[node.author, own] as const, [betaAuthor, theirs] as const]
        const frontier = new Map(sizes.filter(([, size]) => size > 0))
        const earlier = { frontier, root: node.ledger.rootAt(frontier) }
        const answer = extensionAnswer.parse(
          await (
            await served.post(paths.consistency, { frontier: frontierObject(frontier) })
          ).json(),
        )
        expect(answer.root).toBe(earlier.root)
        expect(provenExtension(earlier, answer, verifySignature)).toMatchObject({
          ok: true,
          checkpoint: { checkpoint: { root: node.merkleRoot } },
        })
        const flipped = earlier.root[digit] === '0' ? '1' : '0'
        const root = earlier.root.slice(0, digit) + flipped + earlier.root.slice(digit + 1)
        expect(provenExtension({ frontier, root }, answer, verifySignature).ok).toBe(false)
        const less = { ...answer, authors: answer.authors.slice(1) }
        expect(provenExtension(earlier, less, verifySignature).ok).toBe(false)
      }),
      { numRuns: 40 },
    )
  })

  it('is refused for what the node has not signed', async () => {
    const body = { frontier: { [node.author]: OWN + 1 } }
    const answer = await served.post(paths.consistency, body)
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'unknown-cut' }])
  })
})

describe('a signed word', () => {
  it('is the newest checkpoint', async () => {
    const { checkpoint } = checkpointAnswer.parse(await get(paths.checkpoint))
    expect(checkpoint).toMatchObject({
      peer_id: node.identity.peerId,
      root: node.merkleRoot,
      frontier: { [node.author]: OWN, [betaAuthor]: THEIRS },
    })
  })

  it('about an earlier frontier is given, or clearly refused', async () => {
    const frontier = { [node.author]: 9 }
    const nonce = 'ab'.repeat(16)
    const answer = await served.post(paths.checkpoint, { frontier, nonce })
    const { root, statement, signature } = statementAnswer.parse(await answer.json())
    const signed = decodeAttestation(
      Buffer.from(statement, 'base64'),
      Buffer.from(signature, 'base64'),
      verifySignature,
    )
    expect(root).toBe(node.ledger.rootAt(new Map(Object.entries(frontier))))
    expect(signed.attestation).toMatchObject({ nonce, cut: { root } })
    const other = await served.post(paths.checkpoint, { frontier })
    expect(statementAnswer.parse(await other.json()).statement).not.toBe(statement)

    const ahead = await served.post(paths.checkpoint, { frontier: { [node.author]: OWN + 1 } })
    expect([ahead.status, await ahead.json()]).toMatchObject([409, { code: 'unknown-cut' }])
    const junk = await served.post(paths.checkpoint, { frontier: { me: 1 } })
    expect(junk.status).toBe(400)
  })
})

describe('the history of an account', () => {
  it('is newest first, in pages, with what each entry came to', async () => {
    await node.submit([{ kind: 'issue', to: 'Bob', amount: 50 }])
    const seen: [number, number][] = []
    let before = ''
    do {
      const path = `${paths.accounts}/Bob/history?limit=2${before && `&before=${before}`}`
      const page = historyAnswer.parse(await get(path))
      seen.push(...page.entries.map(({ hlc, effect }): [number, number] => [hlc, effect]))
      before = page.next ?? ''
    } while (before !== '')
    const transfers = Array.from({ length: THEIRS }, (_, seq) => [10 + seq, seq + 1])
    expect(seen).toEqual([[OWN + 1, 50], ...transfers.toReversed()])
  })

  it('refuses what is no account and no cursor', async () => {
    expect(await refused(`${paths.accounts}/a%20b!/history`)).toEqual([400, 'bad-request'])
    expect(await refused(`${paths.accounts}/Bob/history?before=x`)).toEqual([400, 'bad-request'])
  })
})
