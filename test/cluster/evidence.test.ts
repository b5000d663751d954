/** What real nodes give for proof, read by the client that verifies all of it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NodeClient } from '../../src/ops/client/node-client.ts'
import { latticeIdOf } from '../../src/wire/lattice.ts'
import { paths } from '../../src/wire/protocol.ts'
import { verifyAnswer } from '../../src/wire/api.ts'
import { ADMIN_TOKEN, Cluster } from './cluster.ts'

const GENESIS = new Map([
  ['Alice', 1_000_000],
  ['Bob', 1_000_000],
])
const { signal } = new AbortController()
let cluster: Cluster
let clients: NodeClient[]

beforeAll(async () => {
  cluster = await Cluster.start()
  const lattice = latticeIdOf('cluster', GENESIS)
  clients = cluster.nodes.map(
    ({ name, url, peerId }) => new NodeClient({ name, url, peerId, lattice, token: ADMIN_TOKEN }),
  )
})
afterAll(async () => {
  await Promise.all(clients.map(async (client) => client.close()))
  await cluster.stop()
})

async function transfer(index: number, from: string, to: string, amount: number): Promise<void> {
  const code = `intent transfer { from: ${from}, to: ${to}, amount: ${amount} }`
  const path = `${paths.verify}?wait=replicated:3&timeout_ms=20000`
  const answer = verifyAnswer.parse(await cluster.node(index).post(path, { code }))
  if (!answer.success) throw new Error(answer.message)
}

test('every entry is proven on every node, and every earlier word is kept', async () => {
  const [first] = clients
  if (first === undefined) throw new Error('no node')
  for (let turn = 0; turn < 12; turn += 1) await transfer(turn % 3, 'Alice', 'Bob', turn + 1)
  const { checkpoint: earlier } = await first.ledger.checkpoint(signal)
  for (let turn = 0; turn < 12; turn += 1) await transfer(turn % 3, 'Bob', 'Carol', 2 * turn + 1)
  const root = await cluster.converged(20_000)

  for (const client of clients) {
    const { frontier } = (await client.attest({}, signal)).attestation
    expect([...frontier.values()]).toEqual([8, 8, 8])
    for (const [author, size] of frontier) {
      const page = await client.ledger.entries(author, 0, signal)
      expect([page.size, page.next, page.entries.length]).toEqual([size, null, size])
      for (const { id, entry } of page.entries) {
        const { checkpoint } = await client.ledger.inclusion(author, entry.seq, id, signal)
        expect(checkpoint.root).toBe(root)
      }
      const other = client.ledger.inclusion(author, 0, page.entries[1]?.id ?? '', signal)
      await expect(other).rejects.toMatchObject({ code: 'bad-proof' })
    }
    const { checkpoint } = await client.ledger.extension(earlier, signal)
    expect(checkpoint.root).toBe(root)
    const forged = { frontier: earlier.frontier, root }
    await expect(client.ledger.extension(forged, signal)).rejects.toMatchObject({
      code: 'bad-proof',
    })
  }
})

test('the history of an account adds up to its balance', async () => {
  for (const client of clients) {
    for (const account of ['Alice', 'Bob', 'Carol', 'Nobody']) {
      const effects: number[] = []
      let next: string | null = null
      let balance = 0
      do {
        const page = await client.ledger.history(account, next, signal, 5)
        effects.push(...page.entries.map((entry) => entry.effect))
        expect(page.entries.map((entry) => entry.outcome)).not.toContain('rejected')
        ;({ balance, next } = page)
      } while (next !== null)
      const opening = GENESIS.get(account) ?? 0
      expect(opening + effects.reduce((sum, effect) => sum + effect, 0)).toBe(balance)
      expect(effects).toHaveLength({ Alice: 12, Bob: 24, Carol: 12 }[account] ?? 0)
    }
  }
})
