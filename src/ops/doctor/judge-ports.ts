import type { Finding } from './diagnosis.ts'
import type { WantedPort } from './evidence.ts'
import type { HostFacts, Listener } from './facts.ts'
import { fail, pass, unknown } from './findings.ts'
import { listed } from './judge-reach.ts'

type Process = Listener['processes'][number]

/** Who may listen on a port without being in the way. */
export type IsOurs = (process: Process, wanted: WantedPort) => boolean

const WORDS: Record<WantedPort['name'], string> = {
  http: 'HTTP',
  p2p: 'libp2p',
  front: 'the url',
  plain: 'plain HTTP, which leads to the url',
}

const OWNERS: Record<WantedPort['name'], string> = {
  http: 'the node',
  p2p: 'the node',
  front: 'Caddy',
  plain: 'Caddy',
}

/** Ports that the node, and Caddy before it, need: free, or their own. Another's process is named. */
export function judgePorts(
  wanted: readonly WantedPort[],
  listeners: ReadonlyMap<string, readonly Listener[]>,
  isOurs: IsOurs,
  hints: { unseen: string; taken: string },
): Finding {
  const strangers: string[] = []
  const nameless: string[] = []
  const unseen: string[] = []
  const free: string[] = []
  const own = new Map<string, string[]>()
  for (const one of wanted) {
    const found = listeners.get(one.name)
    const shown = `${one.port} (${WORDS[one.name]})`
    if (found === undefined) unseen.push(shown)
    else if (found.length === 0) free.push(shown)
    else {
      const processes = found.flatMap((listener) => listener.processes)
      const others = processes.filter((process) => !isOurs(process, one))
      for (const { name, pid } of others) strangers.push(`${name} (pid ${pid}) listens on ${shown}`)
      if (found.some((listener) => listener.processes.length === 0)) nameless.push(shown)
      else if (others.length === 0) {
        const owner = OWNERS[one.name]
        own.set(owner, [...(own.get(owner) ?? []), shown])
      }
    }
  }
  if (strangers.length > 0) return fail('ports', [...new Set(strangers)].join('; '), hints.taken)
  if (nameless.length > 0) {
    return unknown(
      'ports',
      `somebody listens on ${listed(nameless)}, and who it is cannot be seen`,
      'only root can see that: mend sudo first; with it, look at the host’s containers',
    )
  }
  if (unseen.length > 0 || wanted.length === 0) {
    return unknown('ports', `who listens on ${listed(unseen)} was not seen`, hints.unseen)
  }
  return pass(
    'ports',
    [
      ...[...own].map(([owner, ports]) => `${owner} listens on ${listed(ports)}`),
      ...(free.length > 0 ? [`nobody listens on ${listed(free)}`] : []),
    ].join(', '),
  )
}

/** Caddy's unit, on the ports that it serves; on others, who `isNodes` says. */
export const isOfCaddyOr =
  (isNodes: IsOurs): IsOurs =>
  (process, wanted) => {
    if (wanted.name !== 'front' && wanted.name !== 'plain') return isNodes(process, wanted)
    return process.cgroups.some((line) => {
      const parts = line.split('/')
      return parts.includes('caddy.service') && !parts.includes('user.slice')
    })
  }

/**
 * The node's own unit: its socket unit, held by systemd, or a process of its service. A user can make
 * a unit of that name, too, below their own slice.
 */
export const isOfUnit =
  (unit: string, { service, socket }: HostFacts): IsOurs =>
  ({ pid, cgroups }, { port }) => {
    if (pid === 1) {
      return socket?.isActive === true && socket.listens.some((at) => at.endsWith(`:${port}`))
    }
    if (pid === service?.mainPid) return true
    return cgroups.some((line) => {
      const parts = line.split(':').slice(2).join(':').split('/')
      return parts.includes(`${unit}.service`) && !parts.includes('user.slice')
    })
  }
