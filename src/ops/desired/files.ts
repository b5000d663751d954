import { variables } from '../../wire/settings.ts'
import type { DesiredFile } from './desired-file.ts'
import { formatEnv } from './env-file.ts'
import { CA_FILE, itemsIn } from './environment.ts'
import { hostFiles, type HostParts } from './host-files.ts'
import type { DesiredLattice, DesiredNode } from './lattice.ts'

/**
 * The files of one node: its `.env`, the multiaddrs of its peers and their URLs, one a line, and what a
 * server's host is given beside its node. They hold no secret.
 */
export function desiredFiles(
  lattice: DesiredLattice,
  node: DesiredNode,
  host: HostParts,
): DesiredFile[] {
  const lines = (name: string): string =>
    itemsIn(node.environment, name)
      .map((item) => `${item}\n`)
      .join('')
  return [
    {
      path: '.env',
      mode: 0o600,
      text: `${heading(lattice, node)}\n${formatEnv(node.environment)}`,
    },
    { path: 'bootstrap.txt', mode: 0o644, text: lines(variables.p2pBootstrap.name) },
    { path: 'peers.txt', mode: 0o644, text: lines(variables.httpPeers.name) },
    ...(variables.caFile.name in node.environment && host.ca !== null
      ? [{ path: CA_FILE, mode: 0o644, text: host.ca }]
      : []),
    ...hostFiles(lattice.name, node, host),
  ]
}

/** Every node's files, in a folder of the node's name. */
export const renderLattice = (lattice: DesiredLattice, host: HostParts): DesiredFile[] =>
  lattice.nodes.flatMap((node) =>
    desiredFiles(lattice, node, host).map((file) => ({
      ...file,
      path: `${node.name}/${file.path}`,
    })),
  )

/**
 * The names of the variables that a node is given as secrets, apart from its `.env`. Other nodes find
 * their key in the file that AETHEL_NODE_KEY_FILE names.
 */
export const secretVariablesOf = (node: DesiredNode): readonly string[] =>
  node.kind === 'space' ? [variables.nodeKey.name] : []

function heading(lattice: DesiredLattice, node: DesiredNode): string {
  const { name, role, kind, environment } = node
  const secrets = secretVariablesOf(node)
  const keyFile = environment[variables.nodeKeyFile.name]
  const lines = [
    `${name}: ${role} node of the lattice ${lattice.name}, ${kinds[kind]}.`,
    'Made by aethel-lattice from nodes.yaml: change it there, a change here is lost.',
    ...(secrets.length > 0
      ? [
          'These are variables of the Space. Its secrets are set on the hub and stand in no file:',
          ...secrets.map((secret) => `  ${secret}`),
        ]
      : [
          'What the process finds in its environment wins over this file.',
          `The node's key is not in here; it is in ${keyFile}.`,
        ]),
  ]
  return lines.map((line) => `# ${line}\n`).join('')
}

const kinds = {
  local: 'a process on this machine',
  server: 'a server',
  space: 'a Hugging Face Space',
} as const
