import { expect, it } from 'vitest'
import type { DesiredLattice } from '../../ops/desired/lattice.ts'
import type { Plan } from '../../ops/rollout/plan.ts'
import { olderSettings } from './rollback.ts'

const nodes = (digests: Record<string, string>) =>
  Object.entries(digests).map(([name, configDigest]) => ({ name, configDigest }))
const desired = { nodes: nodes({ a: '1', b: '1' }) } as unknown as DesiredLattice
const planned = (digests: Record<string, string>) => ({ nodes: nodes(digests) }) as unknown as Plan

it('says which nodes have settings again that are not those of nodes.yaml', () => {
  const [said, ...more] = olderSettings({ desired }, planned({ a: '0', b: '1' }), {
    result: 'deployed',
  })
  expect(more).toEqual([])
  expect(said).toMatch(/^a: the settings in force are the older ones .*not those of nodes\.yaml/)
  expect(said).toContain('the next deploy brings those of nodes.yaml')
})

it.each([
  [planned({ a: '1', b: '1' }), 'deployed'],
  [planned({ a: '0', b: '0' }), 'restored'],
  [planned({ a: '0', b: '0' }), 'split'],
] as const)('says nothing of settings that are the same, or were not brought', (plan, result) => {
  expect(olderSettings({ desired }, plan, { result })).toEqual([])
})
