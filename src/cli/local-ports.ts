import { once } from 'node:events'
import { createServer } from 'node:net'
import type { DesiredNode } from '../ops/desired/lattice.ts'
import { OperatorError } from '../ops/errors.ts'
import { observeNodes } from '../ops/rollout/observe.ts'
import type { Target } from '../ops/targets/target.ts'
import { variables } from '../wire/settings.ts'

/**
 * Refuses a deploy on this machine whose nodes would find their ports taken: said before anything is
 * started, it is easier to understand than a node that dies. Nodes that run hold their own ports.
 *
 * @throws OperatorError
 */
export async function requireFreePorts(
  nodes: readonly DesiredNode[],
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<void> {
  const observed = await observeNodes(targets, signal)
  const isDown = ({ name, kind }: DesiredNode): boolean =>
    kind === 'local' &&
    observed.some((node) => node.name === name && node.process.state === 'stopped')
  const wanted = nodes
    .filter(isDown)
    .flatMap((node) => portsOf(node).map((port) => ({ name: node.name, port })))
  const taken: string[] = []
  for (const { name, port } of wanted) if (await isTaken(port)) taken.push(`${port} (${name})`)
  if (taken.length === 0) return
  throw new OperatorError('port-taken', `another program has ${taken.join(', ')} on this machine`, {
    exit: 'badInput',
    hint: 'stop it, perhaps with "down" where another lattice was started, or change local.http_port and local.p2p_port in nodes.yaml',
  })
}

/** The TCP ports on loopback that a node with these settings listens on. */
export function portsOf({ environment }: Pick<DesiredNode, 'environment'>): number[] {
  const listen = environment[variables.p2pListen.name] ?? ''
  const p2p = [...listen.matchAll(/\/tcp\/(\d+)/g)].map((match) => Number(match[1]))
  return [Number(environment[variables.httpPort.name]), ...p2p]
}

async function isTaken(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
  }
}
