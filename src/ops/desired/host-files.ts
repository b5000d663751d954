import { variables } from '../../wire/settings.ts'
import { OperatorError } from '../errors.ts'
import type { DesiredFile } from './desired-file.ts'
import type { DesiredNode } from './lattice.ts'

/** What a server's host files are made of beside nodes.yaml. */
export interface HostParts {
  /** The texts of templates/aethel-lattice.service and .socket. */
  templates: { service: string; socket: string }
  /** Version of the Node.js that a deploy brings, such as 26.10.0; in `<root>/shared/node/<version>`. */
  nodeVersion: string
  /** What that runs, as the release's manifest names it. */
  flags: readonly string[]
  entry: string
}

/** The system user that runs every node of a host. */
export const SERVICE_USER = 'aethel-lattice'

/** Where host files lie among a node's settings; each is copied to where its program looks for it. */
export const HOST_FOLDER = 'host'

/** Name of a node's systemd units, without `.service` or `.socket`. */
export const unitNameOf = (node: { name: string }): string => `aethel-lattice-${node.name}`

/**
 * The systemd units of a node on a server: the socket that holds its HTTP port, and the service. None
 * for a node elsewhere.
 *
 * @throws `OperatorError` for a value that a unit file would read as more than itself
 */
export function hostFiles(lattice: string, node: DesiredNode, parts: HostParts): DesiredFile[] {
  if (node.kind !== 'server' || node.spec.kind !== 'server') return []
  const { root } = node.spec
  const unit = unitNameOf(node)
  const values = {
    lattice,
    node: node.name,
    unit,
    root,
    user: SERVICE_USER,
    nodeVersion: parts.nodeVersion,
    command: [...parts.flags, `${root}/current/release/${parts.entry}`],
    listen: listenAddress(node.environment),
  }
  const file = (suffix: keyof HostParts['templates']): DesiredFile => ({
    path: `${HOST_FOLDER}/${unit}.${suffix}`,
    mode: 0o644,
    text: fill(parts.templates[suffix], values),
  })
  return [file('service'), file('socket')]
}

function listenAddress(environment: Readonly<Record<string, string>>): string {
  const host = environment[variables.httpHost.name] ?? ''
  const port = environment[variables.httpPort.name] ?? ''
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The template with every `{{name}}` replaced by a value, or by several with a space between. */
function fill(
  template: string,
  values: Readonly<Record<string, string | readonly string[]>>,
): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`a template asks for {{${name}}}, which nobody gives`)
    return [value]
      .flat()
      .map((word) => plain(name, word))
      .join(' ')
  })
}

/**
 * Systemd reads each setting by rules of its own: quotes, backslashes, `%`, `$`, `;` and white space mean
 * something here and not there. No such sign is written at all.
 */
function plain(name: string, word: string): string {
  if (/^[A-Za-z0-9_./:=+[\]-]+$/.test(word)) return word
  throw new OperatorError('unwritable-value', `${name} cannot be written to a systemd unit`, {
    exit: 'badInput',
    hint: 'use letters, digits and _ . / : = + - only',
  })
}
