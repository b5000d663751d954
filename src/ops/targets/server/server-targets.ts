import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentProgram } from '../../agent/enter.ts'
import { HostAgent, type AgentPorts, type HostConnection } from '../../agent/host-agent.ts'
import { runtimeSchema, type RuntimeList } from '../../agent/pinned-node.ts'
import { OperatorError } from '../../errors.ts'
import type { Prompt } from '../../ssh/authentication.ts'
import { ServerTarget } from './server-target.ts'

/** Where a node lives: a folder on a host that is reached over SSH. */
export interface ServerPlace {
  name: string
  /** The node's folder on the host, absolute. */
  root: string
  /** What serves its url there, when that is ours. */
  proxy?: { kind: 'caddy' } | null
}

export interface ServerPorts extends Pick<AgentPorts, 'program' | 'nodes'> {
  /** Opens a verified connection to a node's host; `connect` of the room `ssh` in earnest. */
  connect: (name: string, signal: AbortSignal) => Promise<HostConnection>
  /** Null: nobody can be asked for a sudo password. */
  prompt: Prompt | null
}

export interface ServerTargets extends AsyncDisposable {
  /** In the order of the places. */
  targets: readonly ServerTarget[]
  /** The agents that the targets act by, for what is kept on hosts beside the nodes: their record. */
  agents: readonly HostAgent[]
  /** Ends all agents and connections. Idempotent. */
  close(): Promise<void>
}

/** The nodes at `places`. Nothing is connected before it is asked for. */
export function serverTargets(
  places: readonly ServerPlace[],
  { connect, prompt, program, nodes }: ServerPorts,
): ServerTargets {
  const agents = places.map(({ name, root }) => {
    const ports: AgentPorts = {
      connect: async (signal) => connect(name, signal),
      askSudoPassword: async (description, signal) =>
        prompt === null
          ? null
          : prompt({ text: `sudo password at ${description}`, isSecret: true }, signal),
      program,
      nodes,
    }
    return new HostAgent(name, root, ports)
  })
  const close = async (): Promise<void> => {
    await Promise.all(agents.map(async (agent) => agent.close()))
  }
  return {
    targets: agents.map((agent, at) => {
      const needsCaddy = places[at]?.proxy?.kind === 'caddy'
      return new ServerTarget(agent, { needsCaddy })
    }),
    agents,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * What the build made for servers: the agent's program and the list of Node.js programs.
 *
 * @param folder `dist/cli`, absolute
 * @throws OperatorError when it was not built
 */
export async function readServerParts(
  folder: string,
): Promise<{ program: AgentProgram; list: RuntimeList }> {
  try {
    const text = await readFile(join(folder, 'host-agent.mjs'))
    const list = runtimeSchema.parse(
      JSON.parse(await readFile(join(folder, 'runtime.json'), 'utf8')),
    )
    return { program: { text, sha256: hash('sha256', text) }, list }
  } catch (error) {
    throw new OperatorError('not-built', `${folder} lacks what is sent to servers`, {
      exit: 'badInput',
      hint: 'run "npm run build"',
      cause: error,
    })
  }
}
