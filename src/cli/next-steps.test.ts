import { expect, it } from 'vitest'
import type { App } from './command.ts'
import { nextLooks } from './next-steps.ts'
import { plain } from './output/paint.ts'

it('where not everything was proven, are looks, and break or write nothing', () => {
  const app = { calledAs: 'al', options: { file: 'a.yaml', phase: 'local' } } as App
  expect(nextLooks(app, plain)).toBe(
    `Look at:
  how the nodes are  al status --phase local --file a.yaml
  what they say      al logs --phase local --file a.yaml
  verify again       al verify-triangle --phase local --file a.yaml`,
  )
})
