/** A host's own rules about who reaches a node, on real hosts beside rules that somebody else has there. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { endOf } from '../cli/built-cli.ts'
import type { Lab } from './lab.ts'
import { upTestLab } from './test-lab.ts'

const program = join(import.meta.dirname, '../../bin/aethel-lattice.js')
const TABLE = ['nft', 'list', 'table', 'inet', 'aethel_lattice_node1']

let lab: Lab
let folder: string
/** Of this machine, as the hosts see it. */
let machine: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aethel-firewall-'))
  // The third host is in no lattice.
  lab = await upTestLab({ hostCount: 3 })
  machine = lab.machine.address
  await lab.host('node1').exec(['nft', 'add', 'table', 'inet', 'theirs'])
  await allow([machine, lab.host('node1').address, lab.host('node2').address])
  await told('keys')
})
afterAll(async () => {
  await lab?.down()
  rmSync(folder, { recursive: true, force: true })
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

interface Said {
  result?: string
  verification?: { verdict: string } | null
}

async function told(...args: string[]): Promise<{ code: number | null; said: Said }> {
  const child = spawn(
    process.execPath,
    [program, ...args, '--json', '--file', lab.files.inventory],
    {
      env: { ...process.env, HOME: lab.files.home, XDG_CACHE_HOME: folder, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const { code, out, err } = await endOf(child)
  if (out === '') throw new Error(`${args.join(' ')} ended with ${code} and said: ${err}`)
  return { code, said: JSON.parse(out) as Said }
}

/** Whether the host outside can open a connection to a port of node1. */
async function isOpenToStrangers(port: number): Promise<boolean> {
  const { address } = lab.host('node1')
  const dial = ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`]
  return (await lab.host('node3').attempt(dial)).code === 0
}
const openPorts = async (): Promise<boolean[]> =>
  Promise.all([22, 8000, 9000].map(isOpenToStrangers))

const deployed = { result: 'deployed', verification: { verdict: 'PASS' } }

test('only those who may reach the node; SSH, and rules of others, are as they were', async () => {
  expect((await told('deploy', '--yes')).said).toMatchObject(deployed)
  expect(await openPorts()).toEqual([true, false, false])
  const { stdout } = await lab.host('node1').attempt(['nft', 'list', 'tables'])
  expect(stdout).toContain('table inet theirs')
  expect((await told('deploy', '--yes')).said).toMatchObject({ result: 'unchanged' })
})

test('they come back with the host', async () => {
  await lab.host('node1').reboot()
  expect((await lab.host('node1').attempt(TABLE)).code).toBe(0)
  expect(await openPorts()).toEqual([true, false, false])
})

test('rules that shut the operator out are taken back', async () => {
  await allow([lab.host('node1').address, lab.host('node2').address])
  expect((await told('deploy', '--yes')).said).toMatchObject({ result: 'restored' })
  expect((await lab.host('node1').exec(TABLE)).includes(machine)).toBe(true)
})

test('without them everybody may again', async () => {
  await allow(null)
  expect((await told('deploy', '--yes')).said).toMatchObject(deployed)
  expect((await lab.host('node1').attempt(TABLE)).code).not.toBe(0)
  expect(await openPorts()).toEqual([true, true, true])
})

test('a teardown takes them away', async () => {
  await allow([`${machine}/24`])
  expect((await told('deploy', '--yes')).said).toMatchObject(deployed)
  expect((await lab.host('node1').attempt(TABLE)).code).toBe(0)
  expect((await told('teardown', 'node1', '--yes')).code).toBe(0)
  expect((await lab.host('node1').attempt(TABLE)).code).not.toBe(0)
})
