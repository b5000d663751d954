import { parseEnv } from 'node:util'
import { variables } from '../wire/settings.ts'
import { NodeClient } from '../ops/client/node-client.ts'
import type { Contents, Target } from '../ops/targets/target.ts'
import type { Lattice } from './lattice.ts'

/**
 * Does `work` with clients that ask every node where it is now. While a rollout moves nodes to other
 * URLs, one that was not switched yet, or was brought back, is not where nodes.yaml says. A node whose
 * settings cannot be looked at is asked there all the same.
 */
export async function withPlacedClients<T>(
  { desired, clients, token }: Pick<Lattice, 'desired' | 'clients' | 'token'>,
  targets: readonly Target[],
  signal: AbortSignal,
  work: (clients: readonly NodeClient[]) => Promise<T>,
): Promise<T> {
  const own: NodeClient[] = []
  const placed = await Promise.all(
    clients.map(async (client) => {
      const { name, peerId } = client
      const target = targets.find((one) => one.name === name)
      const found = await target?.observe(signal).catch(() => null)
      signal.throwIfAborted()
      const url = urlIn(found?.contents ?? null, name)
      if (url === null || url === client.url) return client
      const other = new NodeClient({ name, url, peerId, lattice: desired.id, token })
      own.push(other)
      return other
    }),
  )
  try {
    return await work(placed)
  } finally {
    await Promise.all(own.map(async (client) => client.close()))
  }
}

/** The URL that a node was given as its own; null when its settings do not tell. */
export function urlIn(contents: Contents | null, name: string): string | null {
  const text = contents?.settings.find((file) => file.path === '.env')?.text
  const members = text === undefined || text === null ? undefined : membersIn(text)
  return members?.find((member) => member.name === name)?.url ?? null
}

function membersIn(text: string): readonly { name: string; url: string }[] | undefined {
  try {
    return variables.members.read(parseEnv(text)[variables.members.name] ?? '')
  } catch {
    return undefined
  }
}
