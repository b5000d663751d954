import { variables } from '../../wire/settings.ts'
import { OperatorError } from '../errors.ts'
import type { ServerSpec } from '../inventory/inventory.ts'
import { isProxied } from '../inventory/origins.ts'
import { firewallFile, firewallTableOf } from './firewall-file.ts'
import { CADDY_FOLDER, caddyFilesOf } from './caddy-files.ts'
import type { DesiredFile } from './desired-file.ts'
import type { DesiredNode } from './lattice.ts'

/** What a server's host files are made of beside nodes.yaml. */
export interface HostParts {
  /** The texts of templates/aethel-lattice.service, .socket, .caddy and .firewall.service. */
  templates: { service: string; socket: string; caddy: string; firewall: string }
  /** Version of the Node.js that a deploy brings, such as 26.10.0; in `<root>/shared/node/<version>`. */
  nodeVersion: string
  /** What that runs, as the release's manifest names it. */
  flags: readonly string[]
  entry: string
  /** Certificates (PEM) of the authorities that nodes trust beside the public ones; null: none. */
  ca: string | null
}

/** The system user that runs every node of a host. */
export const SERVICE_USER = 'aethel-lattice'

/** Where host files lie among a node's settings; each is copied to where its program looks for it. */
export const HOST_FOLDER = 'host'

/** Name of a node's systemd units, without `.service` or `.socket`. */
export const unitNameOf = (node: { name: string }): string => `aethel-lattice-${node.name}`

/**
 * What the host of a node on a server is given: the socket that holds its HTTP port, the service, and
 * Caddy's site where Caddy serves its url. None for a node elsewhere.
 *
 * @throws `OperatorError` for a value that a file would read as more than itself
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
  const file = (name: string, template: string, more = {}): DesiredFile => ({
    path: `${HOST_FOLDER}/${name}`,
    mode: 0o644,
    text: fill(template, { ...values, ...more }),
  })
  const { service, socket, caddy } = parts.templates
  const units = [
    file(`${unit}.service`, service),
    file(`${unit}.socket`, socket),
    ...firewallFiles(node, node.spec, unit, file, parts.templates.firewall),
  ]
  if (node.spec.proxy === null) return units
  const { site, certificate, key } = caddyFilesOf(node.name)
  const own = ['tls', `${CADDY_FOLDER}/${certificate}`, `${CADDY_FOLDER}/${key}`]
  const tls = node.spec.proxy.tls === null ? [] : own
  return [...units, file(site, caddy, { url: node.url, tls })]
}

/** The rules for a host's ports and the unit that loads them; none when everybody may come. */
function firewallFiles(
  node: DesiredNode,
  { root, firewall, ssh, httpPort, p2pPort, url }: ServerSpec,
  unit: string,
  file: (name: string, template: string, more?: object) => DesiredFile,
  template: string,
): DesiredFile[] {
  if (firewall === null) return []
  const name = `${plain('node', node.name)}.nft`
  const table = firewallTableOf(node.name)
  const terms = {
    table,
    sshPort: ssh.port ?? SSH_PORT,
    ports: isProxied(url) ? [p2pPort] : [httpPort, p2pPort],
    allow: firewall.allow.map((network) => plain('firewall', network)),
  }
  const rules = `${root}/current/settings/${HOST_FOLDER}/${name}`
  return [
    { path: `${HOST_FOLDER}/${name}`, mode: 0o644, text: firewallFile(terms) },
    file(`${unit}.firewall.service`, template, { rules, table }),
  ]
}

const SSH_PORT = 22

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
 * Systemd and Caddy read each setting by rules of their own: quotes, backslashes, braces, `%`, `$`, `;` and
 * white space mean something here and not there. No such sign is written at all.
 */
function plain(name: string, word: string): string {
  if (/^[A-Za-z0-9_./:=+[\]-]+$/.test(word)) return word
  throw new OperatorError('unwritable-value', `${name} cannot be written to a file of the host`, {
    exit: 'badInput',
    hint: 'use letters, digits and _ . / : = + - only',
  })
}
