import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../free-ports.ts'

/** Real OpenSSH for tests: servers on loopback, keys, an agent. Everything ends by its own process id. */

const SSHD = '/usr/sbin/sshd'
const STARTED_MS_MAX = 10_000

/** Runs a program of OpenSSH to its end. Fails clearly where it is not installed. */
export function openssh(program: string, args: readonly string[], input?: string): string {
  const ran = spawnSync(program, args, {
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  })
  if (ran.error !== undefined) {
    throw new Error(`${program} cannot be run: install openssh-client and openssh-server`, {
      cause: ran.error,
    })
  }
  if (ran.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${ran.stderr}`)
  return ran.stdout
}

/** A folder for a test, removed by `[Symbol.dispose]`. */
export interface Scratch extends Disposable {
  path: string
}

export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'aethel-ssh-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export type KeyKind = 'ed25519' | 'ecdsa' | 'rsa'

/** A key pair made by ssh-keygen: its file, and its public line without the comment. */
export interface KeyPair {
  path: string
  publicLine: string
  fingerprint: string
}

export function makeKey(
  path: string,
  kind: KeyKind = 'ed25519',
  passphrase = '',
  more: readonly string[] = [],
): KeyPair {
  openssh('ssh-keygen', ['-q', '-t', kind, '-f', path, '-N', passphrase, '-C', 'test key', ...more])
  const publicLine = readFileSync(`${path}.pub`, 'utf8').trim().split(' ').slice(0, 2).join(' ')
  const [, fingerprint = ''] = openssh('ssh-keygen', ['-lf', `${path}.pub`]).split(' ')
  return { path, publicLine, fingerprint }
}

export interface Sshd {
  port: number
  pid: number
  user: string
  hostKeys: ReadonlyMap<KeyKind, KeyPair>
  /** Process ids of the servers of single connections. */
  sessions(): readonly number[]
  log(): string
  stop(): Promise<void>
}

export interface SshdOptions {
  /** In the order in which it prefers them. */
  hostKeys?: readonly KeyKind[]
  /** Public lines of who may log in. */
  authorized?: readonly string[]
  /** Further lines of sshd_config; the first line about a keyword counts. */
  config?: readonly string[]
}

/** Starts sshd for the user who runs the test. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const { hostKeys: kinds = ['ed25519'], authorized = [], config = [] } = options
  const home = scratch()
  // Where Debian's sshd locks its helper process in.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const hostKeys = new Map(kinds.map((kind) => [kind, makeKey(join(home.path, kind), kind)]))
  const port = await freePorts(1)
  const path = join(home.path, 'sshd_config')
  writeFileSync(join(home.path, 'authorized_keys'), authorized.map((line) => `${line}\n`).join(''))
  writeFileSync(
    path,
    [
      ...config,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      ...[...hostKeys.values()].map((key) => `HostKey ${key.path}`),
      `AuthorizedKeysFile ${join(home.path, 'authorized_keys')}`,
      // Not what the user's own shell loads at its start.
      `SetEnv HOME=${home.path}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'LogLevel VERBOSE',
      '',
    ].join('\n'),
  )
  const child = spawn(SSHD, ['-D', '-e', '-f', path], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8')
  })
  const stop = async (): Promise<void> => {
    await endChild(child)
    home[Symbol.dispose]()
  }
  try {
    await until(
      () => log.includes('Server listening on'),
      () => `sshd did not start: ${log}`,
      child,
    )
  } catch (error) {
    await stop()
    throw error
  }
  const pid = child.pid ?? 0
  return {
    port,
    pid,
    user: userInfo().username,
    hostKeys,
    sessions: () => childrenOf(pid),
    log: () => log,
    stop: async () => {
      for (const session of childrenOf(pid)) kill(session, 'SIGKILL')
      await stop()
    },
  }
}

export interface Agent {
  socket: string
  add(path: string): void
  stop(): Promise<void>
}

export async function startAgent(): Promise<Agent> {
  const home = scratch()
  const socket = join(home.path, 'agent')
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
  await until(
    () => readdirSync(home.path).includes('agent'),
    () => 'ssh-agent did not start',
    child,
  )
  return {
    socket,
    add: (path) => {
      const ran = spawnSync('ssh-add', ['-q', path], {
        env: { ...process.env, SSH_AUTH_SOCK: socket },
      })
      if (ran.status !== 0) throw new Error(`ssh-add: ${ran.stderr.toString()}`)
    },
    stop: async () => {
      await endChild(child)
      home[Symbol.dispose]()
    },
  }
}

/** Numbers of a process's children, by /proc. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid
      } catch {
        return false
      }
    })
    .map(Number)
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function until(isDone: () => boolean, why: () => string, child: ChildProcess): Promise<void> {
  let failure: Error | null = null
  child.once('error', (error) => {
    failure = error
  })
  const deadline = performance.now() + STARTED_MS_MAX
  while (!isDone()) {
    if (failure !== null) throw new Error(why(), { cause: failure })
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(why())
    await delay(10)
  }
}
