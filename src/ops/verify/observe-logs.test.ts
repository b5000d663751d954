import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { entryViewOf } from '../../wire/ledger-view.ts'
import { paths } from '../../wire/protocol.ts'
import { startFakeLattice } from '../client/fakes/fake-lattice.ts'
import { sendJson, type FakeNode } from '../client/fakes/fake-node.ts'
import { fakeExtension, fakeInclusion } from '../client/fakes/fake-proofs.ts'
import { FakeReplica } from '../client/fakes/fake-replica.ts'
import { clientsOf, closeClients, type NodeClient } from '../client/node-client.ts'
import { nextCheckpoints } from './checkpoints.ts'
import type { CheckResult, SavedCheckpoints, TriangleReport } from './observation.ts'
import type { PullBounds } from './observe-logs.ts'
import { verifyTriangle } from './triangle.ts'

// Nodes that hold more than is pulled: 40 entries by each of two authors, of which 6 are pulled.
const ENTRIES = 40
const bounds: PullBounds = { wholeMax: 50, newest: 12, older: 12 }

/** Each log is one longer by the canary when it is asked about. */
const LAST_OLDER = ENTRIES + 1 - 6 - 1

let lattice: Awaited<ReturnType<typeof startFakeLattice>>
let clients: NodeClient[]
const nodeAt = (index: number): FakeNode => lattice.nodes[index] as FakeNode

beforeEach(async () => {
  lattice = await startFakeLattice(2)
  clients = clientsOf(lattice.desired, null)
  for (let count = 0; count < ENTRIES; count += 1) for (const node of lattice.nodes) node.write()
})
afterEach(async () => {
  await closeClients(clients)
  await lattice.stop()
})

const verify = async (
  options: { full?: boolean; bounds?: PullBounds; saved?: SavedCheckpoints } = {},
): Promise<TriangleReport> =>
  verifyTriangle({
    lattice: lattice.desired,
    clients,
    expectedRelease: null,
    saved: options.saved ?? null,
    options: { bounds, ...options },
    signal: new AbortController().signal,
  })
const checkOf = (report: TriangleReport, id: string): CheckResult | undefined =>
  report.checks.find((check) => check.id === id)
const recomputed = async (options?: Parameters<typeof verify>[0]): Promise<string> => {
  const { verdict, summary } = checkOf(await verify(options), 'recompute') as CheckResult
  return `${verdict}: ${summary}`
}

/** The node as it would be with other entries on its disk, while it signs what it remembers. */
function onDisk(node: FakeNode, change: (copy: FakeReplica) => void): FakeReplica {
  const copy = new FakeReplica(node.replica.name, node.replica.lattice)
  for (const [author, entries] of node.replica.log) copy.log.set(author, [...entries])
  change(copy)
  return copy
}

describe('of a node with more entries than are pulled', () => {
  it('the newest are recomputed and older ones shown, and what was left out is said', async () => {
    const report = await verify()
    expect(checkOf(report, 'recompute')).toMatchObject({
      verdict: 'PASS',
      evidence: [
        { entries: 12, older_entries: 14, state_root: null, problems: [] },
        { entries: 12, older_entries: 14, state_root: null, problems: [] },
      ],
    })
    const left = report.unchecked.filter(({ id }) => id.startsWith('recompute.'))
    expect(left.map(({ id }) => id)).toEqual(['recompute.node1', 'recompute.node2'])
    expect(left[0]?.reason).toContain('Of 70 older entries')
  })

  it('all are recomputed when all are asked for', async () => {
    const report = await verify({ full: true })
    expect(checkOf(report, 'recompute')).toMatchObject({
      verdict: 'PASS',
      evidence: [{ entries: 82, older_entries: 0 }, { entries: 82 }],
    })
    expect(report.unchecked.map(({ id }) => id)).toEqual(['releases.expected', 'history'])
  })

  it('older entries that are others on the disk are found out', async () => {
    const { author } = nodeAt(1).replica
    const other = new FakeReplica('node2', lattice.desired.id)
    for (let count = 0; count < ENTRIES; count += 1) other.write({ kind: 'noop', note: 'other' })
    for (const [seq, signed] of (other.log.get(author) ?? []).entries()) {
      nodeAt(0).instead.set(`${paths.entries}/${author}/${seq}`, (_request, response) =>
        sendJson(response, 200, { success: true, entry: entryViewOf(signed) }),
      )
    }
    expect(await recomputed()).toMatch(/^FAIL: node1 .* is not below the signed root/)
  })

  it('a path that does not hold is found out', async () => {
    const node = nodeAt(1)
    const { author } = node.replica
    const place = { author, seq: LAST_OLDER }
    node.instead.set(`${paths.inclusion}/${author}/${LAST_OLDER}`, (_request, response) => {
      const answer = fakeInclusion(node.replica, place, LAST_OLDER + 1)
      const [first = '', ...rest] = answer.in_log.proof
      const proof = [`${first.startsWith('0') ? '1' : '0'}${first.slice(1)}`, ...rest]
      sendJson(response, 200, { ...answer, in_log: { ...answer.in_log, proof } })
    })
    expect(await recomputed()).toMatch(/^FAIL: node2 .*#34: is not below the signed root/)
  })

  it('a false beginning does not come to the signed root', async () => {
    const node = nodeAt(1)
    const { author } = node.replica
    const seq = LAST_OLDER + 1
    node.instead.set(`${paths.inclusion}/${author}/${seq}`, (_request, response) => {
      const answer = fakeInclusion(node.replica, { author, seq }, seq + 1)
      const proof = answer.in_log.proof.toReversed()
      sendJson(response, 200, { ...answer, in_log: { ...answer.in_log, proof } })
    })
    expect(await recomputed()).toMatch(/^FAIL: node2/)
    node.instead.set(`${paths.inclusion}/${author}/${seq}`, (_request, response) => {
      const answer = fakeInclusion(node.replica, { author, seq }, seq + 1)
      sendJson(response, 200, { ...answer, in_log: { ...answer.in_log, proof: [] } })
    })
    expect(await recomputed()).toMatch(/^FAIL: node2/)
  })

  it('no proofs are no pass', async () => {
    const { author } = nodeAt(0).replica
    nodeAt(1).instead.set(`${paths.entries}/${author}/${LAST_OLDER}`, (_request, response) =>
      sendJson(response, 404, { success: false, code: 'not-found', message: 'no such path' }),
    )
    expect(await recomputed()).toMatch(/^UNKNOWN: /)
  })
})

describe('the history', () => {
  it('is proven to extend what the last run saw', async () => {
    const saved = nextCheckpoints(lattice.desired, await verify(), null)
    nodeAt(0).write()
    expect(checkOf(await verify({ saved }), 'history')).toMatchObject({
      verdict: 'PASS',
      evidence: [{ extension_proven: true }, { extension_proven: true }],
    })
  })

  it('is not, when a node signs the old root and holds other entries', async () => {
    const saved = nextCheckpoints(lattice.desired, await verify(), null)
    const node = nodeAt(0)
    const { author } = nodeAt(1).replica
    const other = new FakeReplica('node2', lattice.desired.id)
    for (let count = 0; count < ENTRIES; count += 1) other.write({ kind: 'noop', note: 'other' })
    const disk = onDisk(node, (copy) => {
      const entries = copy.log.get(author) ?? []
      copy.log.set(author, [...(other.log.get(author) ?? []), ...entries.slice(ENTRIES)])
    })
    node.instead.set(paths.consistency, (_request, response, body) => {
      const { frontier } = JSON.parse(body.toString()) as { frontier: Record<string, number> }
      sendJson(response, 200, fakeExtension(disk, new Map(Object.entries(frontier))))
    })
    const check = checkOf(await verify({ saved }), 'history')
    expect(check?.verdict).toBe('FAIL')
    expect(check?.summary).toMatch(/^node1 cannot prove that it still holds/)
  })
})
