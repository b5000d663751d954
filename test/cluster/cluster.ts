import { spawn, type ChildProcess } from 'node:child_process'
import { createPrivateKey, createPublicKey, hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { healthAnswer, type Health } from '../../src/wire/api.ts'
import { peerIdOf } from '../../src/wire/signature.ts'
import { freePorts } from '../free-ports.ts'
import { Relay } from './relay.ts'

export const ARTIFACT = join(import.meta.dirname, '../../dist/node/node.mjs')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * Bounds for what nobody promised a time for. A machine that is busy with other things must keep them;
 * what is promised is measured by the nodes themselves.
 */
export const MESH_MS_MAX = 30_000
export const EQUAL_MS_MAX = 30_000
export const NOTICE_MS_MAX = 30_000
const START_MS_MAX = 60_000
const ANSWER_MS_MAX = 20_000

/** Ended with this process, however that ends. */
const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** The token that every node of a cluster takes for anything. */
export const ADMIN_TOKEN = hash('sha256', 'a cluster of tests', 'hex')

export interface ClusterOptions {
  isP2pEnabled?: boolean
  nodeCount?: number
  /** Without relays: nodes reach each other directly, and links cannot be broken. */
  isDirect?: boolean
  environment?: Record<string, string>
}

/** One real node process, with the port that others reach it by. */
export class ClusterNode {
  readonly name: string
  readonly peerId: string
  readonly directory: string
  readonly httpPort: number
  readonly p2pPort: number
  environment: Record<string, string> = {}
  #process: ChildProcess | null = null

  constructor(name: string, peerId: string, directory: string, httpPort: number, p2pPort: number) {
    this.name = name
    this.peerId = peerId
    this.directory = directory
    this.httpPort = httpPort
    this.p2pPort = p2pPort
  }

  get url(): string {
    return `http://127.0.0.1:${this.httpPort}`
  }

  get pid(): number {
    return this.#process?.pid ?? -1
  }

  get log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8')
  }

  /** Starts the process and waits until it answers. Throws when it ends instead. */
  async start(): Promise<void> {
    const child = this.spawn()
    const ended = new AbortController()
    child.once('exit', () => ended.abort())
    await until(`${this.name} answers`, START_MS_MAX, async () => {
      if (ended.signal.aborted) return true
      return (await fetch(`${this.url}/livez`, { signal: ended.signal })).ok
    })
    if (ended.signal.aborted)
      throw new Error(`${this.name} ended with ${child.exitCode ?? child.signalCode}:\n${this.log}`)
  }

  spawn(): ChildProcess {
    const child = spawn(process.execPath, [ARTIFACT], {
      cwd: this.directory,
      env: { PATH: process.env['PATH'], ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const record = (chunk: Buffer): void => appendFileSync(join(this.directory, 'log'), chunk)
    child.stdout.on('data', record)
    child.stderr.on('data', record)
    living.add(child)
    child.once('exit', () => living.delete(child))
    this.#process = child
    return child
  }

  /** Ends the process as power loss would, or asks it to stop; resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  /** Loses the data directory, as an ephemeral disk does. */
  wipe(): void {
    rmSync(join(this.directory, 'data'), { recursive: true, force: true })
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  async health(): Promise<Health> {
    return healthAnswer.parse(await this.get('/api/lattice/health'))
  }

  async get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
    return answer.json()
  }

  async post(path: string, body?: unknown, token: string | null = ADMIN_TOKEN): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    return answer.json()
  }
}

/** Real node processes on loopback; every link between two of them goes through relays of its own. */
export class Cluster {
  readonly nodes: readonly ClusterNode[]
  /** Every node's key, data and log. */
  readonly directory: string
  /** `from>to` → the relays that `from` reaches `to` by. */
  readonly #links = new Map<string, { http: Relay; p2p: Relay }>()

  private constructor(nodes: readonly ClusterNode[], directory: string) {
    this.nodes = nodes
    this.directory = directory
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.create(options)
    try {
      await Promise.all(cluster.nodes.map((node) => node.start()))
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  static async create({
    isP2pEnabled = true,
    nodeCount = 3,
    isDirect = false,
    environment = {},
  }: ClusterOptions = {}): Promise<Cluster> {
    const directory = mkdtempSync(join(tmpdir(), 'aethel-cluster-'))
    const nodes = await Promise.all(
      Array.from({ length: nodeCount }, async (_, index) => {
        const name = `node${index + 1}`
        const seed = randomBytes(32)
        const home = join(directory, name)
        mkdirSync(home)
        writeFileSync(join(home, 'node.key'), `${seed.toString('hex')}\n`, { mode: 0o600 })
        writeFileSync(join(home, 'log'), '')
        return new ClusterNode(
          name,
          peerIdOfSeed(seed),
          home,
          await freePorts(1),
          await freePorts(1),
        )
      }),
    )
    const cluster = new Cluster(nodes, directory)
    for (const node of nodes)
      node.environment = {
        ...environmentOf(node, isP2pEnabled, await cluster.#linksOf(node, isDirect)),
        ...environment,
      }
    return cluster
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index]
    if (node === undefined) throw new Error(`no node ${index}`)
    return node
  }

  /** Breaks or mends the links between two nodes, in both directions. */
  link(
    a: ClusterNode,
    b: ClusterNode,
    transport: 'p2p' | 'http' | 'both',
    state: 'open' | 'silent' | 'closed',
  ): void {
    for (const key of [`${a.name}>${b.name}`, `${b.name}>${a.name}`]) {
      const link = this.#links.get(key)
      if (transport !== 'http') link?.p2p.set(state)
      if (transport !== 'p2p') link?.http.set(state)
    }
  }

  /** Resolves when all nodes report one root. */
  async converged(limitMs = EQUAL_MS_MAX): Promise<string> {
    let root: string | null = null
    await until('one root on all nodes', limitMs, async () => {
      const healths = await Promise.all(this.nodes.map((node) => node.health()))
      const roots = new Set(healths.map((health) => health.ledger.merkle_root))
      root = healths[0]?.ledger.merkle_root ?? null
      return roots.size === 1 && root !== null
    })
    return root ?? ''
  }

  /** Resolves when every node is served by `transport` for every peer, with the milliseconds it took. */
  async meshed(transport: 'P2P' | 'HTTP', limitMs = MESH_MS_MAX): Promise<number> {
    return until(`all peers over ${transport}`, limitMs, async () => {
      const healths = await Promise.all(this.nodes.map((node) => node.health()))
      return healths.every((health) => health.peers.every((peer) => peer.transport === transport))
    })
  }

  /** Ends every process. `isKept`: the directory stays, for someone to look at. */
  async stop({ isKept = false }: { isKept?: boolean } = {}): Promise<void> {
    for (const node of this.nodes) node.signal('SIGCONT')
    await Promise.all(this.nodes.map((node) => node.end('SIGTERM')))
    await Promise.all(
      [...this.#links.values()].flatMap((link) => [link.http.close(), link.p2p.close()]),
    )
    if (!isKept) this.remove()
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #linksOf(node: ClusterNode, isDirect: boolean): Promise<Link[]> {
    const others = this.nodes.filter((other) => other !== node)
    return Promise.all(
      others.map(async (other) => {
        if (isDirect) return { other, httpUrl: other.url, p2pPort: other.p2pPort }
        const link = { http: await Relay.to(other.httpPort), p2p: await Relay.to(other.p2pPort) }
        this.#links.set(`${node.name}>${other.name}`, link)
        return { other, httpUrl: `http://127.0.0.1:${link.http.port}`, p2pPort: link.p2p.port }
      }),
    )
  }
}

/** How one node reaches another. */
interface Link {
  other: ClusterNode
  httpUrl: string
  p2pPort: number
}

function environmentOf(
  node: ClusterNode,
  isP2pEnabled: boolean,
  links: readonly Link[],
): Record<string, string> {
  const members = [
    `${node.name}=${node.peerId}@${node.url}`,
    ...links.map(({ other, httpUrl }) => `${other.name}=${other.peerId}@${httpUrl}`),
  ]
  return {
    AETHEL_NODE_NAME: node.name,
    AETHEL_NODE_KEY_FILE: 'node.key',
    AETHEL_STATE_DIR: 'data',
    AETHEL_LATTICE_NAME: 'cluster',
    AETHEL_MEMBERS: members.join(','),
    AETHEL_GENESIS: 'Alice:1000000,Bob:1000000',
    AETHEL_LATTICE_NODES: links.map(({ httpUrl }) => httpUrl).join(','),
    AETHEL_P2P_ENABLED: String(isP2pEnabled),
    AETHEL_P2P_LISTEN: `/ip4/127.0.0.1/tcp/${node.p2pPort}`,
    AETHEL_P2P_BOOTSTRAP: links
      .map(({ other, p2pPort }) => `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${other.peerId}`)
      .join(','),
    AETHEL_HTTP_PORT: String(node.httpPort),
    AETHEL_TOKENS: `admin:${hash('sha256', ADMIN_TOKEN, 'hex')}`,
    AETHEL_SUBMIT: 'open',
  }
}

/** Polls until `check` holds; fails with `what` and what `check` threw last at the limit. */
export async function until(
  what: string,
  limitMs: number,
  check: () => Promise<boolean> | boolean,
): Promise<number> {
  const startedMs = performance.now()
  let last: unknown
  while (performance.now() - startedMs < limitMs) {
    try {
      last = undefined
      if (await check()) return performance.now() - startedMs
    } catch (error) {
      last = error
    }
    await sleep(10)
  }
  const why = last instanceof Error ? `; ${last.message}` : ''
  throw new Error(`not within ${limitMs} ms: ${what}${why}`, { cause: last })
}

function peerIdOfSeed(seed: Uint8Array): string {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  return peerIdOf(
    new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)),
  )
}
