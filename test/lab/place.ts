import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'

/**
 * Where a lab lies on this machine. Every name is made from the lab's directory, so that two labs
 * never meet, and whoever knows the directory finds all that a lab which was killed left behind.
 */
export interface Place {
  directory: string
  /** Six hex characters. */
  id: string
  /** Network interfaces: at most 15 characters. */
  bridge: string
  cgroup: string
}

export function placeOf(path: string): Place {
  const directory = resolve(path)
  const id = createHash('sha256').update(directory).digest('hex').slice(0, 6)
  return { directory, id, bridge: `lab${id}`, cgroup: `aethel-lab-${id}` }
}

export const hostNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `node${index + 1}`)

/** Where one host lies. */
export const hostPlaceOf = ({ directory, id, bridge, cgroup }: Place, name: string) => ({
  directory: join(directory, 'hosts', name),
  /** What the host writes: a file system of its own. */
  disk: join(directory, 'hosts', name, 'disk'),
  /** The host's root: its disk over the base tree. */
  root: join(directory, 'hosts', name, 'root'),
  console: join(directory, 'hosts', name, 'console.log'),
  namespace: `aethel-lab-${id}-${name}`,
  /** This machine's end of the host's cable. */
  cable: `${bridge}${name.replace('node', 'n')}`,
  cgroup: `${cgroup}/${name}`,
})

export type HostPlace = ReturnType<typeof hostPlaceOf>

export const filesOf = ({ directory }: Place) => ({
  /** Marks the directory as a lab's. */
  record: join(directory, 'lab.json'),
  inventory: join(directory, 'nodes.yaml'),
  /** A home whose .ssh knows the hosts, for HOME=… of the CLI. */
  home: join(directory, 'home'),
  identity: join(directory, 'home/.ssh/id_ed25519'),
  knownHosts: join(directory, 'home/.ssh/known_hosts'),
  /** For `ssh -F`: strict, with this identity and these known hosts only. */
  sshConfig: join(directory, 'home/.ssh/config'),
  /** The password that the user `asker` must give to sudo. */
  sudoPassword: join(directory, 'sudo-password'),
})

export type LabFiles = ReturnType<typeof filesOf>
