import { execFile } from 'node:child_process'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { caddyFilesOf } from '../desired/caddy-files.ts'
import { HOST_FOLDER, SERVICE_USER, unitNameOf } from '../desired/host-files.ts'
import type { Owner } from '../host/durable-file.ts'
import { TargetError } from '../targets/errors.ts'
import { layoutOf, type Layout } from '../targets/placement/layout.ts'
import type { Caddy } from './caddy.ts'
import { caddyFolder, isImported } from './caddy-import.ts'
import { COMMAND_MS } from './limits.ts'
import type { ServiceManager } from './service-manager.ts'

/** The host that an agent acts on, as far as acts know it. */
export interface Host {
  /** The node's name. */
  node: string
  /** The node's folder, absolute. */
  root: string
  /** The host's folder of settings: `/etc`. */
  etc: string
  /** Users of the host. */
  users: Users
  services: ServiceManager
  caddy: Caddy
  /** What nft finds wrong with rules, without loading them; null: nothing. */
  firewallProblemIn(file: string, signal: AbortSignal): Promise<string | null>
  /** Whether the kernel has the node's table of nft; its unit only knows that it loaded it once. */
  isFirewallUp(): Promise<boolean>
  /** The agent's own program; kept in the node's folder by `stage`. */
  program: { sha256: string; text: Uint8Array }
}

export interface Users {
  /** Null: there is no such user. */
  find(name: string): Promise<Owner | null>
  /** Makes a user that nobody logs in as. */
  add(name: string, home: string, signal: AbortSignal): Promise<void>
  /** Removes a user, with the group of that name. */
  remove(name: string, signal: AbortSignal): Promise<void>
}

/** What nodes.yaml allows as a name; it becomes a part of file and unit names. */
export const NODE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** A node's folder, as nodes.yaml allows it: at least two deep, no link to a parent. */
export const ROOT_FOLDER = /^(?=.{1,200}$)(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){2,16}$/

export const unitsOf = (node: string) => ({
  service: `${unitNameOf({ name: node })}.service`,
  socket: `${unitNameOf({ name: node })}.socket`,
  // A node's name has no dot: no node has a service of this name.
  firewall: `${unitNameOf({ name: node })}.firewall.service`,
})

/** The rules lie with the generation that they belong to. */
export const firewallRulesOf = ({ root, node }: Pick<Host, 'root' | 'node'>): string =>
  join(root, 'current/settings', HOST_FOLDER, `${node}.nft`)

/**
 * Where the host looks for a file of a node's settings under `host/`; null for another file.
 *
 * @throws TargetError for one that has no place on a host, such as another node's unit
 */
export function hostPlaceOf({ node, etc, root }: Host, path: string): string | null {
  const [folder, name = '', ...rest] = path.split('/')
  if (folder !== HOST_FOLDER) return null
  if (rest.length === 0 && Object.values(unitsOf(node)).includes(name)) {
    return join(etc, 'systemd/system', name)
  }
  if (rest.length === 0 && name === `${node}.nft`) return firewallRulesOf({ root, node })
  if (rest.length === 0 && Object.values(caddyFilesOf(node)).includes(name)) {
    return join(caddyFolder(etc), name)
  }
  throw new TargetError('settings', `${path} has no place on the host of ${node}`, {
    exit: 'badInput',
    hint: 'only its units, its firewall’s rules and what Caddy has of it have one',
  })
}

/** The node's folder with the user that it runs as; without one where there is no such user yet. */
export async function layoutOn(host: Host): Promise<Layout> {
  const owner = await host.users.find(SERVICE_USER)
  const isSiteRead = await isImported(host.etc)
  const site = `${HOST_FOLDER}/${caddyFilesOf(host.node).site}`
  const rules = `${HOST_FOLDER}/${host.node}.nft`
  const hasRules = await access(firewallRulesOf(host)).then(
    () => true,
    () => false,
  )
  const areRulesOut = hasRules && !(await host.isFirewallUp())
  return layoutOf(host.root, {
    owner,
    copyOf: (path) => {
      const place = hostPlaceOf(host, path)
      // A site that Caddy does not include is as good as none, and looks so; rules are no other.
      if (path === site && !isSiteRead) return `${place}-not-included`
      return path === rules && areRulesOut ? `${place}-not-loaded` : place
    },
  })
}

/** The users of a Linux host. */
export const linuxUsers: Users = {
  find: async (name) => {
    const lines = (await readFile('/etc/passwd', 'utf8')).split('\n')
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) }
  },
  add: async (name, home, signal) => {
    const options = ['--system', '--user-group', '--no-create-home', '--home-dir', home]
    await administer('useradd', [...options, '--shell', '/usr/sbin/nologin', '--', name], signal)
  },
  remove: async (name, signal) => administer('userdel', ['--', name], signal),
}

async function administer(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
  await promisify(execFile)(program, args, { env, signal, timeout: COMMAND_MS })
}
