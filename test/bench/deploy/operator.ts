import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Lab } from '../../lab/lab.ts'
import { Actor } from '../actor.ts'
import type { LinkTraffic } from '../proxy.ts'

const SSH_PORT = 22
/** Where the nodes that we deploy are asked how they are. */
export const HTTP_PORT = 8000

/** Makes a place with its own hosts file and ssh_config, $0 and $1, that stays until its input ends. */
const apart =
  'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/ssh/ssh_config && echo made && exec cat'

/**
 * Who deploys: commands on this machine that see hosts by name only. A name leads to the host itself, or
 * to a proxy that makes all its ports as far away as `rttMs` says.
 */
export class Operator implements AsyncDisposable {
  readonly rttMs: number
  readonly home: string
  /** By the names of the hosts; none: nothing is in between. */
  readonly #proxies = new Map<string, Actor>()
  /** What commands are run in, so that entering it is all that a command takes longer. */
  #place: ChildProcessByStdio<Writable, Readable, null> | null = null

  private constructor(rttMs: number, home: string) {
    this.rttMs = rttMs
    this.home = home
  }

  /** @param directory for what the operator has: its home, its settings of ssh */
  static async at(lab: Lab, directory: string, rttMs: number): Promise<Operator> {
    const operator = new Operator(rttMs, join(directory, `operator-${rttMs}`))
    mkdirSync(join(operator.home, '.ssh'), { recursive: true, mode: 0o700 })
    writeFileSync(operator.#sshConfig, sshConfig(lab), { mode: 0o600 })
    writeFileSync(operator.#hosts, '127.0.0.1 localhost\n')
    for (const [index, { name, address }] of lab.hosts.entries()) {
      if (rttMs > 0) await operator.#keepAway(name, address, `127.73.${rttMs}.${index + 1}`)
      else appendFileSync(operator.#hosts, `${address} ${name}\n`)
    }
    const args = ['-m', 'sh', '-c', apart, operator.#hosts, operator.#sshConfig]
    operator.#place = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(operator.#place.stdout, 'data')
    return operator
  }

  /** Milliseconds that a command takes, and what it said. Throws unless it exits 0. */
  async run(
    argv: readonly string[],
    { cwd, environment = {} }: { cwd?: string; environment?: Record<string, string> } = {},
  ): Promise<{ ms: number; said: string }> {
    const place = `--mount=/proc/${this.#place?.pid}/ns/mnt`
    const startedMs = performance.now()
    const child = spawn('nsenter', [place, `--wd=${cwd ?? this.home}`, '--', ...argv], {
      env: { ...process.env, HOME: this.home, NO_COLOR: '1', CI: '1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [[code], said, complaint]: [(number | null)[], string, string] = await Promise.all([
      once(child, 'close') as Promise<(number | null)[]>,
      text(child.stdout),
      text(child.stderr),
    ])
    const ms = performance.now() - startedMs
    if (code === 0) return { ms, said }
    const words = `${said.slice(-2000)}${complaint.slice(-2000)}`
    throw new Error(`${argv.join(' ')} exited ${String(code)}: ${words}`)
  }

  /** What passed to the SSH port of a host since `forget`; null without a proxy. */
  async sshTraffic(host: string): Promise<LinkTraffic | null> {
    return (await this.#proxies.get(host)?.call<LinkTraffic>('traffic', { port: SSH_PORT })) ?? null
  }

  async forget(): Promise<void> {
    for (const proxy of this.#proxies.values()) await proxy.call('reset', { port: SSH_PORT })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#place?.stdin.end()
    await Promise.all([...this.#proxies.values()].map(async (proxy) => proxy.end()))
  }

  get #sshConfig(): string {
    return join(this.home, '.ssh/config')
  }

  get #hosts(): string {
    return join(this.home, 'hosts')
  }

  /** An address of loopback for each host, so that ports are the host's own. */
  async #keepAway(name: string, targetHost: string, address: string): Promise<void> {
    const proxy = new Actor(join(import.meta.dirname, '../proxy.ts'))
    this.#proxies.set(name, proxy)
    for (const port of [SSH_PORT, HTTP_PORT]) {
      const listen = { host: address, port }
      const { rttMs } = this
      await proxy.call('open', { targetHost, targetPort: port, rttMs, isHeld: false, listen })
    }
    appendFileSync(this.#hosts, `${address} ${name}\n`)
  }
}

const sshConfig = ({ files }: Lab): string => `Host *
  User root
  IdentityFile ${files.identity}
  IdentitiesOnly yes
  UserKnownHostsFile ${files.knownHosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
`
