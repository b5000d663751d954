/** A host's own rules about who reaches a node, on real hosts beside rules that somebody else has there. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Lab } from './lab.ts'
import { deployed, Operator } from './operator.ts'
import { upTestLab } from './test-lab.ts'

const TABLE = ['nft', 'list', 'table', 'inet', 'aethel_lattice_node1']

let lab: Lab
let operator: Operator
/** Of this machine, as the hosts see it. */
let machine: string

beforeAll(async () => {
  // The third host is in no lattice.
  lab = await upTestLab({ hostCount: 3 })
  operator = new Operator(lab)
  machine = lab.machine.address
  await lab.host('node1').exec(['nft', 'add', 'table', 'inet', 'theirs'])
  await allow([machine, lab.host('node1').address, lab.host('node2').address])
  await operator.run('keys')
})
afterAll(async () => {
  operator?.remove()
  await lab?.down()
})

async function allow(networks: string[] | null): Promise<void> {
  const inventory = parse(await readFile(lab.files.inventory, 'utf8')) as {
    nodes: { name: string; firewall?: object }[]
  }
  const nodes = inventory.nodes
    .filter(({ name }) => name !== 'node3')
    .map(({ firewall: _before, ...node }) =>
      networks === null ? node : { ...node, firewall: { allow: networks } },
    )
  await writeFile(lab.files.inventory, stringify({ ...inventory, nodes }))
}

/** Whether the host outside can open a connection to a port of node1. */
async function isOpenToStrangers(port: number): Promise<boolean> {
  const { address } = lab.host('node1')
  const dial = ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`]
  return (await lab.host('node3').attempt(dial)).code === 0
}
const openPorts = async (): Promise<boolean[]> =>
  Promise.all([22, 8000, 9000].map(isOpenToStrangers))

test('only those who may reach the node; SSH, and rules of others, are as they were', async () => {
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  expect(await openPorts()).toEqual([true, false, false])
  const { stdout } = await lab.host('node1').attempt(['nft', 'list', 'tables'])
  expect(stdout).toContain('table inet theirs')
  expect((await operator.told('deploy', '--yes')).said).toMatchObject({ result: 'unchanged' })
})

test('they come back with the host', async () => {
  await lab.host('node1').reboot()
  expect((await lab.host('node1').attempt(TABLE)).code).toBe(0)
  expect(await openPorts()).toEqual([true, false, false])
})

test('rules that somebody flushed are drift, and are loaded again', async () => {
  await lab.host('node1').exec(['nft', 'flush', 'ruleset'])
  expect(await openPorts()).toEqual([true, true, true])
  expect((await operator.told('plan')).said.changes).toContainEqual(
    expect.objectContaining({ kind: 'drift', node: 'node1', what: 'settings' }),
  )
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  expect(await openPorts()).toEqual([true, false, false])
  expect((await operator.told('plan')).said.changes).toEqual([])
})

test('rules that shut the operator out are taken back', async () => {
  await allow([lab.host('node1').address, lab.host('node2').address])
  expect((await operator.told('deploy', '--yes')).said).toMatchObject({ result: 'restored' })
  expect((await lab.host('node1').exec(TABLE)).includes(machine)).toBe(true)
})

test('without them everybody may again', async () => {
  await allow(null)
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  expect((await lab.host('node1').attempt(TABLE)).code).not.toBe(0)
  expect(await openPorts()).toEqual([true, true, true])
})

test('a teardown takes them away', async () => {
  await allow([`${machine}/24`])
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  expect((await lab.host('node1').attempt(TABLE)).code).toBe(0)
  expect((await operator.told('teardown', 'node1', '--yes')).code).toBe(0)
  expect((await lab.host('node1').attempt(TABLE)).code).not.toBe(0)
})
