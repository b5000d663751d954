import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { healthAnswer } from '../../src/wire/api.ts'
import { NOTICE_MS_MAX, until } from './cluster.ts'
import { LocalLattice } from './local-lattice.ts'

const TRANSFER = 'intent transfer { from: Alice, to: Bob, amount: 1 }'

let lattice: LocalLattice
let firstRelease: string
beforeAll(async () => {
  lattice = await LocalLattice.prepare()
  firstRelease = await lattice.changeRelease('1.0.0', (node) => `${node}\n// one\n`)
  await lattice.deploy()
  await lattice.run('submit', TRANSFER, '--wait', 'replicated:3')
})
afterAll(() => lattice.remove())

/** The releases that the nodes run, and how many entries each holds. */
async function running(): Promise<{ releases: string[]; entries: number[] }> {
  const nodes = await lattice.nodes()
  const healths = await Promise.all(
    nodes.map(async ({ url }) =>
      healthAnswer.parse(await (await fetch(`${url}/api/lattice/health`)).json()),
    ),
  )
  return {
    releases: [...new Set(healths.map((health) => health.node.release))],
    entries: healths.map((health) => health.ledger.entries),
  }
}

test('a release is deployed, and rolled back to the proven one before it', async () => {
  const second = await lattice.changeRelease('1.1.0', (node) => `${node}\n// two\n`)
  const { code, document } = await lattice.json('deploy', '--yes')
  expect({ code, document }).toMatchObject({
    code: 0,
    document: { result: 'deployed', release: second },
  })
  expect((await running()).releases).toEqual([second])

  const before = await running()
  const back = await lattice.json('rollback', '--yes')
  expect(back).toMatchObject({ code: 0, document: { result: 'deployed', release: firstRelease } })
  const after = await running()
  expect(after.releases).toEqual([firstRelease])
  expect(Math.min(...after.entries)).toBeGreaterThanOrEqual(Math.max(...before.entries))
  expect((await lattice.verify()).document.verdict).toBe('PASS')

  const forward = await lattice.json('rollback', '--to', second, '--yes')
  expect(forward).toMatchObject({ code: 0, document: { release: second } })
  await lattice.run('rollback', '--to', firstRelease, '--yes')
})

test('a release that crashes at its start is taken back, and nothing is lost', async () => {
  const before = await running()
  const broken = await lattice.changeRelease('1.2.0', (node) => `process.exit(3)\n${node}`)
  const { code, document } = await lattice.json('deploy', '--yes')
  expect({ code, document }).toMatchObject({ code: 1, document: { result: 'restored' } })
  const after = await running()
  expect(after.releases).toEqual(before.releases)
  expect(after.releases).not.toContain(broken)
  expect(Math.min(...after.entries)).toBeGreaterThanOrEqual(Math.max(...before.entries))
  expect((await lattice.verify()).document.verdict).toBe('PASS')
})

test.for(['node1-huggingface', 'node3-backup'])(
  'a node that does not answer, %s, is switched too, and not called proven',
  async (name) => {
    const frozen = (await lattice.nodes()).find((node) => node.name === name)
    if (frozen === undefined) throw new Error(`there is no ${name}`)
    process.kill(frozen.pid, 'SIGSTOP')
    const release = await lattice.changeRelease('1.2.1', (node) => `${node}\n// not ${name}\n`)
    const { code, out, err } = await lattice.run('deploy', '--yes')
    expect({ code, out, err }).toMatchObject({
      code: 2,
      out: expect.stringMatching(
        RegExp(`^\\? Deployed .*: 3 nodes, not all proven\n\\? ${name} did not tell what it held`),
      ),
      err: expect.stringMatching(RegExp(`^\\? gate ${name}: `, 'm')),
    })
    expect((await running()).releases).toEqual([release])
    expect(await lattice.json('deploy', '--yes')).toMatchObject({
      code: 2,
      document: { result: 'unchanged', unproven: [expect.stringContaining(name)] },
    })
    await lattice.changeRelease('1.2.2', (node) => `${node}\n// ${name} again\n`)
    expect(await lattice.json('deploy', '--yes')).toMatchObject({
      code: 0,
      document: { result: 'deployed', unproven: [] },
    })
  },
)

test('a deploy that was killed in the middle is finished or taken back by the next one', async () => {
  const third = await lattice.changeRelease('1.3.0', (node) => `${node}\n// three\n`)
  const child = lattice.start('deploy', '--yes')
  let progress = ''
  child.stderr.on('data', (chunk: Buffer) => {
    progress += chunk.toString('utf8')
  })
  await until('the first node is switched', NOTICE_MS_MAX, () => progress.includes('✔ activate'))
  child.kill('SIGKILL')
  await once(child, 'exit')

  const { code, out } = await lattice.run('deploy', '--yes')
  expect({ code, out }).toMatchObject({ code: 0 })
  expect((await running()).releases).toEqual([third])
  expect((await lattice.verify()).document.verdict).toBe('PASS')
})

test('two operators at once: one works, the other is told who does', async () => {
  await lattice.changeRelease('1.4.0', (node) => `${node}\n// four\n`)
  const first = lattice.start('deploy', '--yes')
  first.stdout.resume()
  let progress = ''
  first.stderr.on('data', (chunk: Buffer) => {
    progress += chunk.toString('utf8')
  })
  await until('the first works', NOTICE_MS_MAX, () => progress.includes('stage'))
  const second = await lattice.json('deploy', '--yes')
  expect(second).toMatchObject({ code: 75, document: { error: { code: 'locked' } } })
  const [code] = (await once(first, 'exit')) as [number]
  expect(code).toBe(0)
})
