import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeKeyOf } from '../../src/node/keys.ts'
import { receiptAnswer, verifyAnswer } from '../../src/wire/api.ts'
import { manifestSchema } from '../../src/wire/manifest.ts'
import { ClusterNode, until } from '../cluster/cluster.ts'
import { freePorts } from '../free-ports.ts'
import { Actor, sharedMs } from './actor.ts'
import type { LinkTraffic } from './proxy.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The actor that is our replica without lungs and API. */
export const OURS = join(import.meta.dirname, 'contenders/ours.ts')
const PROXY = join(import.meta.dirname, 'proxy.ts')
export const TRANSFER = 'intent transfer { from: Alice, to: Bob, amount: 1 }'
const WAIT_MS = 30_000
const START_MS_MAX = 300_000

/** The links between processes, in a process of its own. */
export class Links {
  readonly #proxy = new Actor(PROXY)

  open(targetPort: number, rttMs: number, isHeld: boolean): Promise<number> {
    return this.#proxy.call('open', { targetPort, rttMs, isHeld })
  }

  hold(port: number): Promise<void> {
    return this.#proxy.call('hold', { port })
  }

  /** Returns when, on the shared clock. */
  release(ports: readonly number[]): Promise<number> {
    return this.#proxy.call('release', { ports })
  }

  traffic(port: number): Promise<LinkTraffic> {
    return this.#proxy.call('traffic', { port })
  }

  reset(port: number): Promise<void> {
    return this.#proxy.call('reset', { port })
  }

  end(): Promise<void> {
    return this.#proxy.end()
  }
}

export interface LatticeOptions {
  nodeCount: number
  /** Links go through `links` and take this long; null: processes reach each other directly. */
  rttMs: number | null
  /** Whether links let nothing through until they are released. */
  isHeld?: boolean
  isP2p: boolean
}

/** A node's name, key and ports, and how the others reach it. */
interface Place {
  name: string
  seed: string
  peerId: string
  home: string
  httpPort: number
  p2pPort: number
}

/** Nodes of the built artifact on loopback, with the flags that a deployment gives them. */
export class BenchLattice {
  readonly nodes: readonly ClusterNode[]
  readonly #ports: ReadonlyMap<string, number>
  readonly #places: readonly Place[]

  private constructor(
    nodes: readonly ClusterNode[],
    ports: ReadonlyMap<string, number>,
    places: readonly Place[],
  ) {
    this.nodes = nodes
    this.#ports = ports
    this.#places = places
  }

  static async layOut(
    parent: string,
    links: Links,
    { nodeCount, rttMs, isHeld = false, isP2p }: LatticeOptions,
  ): Promise<BenchLattice> {
    const directory = mkdtempSync(join(parent, 'lattice-'))
    const places: Place[] = []
    for (let index = 1; index <= nodeCount; index++) {
      const name = `node${index}`
      const home = join(directory, name)
      mkdirSync(home)
      writeFileSync(join(home, 'log'), '')
      const ports = { httpPort: await freePorts(1), p2pPort: await freePorts(1) }
      places.push(placeOf(name, home, ports))
    }
    const ports = new Map<string, number>()
    const nodes: ClusterNode[] = []
    for (const place of places) {
      const { name, peerId, home, httpPort, p2pPort } = place
      const node = new ClusterNode(name, peerId, home, httpPort, p2pPort)
      const others = await Promise.all(
        places
          .filter((other) => other !== place)
          .map(async (other) => {
            const http =
              rttMs === null ? other.httpPort : await links.open(other.httpPort, rttMs, isHeld)
            ports.set(`${name}>${other.name}`, http)
            return { ...other, httpPort: http }
          }),
      )
      node.environment = environmentOf(place, others, isP2p)
      nodes.push(node)
    }
    return new BenchLattice(nodes, ports, places)
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index]
    if (node === undefined) throw new Error(`no node ${index}`)
    return node
  }

  /** The port that leads from one node to another, `from>to`. */
  port(link: string): number {
    const port = this.#ports.get(link)
    if (port === undefined) throw new Error(`no link ${link}`)
    return port
  }

  /** Fills the store of a node that does not run. Returns its author and the bytes of its entries. */
  async build(index: number, count: number): Promise<{ author: string; entryBytes: number }> {
    const place = this.#places[index]
    if (place === undefined) throw new Error(`no node ${index}`)
    const builder = new Actor(OURS)
    try {
      await builder.call('open', {
        environment: {
          ...environmentOf(place, [], false),
          AETHEL_STATE_DIR: join(place.home, 'data'),
        },
      })
      await builder.call('build', { count })
      const author = await builder.call<string>('author')
      const entryBytes = await builder.call<number>('entryBytes')
      await builder.call('close')
      return { author, entryBytes }
    } finally {
      await builder.end()
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end('SIGTERM')))
  }
}

/** Starts a node that may have much to read, and waits until it answers. Returns the milliseconds. */
export async function startPatiently(node: ClusterNode): Promise<number> {
  const startedMs = sharedMs()
  node.spawn()
  await until(
    `${node.name} answers`,
    START_MS_MAX,
    async () => (await fetch(`${node.url}/readyz`)).ok,
  )
  return sharedMs() - startedMs
}

/** Writes so many entries at once; the last of them. */
export async function submit(
  node: ClusterNode,
  count: number,
): Promise<{ author: string; seq: number }> {
  const code = Array.from({ length: count }, () => TRANSFER).join('\n')
  const { intents, message } = verifyAnswer.parse(await node.post('/api/verify', { code }))
  const receipt = intents.at(-1)?.receipt
  if (receipt === null || receipt === undefined) throw new Error(message)
  return receipt
}

/** When a node held this entry, on the shared clock. */
export async function heldAt(node: ClusterNode, author: string, seq: number): Promise<number> {
  for (;;) {
    const answer = await fetch(
      `${node.url}/api/lattice/receipts/${author}/${seq}?wait=local&timeout_ms=${WAIT_MS}`,
    )
    const { reached } = receiptAnswer.parse(await answer.json())
    if (reached) return sharedMs()
  }
}

/** For a replica without lungs: one of three members, whose others never answer. */
export function replicaEnvironment(home: string): Record<string, string> {
  const [place, ...others] = ['node1', 'node2', 'node3'].map((name, index) =>
    placeOf(name, home, { httpPort: index + 1, p2pPort: index + 1 }),
  )
  if (place === undefined) throw new Error('no member')
  return { ...environmentOf(place, others, false), AETHEL_STATE_DIR: join(home, 'data') }
}

function placeOf(name: string, home: string, ports: Pick<Place, 'httpPort' | 'p2pPort'>): Place {
  const seed = randomBytes(32)
  const { peerId } = nodeKeyOf(seed)
  return { name, seed: seed.toString('hex'), peerId, home, ...ports }
}

function environmentOf(
  place: Place,
  others: readonly Place[],
  isP2p: boolean,
): Record<string, string> {
  const members = [place, ...others].map(
    ({ name, peerId, httpPort }) => `${name}=${peerId}@http://127.0.0.1:${httpPort}`,
  )
  return {
    AETHEL_NODE_NAME: place.name,
    AETHEL_NODE_KEY: place.seed,
    AETHEL_STATE_DIR: 'data',
    AETHEL_LATTICE_NAME: 'bench',
    AETHEL_MEMBERS: members.join(','),
    AETHEL_GENESIS: 'Alice:1000000000000,Bob:0',
    AETHEL_LATTICE_NODES: others.map(({ httpPort }) => `http://127.0.0.1:${httpPort}`).join(','),
    AETHEL_P2P_ENABLED: String(isP2p),
    AETHEL_P2P_LISTEN: isP2p ? `/ip4/127.0.0.1/tcp/${place.p2pPort}` : '',
    AETHEL_P2P_BOOTSTRAP: isP2p
      ? others.map(({ p2pPort, peerId }) => `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${peerId}`).join(',')
      : '',
    AETHEL_HTTP_PORT: String(place.httpPort),
    AETHEL_SUBMIT: 'open',
    AETHEL_LOG_LEVEL: 'warn',
    NODE_OPTIONS: manifest().flags.join(' '),
  }
}

const manifest = () =>
  manifestSchema.parse(JSON.parse(readFileSync(join(ROOT, 'dist/node/manifest.json'), 'utf8')))
