import { expect, it } from 'vitest'
import type { Traces } from '../../ops/targets/target.ts'
import { plain } from './paint.ts'
import { formatTeardown, isNothing, type ShownTeardown } from './teardown.ts'

const traces: Traces = {
  isRunning: true,
  found: [
    { kind: 'file', name: '/etc/systemd/system/aethel-lattice-node1.service' },
    { kind: 'folder', name: '/opt/aethel-lattice/releases' },
  ],
  data: { path: '/opt/aethel-lattice/shared/data', files: 3, bytes: 2048 },
  stays: [],
  unseen: null,
}
const nothing: Traces = { ...traces, isRunning: false, found: [], data: null }
const shown = (more: Partial<ShownTeardown> = {}): ShownTeardown => ({
  node: 'node1',
  traces,
  purgesData: false,
  left: null,
  ...more,
})

it('is a plan of what goes and what stays', () => {
  expect(formatTeardown(shown(), plain)).toBe(
    `node1 is removed from where it lives:
  - it runs, and is stopped first
  - file /etc/systemd/system/aethel-lattice-node1.service
  - folder /opt/aethel-lattice/releases
  = data /opt/aethel-lattice/shared/data: 3 files, 2.0 KiB; kept, and found by the next deploy`,
  )
})

it('says that data go for good, and what could not be seen or is not ours', () => {
  const text = formatTeardown(
    shown({
      purgesData: true,
      left: ['/opt/aethel-lattice/mine'],
      traces: { ...traces, stays: ['package caddy'], unseen: 'nobody looked' },
    }),
    plain,
  )
  expect(text).toMatch(/^✔ node1 is removed\n/)
  expect(text).toContain('  - data /opt/aethel-lattice/shared/data: 3 files, 2.0 KiB, for good')
  expect(text).toContain('  = /opt/aethel-lattice/mine is not ours')
  expect(text).toContain('  = package caddy')
  expect(text).toContain('  ? there may be more: nobody looked')
  expect(text).toContain('take it out of nodes.yaml and deploy')
})

it('counts no data that nobody counted', () => {
  const data = { path: '/data', files: null, bytes: null }
  expect(formatTeardown(shown({ traces: { ...traces, data } }), plain)).toContain(
    '= data /data: not counted; kept',
  )
})

it.each([
  [nothing, false, true],
  [{ ...nothing, data: traces.data }, false, true],
  [{ ...nothing, data: traces.data }, true, false],
  [{ ...nothing, isRunning: true }, false, false],
  [{ ...nothing, found: traces.found }, false, false],
])('knows when there is nothing to do', (found, purgesData, is) => {
  expect(isNothing(shown({ traces: found, purgesData }))).toBe(is)
  expect(formatTeardown(shown({ traces: found, purgesData }), plain).includes('Nothing of')).toBe(
    is,
  )
})
