import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../src/ops/errors.ts'
import type { connect, ConnectionTarget } from '../../src/ops/ssh/connection.ts'
import { resolveHost, type HostWish, type ResolvedHost } from '../../src/ops/ssh/resolve-host.ts'
import { makeKey, scratch, type KeyKind, type KeyPair, type Sshd } from './sshd.ts'

/** A home folder for the client: a key and known hosts. Nothing of the machine's own is read. */
export interface ClientHome {
  path: string
  key: KeyPair
  knownHosts: string
  /** Lets the client know a server by these of its keys. */
  know(server: Pick<Sshd, 'port' | 'hostKeys'>, ...kinds: readonly KeyKind[]): void
  /** The way to a server: as nodes.yaml would say it, then with `host` made other. */
  target(
    server: Pick<Sshd, 'port' | 'user'>,
    host?: Partial<ResolvedHost>,
    wish?: Partial<HostWish>,
  ): ConnectionTarget
  remove(): void
}

export function clientHome(): ClientHome {
  const home = scratch()
  const folder = join(home.path, '.ssh')
  mkdirSync(folder)
  const key = makeKey(join(folder, 'id_ed25519'))
  const knownHosts = join(folder, 'known_hosts')
  writeFileSync(knownHosts, '')
  return {
    path: home.path,
    key,
    knownHosts,
    know: (server, ...kinds) => {
      for (const kind of kinds.length === 0 ? (['ed25519'] as const) : kinds) {
        const line = server.hostKeys.get(kind)?.publicLine
        appendFileSync(knownHosts, `[127.0.0.1]:${server.port} ${line}\n`)
      }
    },
    target: ({ port, user }, host = {}, wish = {}) => {
      const environment = { home: home.path, user, variables: {}, projectKnownHosts: null }
      const hops = resolveHost('127.0.0.1', { port, user, hostKeys: [], ...wish }, [], environment)
      const isolated = hops.map((one) => ({ ...one, knownHostsFiles: [knownHosts], ...host }))
      return { name: 'node2', identity: null, hops: isolated }
    },
    remove: () => home[Symbol.dispose](),
  }
}

/** The error that `connecting` ends with. */
export async function refusalOf(connecting: ReturnType<typeof connect>): Promise<OperatorError> {
  let session
  try {
    session = await connecting
  } catch (error) {
    if (error instanceof OperatorError) return error
    throw error
  }
  await session.close()
  throw new Error('it was let in')
}
