import { expect, it } from 'vitest'
import type { Generation, Holding, ObservedNode } from '../targets/target.ts'
import { everywhere, lattice, proven, release, running } from './fixtures/facts.ts'
import { FakeLattice } from './fixtures/fake-lattice.ts'
import { prepareRollback } from './rollback.ts'

const { signal } = new AbortController()
const on = (letter: string): ObservedNode[] => everywhere((name) => running(name, letter, 'x'))

/** Targets on which some generations are not whole. */
function targets(damage: (node: string, release: string) => Holding) {
  const fake = new FakeLattice()
  for (const node of fake.nodes) {
    node.check = async (generation: Generation): Promise<Holding> =>
      damage(node.name, generation.release)
  }
  return fake.nodes
}
const input = { lattice, observed: on('c'), proven: ['a', 'b', 'c'].map((one) => proven(one, 'x')) }

it('takes the release before the current one when every node holds it whole', async () => {
  const choice = await prepareRollback(
    input,
    targets(() => 'intact'),
    signal,
  )
  expect([choice.target.release, choice.skipped]).toEqual([release('b').id, []])
  expect(choice.plan.kind).toBe('rollback')
})

it('passes over a release that is not whole everywhere, and says where', async () => {
  const broken = targets((node, id) => {
    return node === 'backup' && id === release('b').id ? 'damaged' : 'intact'
  })
  const { target, skipped } = await prepareRollback(input, broken, signal)
  expect(target.release).toBe(release('a').id)
  expect(skipped).toEqual([{ release: release('b').id, node: 'backup', holding: 'damaged' }])
})

it('takes no other than the one asked for', async () => {
  const broken = targets((_node, id) => (id === release('b').id ? 'absent' : 'intact'))
  await expect(prepareRollback({ ...input, to: release('b').id }, broken, signal)).rejects.toThrow(
    /rb+ is absent on primary/,
  )
})

it('hashes nothing on a node that already runs it', async () => {
  const observed = [...on('b').slice(0, 1), ...on('c').slice(1)]
  const space = targets((node) => (node === 'space' ? 'absent' : 'intact'))
  const given = { ...input, observed, to: release('b').id }
  expect((await prepareRollback(given, space, signal)).plan.steps.length).toBe(4)
})
