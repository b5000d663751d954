/** From a lattice on real hosts back to hosts as they were, with the data kept on the way and without. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { endOf } from '../cli/built-cli.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { upTestLab } from './test-lab.ts'

const program = join(import.meta.dirname, '../../bin/aethel-lattice.js')
const ROOT = '/opt/aethel-lattice'

let lab: Lab
let cache: string
let before: string[]

beforeAll(async () => {
  cache = mkdtempSync(join(tmpdir(), 'aethel-teardown-'))
  lab = await upTestLab()
  const inventory = await readFile(lab.files.inventory, 'utf8')
  await writeFile(
    lab.files.inventory,
    inventory.replace('lattice:\n', 'lattice:\n  submit: open\n'),
  )
  before = await Promise.all(lab.hosts.map(stateOf))
  await told('keys')
})
afterAll(async () => {
  await lab?.down()
  rmSync(cache, { recursive: true, force: true })
})

interface Said {
  result?: string
  verification?: { verdict: string } | null
  error?: { code: string }
  removed?: boolean
  found?: { kind: string; name: string }[]
  data?: { path: string; files: number | null; outcome: string } | null
  left?: string[]
  verdict?: string
  nodes?: { frontier: Record<string, number> | null }[]
}

/** What a command said with `--json`, and how it ended. */
async function told(...args: string[]): Promise<{ code: number | null; said: Said }> {
  const child = spawn(
    process.execPath,
    [program, ...args, '--json', '--file', lab.files.inventory],
    {
      env: { ...process.env, HOME: lab.files.home, XDG_CACHE_HOME: cache, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const { code, out, err } = await endOf(child)
  if (out === '') throw new Error(`${args.join(' ')} ended with ${code} and said: ${err}`)
  return { code, said: JSON.parse(out) as Said }
}

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
  const { said } = await told('verify-triangle')
  expect(said.verdict).toBe('PASS')
  return Object.keys(said.nodes?.at(-1)?.frontier ?? {}).toSorted()
}

test('a dry run tells what a deploy has left, and changes nothing', async () => {
  expect((await told('teardown', 'node1', '--dry-run')).said).toMatchObject({
    found: [],
    data: null,
  })
  expect((await told('deploy', '--yes')).said).toMatchObject({
    result: 'deployed',
    verification: { verdict: 'PASS' },
  })
  const { code, said } = await told('teardown', 'node2', '--dry-run')
  expect(code).toBe(0)
  expect(said).toMatchObject({ removed: false, data: { path: `${ROOT}/shared/data` } })
  expect(said.found).toContainEqual({ kind: 'user', name: 'aethel-lattice' })
  expect((await told('verify-triangle')).said).toMatchObject({ verdict: 'PASS' })
})

test('is agreed to, data by their node’s name', async () => {
  expect(await told('teardown', 'node2')).toMatchObject({
    code: 64,
    said: { error: { code: 'needs-yes' } },
  })
  expect(await told('teardown', 'node2', '--purge-data', '--yes')).toMatchObject({
    code: 64,
    said: { error: { code: 'needs-confirm' } },
  })
  expect(await told('teardown', 'node2', '--purge-data', '--confirm', 'node1')).toMatchObject({
    code: 64,
    said: { error: { code: 'other-name' } },
  })
  expect((await told('verify-triangle')).said).toMatchObject({ verdict: 'PASS' })
})

test('a node that is torn down leaves its data alone, and goes on with them', async () => {
  const host = lab.host('node2')
  const written = await told(
    'submit',
    'intent transfer { from: Alice, to: Bob, amount: 7 }',
    '--node',
    'node2',
  )
  expect(written.code).toBe(0)
  const wrote = await authors()
  expect(wrote).toHaveLength(2)
  const log = `${ROOT}/shared/data`
  const { code, said } = await told('teardown', 'node2', '--yes')
  expect({ code, said }).toMatchObject({
    code: 0,
    said: { removed: true, left: [], data: { outcome: 'kept' } },
  })
  // Closed in order: nothing but the store itself.
  expect(await host.exec(['find', log, '-type', 'f'])).toBe(`${log}/ledger.sqlite\n`)
  expect(await host.exec(['stat', '-c', '%U %a', log])).toBe('root 700\n')
  expect((await host.attempt(['id', 'aethel-lattice'])).code).toBe(1)
  expect((await told('teardown', 'node2', '--yes')).said).toMatchObject({
    removed: false,
    found: [],
  })

  expect((await told('deploy', '--yes')).said).toMatchObject({
    result: 'deployed',
    verification: { verdict: 'PASS' },
  })
  expect(await authors()).toEqual(wrote)
})

test('hosts are what they were once every node and its data are gone', async () => {
  expect((await told('teardown', 'node1', '--yes')).code).toBe(0)
  // What is left is data alone: Node.js is brought to remove them.
  for (const node of ['node1', 'node2']) {
    const { code, said } = await told('teardown', node, '--purge-data', '--confirm', node)
    expect({ code, said }).toMatchObject({ code: 0, said: { removed: true, left: [] } })
  }
  expect(await Promise.all(lab.hosts.map(stateOf))).toEqual(before)
})
