import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ARTIFACT, until, type ClusterNode } from './cluster.ts'

const SWAP_MS_MAX = 60_000

/** Starts the node again and again, and tells its process id and exit code. Descriptor 3 is for all of them. */
const KEEPER = `
while :; do
  sh -c 'echo "started $$"; export LISTEN_FDS=1 LISTEN_FDNAMES=http LISTEN_PID=$$; exec "$@"' sh "$@"
  echo "ended $?"
done`

export interface Swap {
  /** From SIGTERM to the end of the old process, and from its start to the new one being ready. */
  stopMs: number
  startMs: number
  exitCode: number
}

/**
 * Holds a node's listening socket and starts one process after the other on it, as systemd does for a
 * service with a socket unit and `Restart=always`.
 */
export class HandedSocket {
  readonly #keeper: ChildProcess
  #pid = 0
  #startedMs = 0
  #readyMs: number | null = null
  #ended: { atMs: number; code: number } | null = null

  private constructor(node: ClusterNode, keeper: ChildProcess) {
    this.#keeper = keeper
    if (keeper.stdout === null || keeper.stderr === null) throw new Error('no pipes')
    createInterface(keeper.stdout).on('line', (line) => {
      appendFileSync(join(node.directory, 'log'), `${line}\n`)
      this.#take(line)
    })
    keeper.stderr.on('data', (chunk: Buffer) => {
      appendFileSync(join(node.directory, 'log'), chunk)
    })
  }

  /** Resolves when the first process is ready. */
  static async start(node: ClusterNode): Promise<HandedSocket> {
    const server = createServer()
    server.listen({ port: node.httpPort, host: '127.0.0.1', backlog: 4096 })
    await once(server, 'listening')
    const keeper = spawn('sh', ['-c', KEEPER, 'sh', process.execPath, ARTIFACT], {
      cwd: node.directory,
      env: { PATH: process.env['PATH'], ...node.environment },
      stdio: ['ignore', 'pipe', 'pipe', descriptorOf(server)],
    })
    // From here on this process must accept nothing; the keeper has the socket.
    server.close()
    const held = new HandedSocket(node, keeper)
    await held.#ready()
    return held
  }

  async swap(): Promise<Swap> {
    const pid = this.#pid
    this.#readyMs = null
    this.#ended = null
    const askedMs = performance.now()
    process.kill(pid, 'SIGTERM')
    await this.#ready()
    const ended = this.#ended as { atMs: number; code: number } | null
    if (ended === null || this.#readyMs === null) throw new Error('nothing was swapped')
    return {
      stopMs: ended.atMs - askedMs,
      startMs: this.#readyMs - this.#startedMs,
      exitCode: ended.code,
    }
  }

  async stop(): Promise<void> {
    this.#keeper.kill('SIGKILL')
    process.kill(this.#pid, 'SIGTERM')
    // The pipes close when the last process that has them is gone.
    await once(this.#keeper, 'close')
  }

  async #ready(): Promise<void> {
    await until('a process is ready', SWAP_MS_MAX, () => this.#readyMs !== null)
  }

  #take(line: string): void {
    const nowMs = performance.now()
    const [, what, number] = /^(started|ended) (\d+)$/.exec(line) ?? []
    if (what === 'started') {
      this.#pid = Number(number)
      this.#startedMs = nowMs
    } else if (what === 'ended') this.#ended = { atMs: nowMs, code: Number(number) }
    else if (line.includes('[STARTUP] ready')) this.#readyMs = nowMs
  }
}

/** Not public, and the only way to hand a listening socket to a program that is not Node.js. */
function descriptorOf(server: Server): number {
  const { _handle: handle } = server as unknown as { _handle: { fd: number } }
  return handle.fd
}
