/** Nodes on real hosts whose addresses change: there and back, with what they hold. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Lab } from './lab.ts'
import { deployed, Operator } from './operator.ts'
import { upTestLab } from './test-lab.ts'

let lab: Lab
let operator: Operator
let home: string

beforeAll(async () => {
  lab = await upTestLab()
  operator = new Operator(lab)
  home = operator.home
  await operator.settle()
})
afterAll(async () => {
  await lab?.down()
  operator?.remove()
})

/** Edits nodes.yaml: every node serves HTTP on another port. */
const move = async (from: number, to: number): Promise<void> =>
  operator.change((text) => text.replaceAll(String(from), String(to)))

const answersAt = async (port: number): Promise<boolean[]> =>
  Promise.all(
    lab.hosts.map(async ({ address }) =>
      fetch(`http://${address}:${port}/api/lattice/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    ),
  )

async function expectProven(): Promise<void> {
  expect((await operator.told('verify-triangle')).said).toMatchObject({ verdict: 'PASS' })
  expect((await operator.told('plan')).said.changes).toEqual([])
}

test('they are served where nodes.yaml says', async () => {
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  const intent = 'intent transfer { from: Alice, to: Bob, amount: 7 }'
  expect((await operator.run('submit', intent, '--wait', 'replicated:2')).code).toBe(0)
  expect(await answersAt(8000)).toEqual([true, true])
})

test('they are proven at the new ones, and the old ones are free', async () => {
  await move(8000, 8100)
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  expect(await answersAt(8100)).toEqual([true, true])
  expect(await answersAt(8000)).toEqual([false, false])
  await expectProven()
})

test('a release that never serves there is taken back to where it was', async () => {
  await move(8100, 8200)
  await operator.changeRelease('0.0.1', () => 'setInterval(() => {}, 1000)')
  expect(await operator.told('deploy', '--yes')).toMatchObject({
    code: 1,
    said: { result: 'restored', failure: { step: 'gate:node1' } },
  })
  operator.home = home
  expect(await answersAt(8100)).toEqual([true, true])
  expect(await answersAt(8200)).toEqual([false, false])
  await move(8200, 8100)
  await expectProven()
})

test('a rollback brings them back to the old ones', async () => {
  expect(await operator.told('rollback', '--yes')).toMatchObject({ code: 0, said: deployed })
  expect(await answersAt(8000)).toEqual([true, true])
  expect(await answersAt(8100)).toEqual([false, false])
})
