import { homedir } from 'node:os'
import { join } from 'node:path'
import { AgentRecordHost } from '../ops/agent/agent-record-host.ts'
import type { HostAgent } from '../ops/agent/host-agent.ts'
import { OperatorError } from '../ops/errors.ts'
import type { Inventory, ServerSpec } from '../ops/inventory/inventory.ts'
import { PhaseRecord } from '../ops/rollout/record.ts'
import { readServerParts, serverTargets } from '../ops/targets/server/server-targets.ts'
import type { App } from './command.ts'
import { connectTo, promptOf } from './server-connection.ts'
import type { Site } from './site.ts'

/** Does `work` where servers are, over one connection to each; ends all connections after it. */
export async function withServers<T>(
  app: App,
  inventory: Inventory,
  servers: readonly ServerSpec[],
  work: (site: Site) => Promise<T>,
): Promise<T> {
  const { home, screen, signal } = app
  const { program, list } = await readServerParts(join(home, 'dist/cli'))
  await using places = serverTargets(servers, {
    connect: async (name, until) => {
      const server = servers.find((one) => one.name === name)
      if (server === undefined) throw new Error(`${name} is no server here`)
      return connectTo(app, inventory, server, until)
    },
    prompt: promptOf(screen),
    program,
    nodes: { list, from: join(home, 'package.json'), cache: cacheDirectory() },
  })
  const { agents, targets } = places
  const recordOf = (those: readonly HostAgent[]): PhaseRecord =>
    new PhaseRecord(those.map((agent) => new AgentRecordHost(agent)))
  return await work({
    targets,
    record: recordOf(agents),
    recordWith: async (name) => {
      const found = agents.map(async (agent) => {
        const isBare = await agent.isBare(signal)
        if (isBare && agent.node === name) await agent.prepare(signal)
        return isBare && agent.node !== name ? [] : [agent]
      })
      return recordOf((await Promise.all(found)).flat())
    },
    approach: async () => {
      await Promise.all(agents.map(async (agent) => agent.approach(signal)))
    },
    isPrepared: async () => {
      const ready = await Promise.all(agents.map(async (agent) => agent.isPrepared(signal)))
      return !ready.includes(false)
    },
    prepare: async () => {
      await Promise.all(agents.map(async (agent) => agent.prepare(signal)))
    },
  })
}

/** Where Node.js programs are kept between deploys, as XDG has it. */
const cacheDirectory = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'aethel-lattice')

/** @throws OperatorError for nodes that are no servers: this version cannot act on them */
export function serversOf(nodes: Inventory['nodes']): ServerSpec[] {
  const spaces = nodes.filter((node) => node.kind === 'space').map((node) => node.name)
  if (spaces.length > 0) {
    throw new OperatorError(
      'phase-not-supported',
      `this version acts on servers and on this machine; it cannot act on the Space ${spaces.join(', ')}`,
      {
        exit: 'unreachable',
        hint: 'add --phase local to run the lattice on this machine; verify-triangle, status, submit, render and keys work in every phase',
      },
    )
  }
  return nodes.filter((node) => node.kind === 'server')
}
