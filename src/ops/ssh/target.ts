import { homedir, userInfo } from 'node:os'
import type { Identity } from './authentication.ts'
import type { ConnectionTarget } from './connection.ts'
import { resolveHost, type HostWish } from './resolve-host.ts'
import { readSshConfig } from './user-config.ts'

/** A host as nodes.yaml has it. */
export interface HostEntry extends HostWish {
  /** What the operator calls it. */
  name: string
  /** Name, address, or an alias of the operator's ssh configuration. */
  host: string
  identity: Identity | null
}

/** Reads the operator's ssh configuration and says how to reach a host. @throws OperatorError */
export async function resolveTarget(
  { name, host, port, user, hostKeys, identity }: HostEntry,
  projectKnownHosts: string | null,
): Promise<ConnectionTarget> {
  const home = homedir()
  const environment = {
    home,
    user: userInfo().username,
    variables: process.env,
    projectKnownHosts,
  }
  const wish = { port, user, hostKeys }
  return { name, hops: resolveHost(host, wish, await readSshConfig(home), environment), identity }
}
