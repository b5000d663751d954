import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NOTICE_MS_MAX, until } from './cluster.ts'
import { LocalLattice } from './local-lattice.ts'

/** A killed node is started again within seconds; a check of the whole takes some more. */
const WHOLE_MS_MAX = 60_000
const TRANSFER = 'intent transfer { from: Alice, to: Bob, amount: 100 }'

interface Deployed {
  result: string
  release: string
  nodes: { name: string }[]
  steps: unknown[]
}

interface Drilled {
  verdict: string
  faults: {
    kind: string
    activation_ms: number | null
    writes: { lost: number; succeeded: number }
  }[]
}

async function deployed(lattice: LocalLattice): Promise<{ code: number; document: Deployed }> {
  const { code, document } = await lattice.json('deploy', '--yes')
  return { code, document: document as Deployed }
}

async function drilled(lattice: LocalLattice): Promise<{ code: number; document: Drilled }> {
  const { code, document } = await lattice.json('failover-drill', '--yes')
  return { code, document: document as Drilled }
}

describe('a local lattice', () => {
  let lattice: LocalLattice
  let first: Awaited<ReturnType<typeof deployed>>
  beforeAll(async () => {
    lattice = await LocalLattice.prepare()
    first = await deployed(lattice)
  })
  afterAll(() => lattice.remove())

  test('is deployed and proven by verify-triangle', async () => {
    expect(first).toMatchObject({ code: 0, document: { result: 'deployed' } })
    expect(first.document.nodes).toHaveLength(3)
    const { code, document } = await lattice.verify()
    expect(document.checks.filter((check) => check.verdict !== 'PASS')).toEqual([])
    expect({ code, verdict: document.verdict }).toEqual({ code: 0, verdict: 'PASS' })
    expect(new Set(document.nodes.map((node) => node.merkle_root)).size).toBe(1)
  })

  test('takes the example of the documents, without a token, and shows it on every node', async () => {
    const before = (await lattice.verify()).document.nodes[0]?.merkle_root
    const { code, out } = await lattice.run('submit', TRANSFER, '--wait', 'replicated:3')
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('PROVED') })
    for (const { url } of await lattice.nodes()) {
      const state = (await (await fetch(`${url}/api/lattice/state`)).json()) as Record<
        string,
        unknown
      >
      expect(state['state']).toMatchObject({ Bob: 1_000_100 })
      expect(state['merkle_root']).not.toBe(before)
    }
  })

  test('refuses what it cannot do, and says so with a code', async () => {
    const overdraft = await lattice.run(
      'submit',
      'intent transfer { from: Alice, to: Bob, amount: 99999999 }',
    )
    expect(overdraft.code).toBe(1)
    const nonsense = await lattice.run('submit', 'transfer from Alice')
    expect(nonsense.code).toBe(65)
  })

  test('plans nothing the second time', async () => {
    const plan = await lattice.json('plan')
    expect(plan.document).toMatchObject({ digest: expect.any(String), steps: [] })
    const pids = (await lattice.nodes()).map((node) => node.pid)
    const again = await deployed(lattice)
    expect({
      code: again.code,
      result: again.document.result,
      release: again.document.release,
    }).toEqual({
      code: 0,
      result: 'unchanged',
      release: first.document.release,
    })
    expect((await lattice.nodes()).map((node) => node.pid)).toEqual(pids)
  })

  test(
    'survives a drill that stops P2P on one node and kills another',
    { timeout: 180_000 },
    async () => {
      const { code, document } = await drilled(lattice)
      expect({ code, verdict: document.verdict }).toEqual({ code: 0, verdict: 'PASS' })
      expect(document.faults.map((fault) => fault.kind)).toEqual(['p2p-stop', 'kill'])
      for (const fault of document.faults) {
        expect(fault.writes).toMatchObject({ lost: 0 })
        expect(fault.writes.succeeded).toBeGreaterThan(50)
        expect(fault.activation_ms).toBeLessThan(3000)
      }
      expect((await lattice.verify()).document.verdict).toBe('PASS')
    },
  )

  test('keeps the verdict of a drill whose report cannot be written', async () => {
    const args = ['failover-drill', '--fault', 'kill', '--report', '/dev/null/report.md', '--yes']
    const { code, document } = await lattice.json(...args)
    expect({ code, document }).toMatchObject({
      code: 65,
      document: {
        verdict: 'PASS',
        warnings: [expect.stringContaining('the report is not in /dev/null/report.md')],
      },
    })
  })

  test('starts a killed node again by itself', async () => {
    const [node] = await lattice.nodes()
    if (node === undefined) throw new Error('no node')
    process.kill(node.pid, 'SIGKILL')
    await until('another process answers', NOTICE_MS_MAX, async () => {
      const pid = (await lattice.nodes())[0]?.pid
      return pid !== undefined && pid !== null && pid !== node.pid
    })
    const isWhole = async (): Promise<boolean> => (await lattice.verify()).code === 0
    expect(await until('the lattice is whole again', WHOLE_MS_MAX, isWhole)).toBeGreaterThan(0)
  })

  test('with one node taken down is not PASS, and a deploy brings it back', async () => {
    await lattice.run('down', 'node3-backup')
    const { code, document } = await lattice.verify()
    expect([1, 2]).toContain(code)
    expect(document.verdict).not.toBe('PASS')
    await lattice.deploy()
    expect((await lattice.verify()).document.verdict).toBe('PASS')
  })
})
