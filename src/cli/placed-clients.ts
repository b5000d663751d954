import { NodeClient } from '../ops/client/node-client.ts'
import { urlIn } from '../ops/rollout/environment-in.ts'
import type { Contents, ObservedNode } from '../ops/targets/target.ts'
import type { Lattice } from './lattice.ts'

/**
 * Where nodes are now. While a rollout moves them to other URLs, one that was not switched yet, or was
 * brought back, is not where nodes.yaml says. A node whose settings do not tell is looked for there all
 * the same.
 */
export class Places {
  readonly #urls: Map<string, string>

  constructor(observed: readonly ObservedNode[]) {
    this.#urls = new Map()
    for (const { name, contents } of observed) this.move(name, contents)
  }

  /** The node runs, or is about to run, with these settings; null: nobody knows which. */
  move(name: string, contents: Contents | null): void {
    const url = urlIn(contents, name)
    if (url === null) this.#urls.delete(name)
    else this.#urls.set(name, url)
  }

  /** Does `work` with clients that ask every node where it is. */
  async withClients<T>(
    { desired, clients, token }: Pick<Lattice, 'desired' | 'clients' | 'token'>,
    work: (clients: readonly NodeClient[]) => Promise<T>,
  ): Promise<T> {
    const own: NodeClient[] = []
    const placed = clients.map((client) => {
      const { name, peerId } = client
      const url = this.#urls.get(name) ?? client.url
      if (url === client.url) return client
      const other = new NodeClient({ name, url, peerId, lattice: desired.id, token })
      own.push(other)
      return other
    })
    try {
      return await work(placed)
    } finally {
      await Promise.all(own.map(async (client) => client.close()))
    }
  }
}
