/** From a lattice on real hosts back to hosts as they were, with the data kept on the way and without. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { deployed, Operator } from './operator.ts'
import { upTestLab } from './test-lab.ts'

const ROOT = '/opt/aethel-lattice'

let lab: Lab
let operator: Operator
let before: string[]

beforeAll(async () => {
  lab = await upTestLab()
  operator = new Operator(lab)
  before = await Promise.all(lab.hosts.map(stateOf))
  await operator.settle()
})
afterAll(async () => {
  operator?.remove()
  await lab?.down()
})

/** Everything of a host that a deploy could change and a teardown has to bring back. */
async function stateOf(host: Host): Promise<string> {
  const listing = 'find /etc /opt /usr/local /srv -path /etc/ssl -prune -o -print | sort'
  // Copies that the programs for users make of what was before are not ours.
  const files = await host.exec(['sh', '-c', `${listing} | grep -v '^/etc/[a-z]*-$'`])
  const users = await host.exec(['cat', '/etc/passwd', '/etc/group', '/etc/shadow', '/etc/gshadow'])
  const units = await host.exec([
    'systemctl',
    'list-units',
    '--all',
    '--plain',
    '--no-legend',
    'aethel*',
  ])
  const ports = await host.exec(['ss', '-Hltn'])
  return [files, users, units, ports.replaceAll(/\s+/g, ' ')].join('\n--\n')
}

/** Authors that the lattice's logs have: a node that began anew would be another one. */
async function authors(): Promise<string[]> {
  const { said } = await operator.told('verify-triangle')
  expect(said.verdict).toBe('PASS')
  return Object.keys(said.nodes?.at(-1)?.frontier ?? {}).toSorted()
}

test('a dry run tells what a deploy has left, and changes nothing', async () => {
  expect((await operator.told('teardown', 'node1', '--dry-run')).said).toMatchObject({
    found: [],
    data: null,
  })
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  const { code, said } = await operator.told('teardown', 'node2', '--dry-run')
  expect(code).toBe(0)
  expect(said).toMatchObject({ removed: false, data: { path: `${ROOT}/shared/data` } })
  expect(said.found).toContainEqual({ kind: 'user', name: 'aethel-lattice' })
  expect((await operator.told('verify-triangle')).said).toMatchObject({ verdict: 'PASS' })
})

test('is agreed to, data by their node’s name', async () => {
  expect(await operator.told('teardown', 'node2')).toMatchObject({
    code: 64,
    said: { error: { code: 'needs-yes' } },
  })
  expect(await operator.told('teardown', 'node2', '--purge-data', '--yes')).toMatchObject({
    code: 64,
    said: { error: { code: 'needs-confirm' } },
  })
  expect(
    await operator.told('teardown', 'node2', '--purge-data', '--confirm', 'node1'),
  ).toMatchObject({
    code: 64,
    said: { error: { code: 'other-name' } },
  })
  expect((await operator.told('verify-triangle')).said).toMatchObject({ verdict: 'PASS' })
})

test('a node that is torn down leaves its data alone, and goes on with them', async () => {
  const host = lab.host('node2')
  const written = await operator.told(
    'submit',
    'intent transfer { from: Alice, to: Bob, amount: 7 }',
    '--node',
    'node2',
  )
  expect(written.code).toBe(0)
  const wrote = await authors()
  expect(wrote).toHaveLength(2)
  const log = `${ROOT}/shared/data`
  const { code, said } = await operator.told('teardown', 'node2', '--yes')
  expect({ code, said }).toMatchObject({
    code: 0,
    said: { removed: true, left: [], data: { outcome: 'kept' } },
  })
  // Closed in order: nothing but the store itself.
  expect(await host.exec(['find', log, '-type', 'f'])).toBe(`${log}/ledger.sqlite\n`)
  expect(await host.exec(['stat', '-c', '%U %a', log])).toBe('root 700\n')
  expect((await host.attempt(['id', 'aethel-lattice'])).code).toBe(1)
  expect((await operator.told('teardown', 'node2', '--yes')).said).toMatchObject({
    removed: false,
    found: [],
  })

  // Its host has nothing of ours now, and keeps nobody from stopping the other node.
  const unit = ['systemctl', 'is-active', 'aethel-lattice-node1']
  for (const args of [
    ['--phase', 'full', '--dry-run'],
    ['--phase', 'full'],
  ]) {
    expect((await lab.host('node1').attempt(unit)).stdout.trim()).toBe('active')
    const down = await operator.told('down', ...args)
    expect(down).toMatchObject({
      code: 0,
      said: { nodes: [{ was_running: true }, { was_running: false }] },
    })
  }
  expect((await lab.host('node1').attempt(unit)).stdout.trim()).toBe('inactive')

  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  expect(await authors()).toEqual(wrote)
})

test('hosts are what they were once every node and its data are gone', async () => {
  expect((await operator.told('teardown', 'node1', '--yes')).code).toBe(0)
  // What is left is data alone: Node.js is brought to remove them.
  for (const node of ['node1', 'node2']) {
    const { code, said } = await operator.told('teardown', node, '--purge-data', '--confirm', node)
    expect({ code, said }).toMatchObject({ code: 0, said: { removed: true, left: [] } })
  }
  expect(await Promise.all(lab.hosts.map(stateOf))).toEqual(before)
})
