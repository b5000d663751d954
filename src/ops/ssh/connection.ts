import { setTimeout as delay } from 'node:timers/promises'
import type { Socket } from 'node:net'
import type { Client, ClientChannel } from 'ssh2'
import type { Identity, Prompt } from './authentication.ts'
import { enter, leave, routeOf, type Chain } from './chain.ts'
import { ChannelSlots } from './channel-slots.ts'
import { ChannelRefusedError, ConnectionLostError, printableWords } from './errors.ts'
import { describeHost } from './hop.ts'
import { CHANNEL_RETRY_MS, CHANNEL_TRIES_MAX, CLOSE_MS_MAX } from './limits.ts'
import { remoteCommand } from './remote-command.ts'
import type { ResolvedHost } from './resolve-host.ts'
import type { ExecOptions, RemoteCommand, SshSession } from './session.ts'
import { checkedCommand, shellCommand } from './shell-command.ts'

/**
 * One verified SSH connection to a host. The room `ssh` owns: which hosts to go through, who each of
 * them must be, how to log in, commands on the connection and how they ended. It must not know nodes or
 * releases, decide what is run, print or ask (questions go through a port). It never takes a host key
 * on trust: that is an act of its own (`trust.ts`).
 */

/** Whom to connect to. */
export interface ConnectionTarget {
  /** What the operator calls it; hints name it. */
  name: string
  /** The chain to it, itself last: see `resolveHost`. */
  hops: readonly ResolvedHost[]
  /** The key that nodes.yaml names for the last hop; null: the agent's and the configured ones. */
  identity: Identity | null
}

export interface ConnectionPorts {
  /** Without it, nobody can be asked for a passphrase or a password. */
  prompt?: Prompt
  signal: AbortSignal
}

/**
 * Connects, hop by hop; every hop's key is verified and every hop is logged in to.
 *
 * @throws SshError and its kinds, each with host, hop, step and hint; OperatorError for files that
 *   cannot be used; the reason of `signal`
 */
export async function connect(
  { name, hops, identity }: ConnectionTarget,
  { prompt, signal }: ConnectionPorts,
): Promise<SshConnection> {
  const route = routeOf(name, hops, identity, prompt ?? null)
  return new SshConnection(await enter(route, signal), hops.map(describeHost))
}

export class SshConnection implements SshSession {
  readonly description: string
  readonly remoteAddress: string | null
  readonly #client: Client
  readonly #clients: readonly Client[]
  readonly #socket: Socket | null
  readonly #slots = new ChannelSlots()
  readonly #closed = Promise.withResolvers<void>()
  /** Why it ended; null while it is there. */
  #loss: string | null = null

  /** `chain` was entered and is this connection's alone from now on; it has at least one client. */
  constructor({ clients, socket }: Chain, hosts: readonly string[]) {
    const client = clients.at(-1)
    if (client === undefined) throw new Error('a connection to nowhere')
    const through = hosts.slice(0, -1)
    this.description = `${hosts.at(-1)}${through.length === 0 ? '' : ` through ${through.join(', ')}`}`
    this.remoteAddress = socket?.remoteAddress ?? null
    this.#socket = socket
    this.#client = client
    this.#clients = clients
    client.on('error', (error: Error) => {
      this.#loss ??= printableWords(error.message)
    })
    client.on('close', () => {
      // Before the channels' own close events, which ask for it.
      this.#loss ??= 'the other end closed it'
      leave(clients.slice(0, -1))
      this.#closed.resolve()
    })
  }

  async exec(command: string | readonly string[], options: ExecOptions): Promise<RemoteCommand> {
    const line = typeof command === 'string' ? checkedCommand(command) : shellCommand(command)
    for (let tries = 1; ;) {
      await this.#slots.take(options.signal)
      try {
        return await this.#start(line, options)
      } catch (error) {
        const isAlone = this.#slots.taken === 1
        this.#slots.giveBack()
        if (!(error instanceof ChannelRefusedError) || !error.mayComeLater) throw error
        this.#slots.narrow()
        if (isAlone) {
          if (tries === CHANNEL_TRIES_MAX) throw error
          tries += 1
          await delay(CHANNEL_RETRY_MS, undefined, { signal: options.signal })
        }
      }
    }
  }

  async close(): Promise<void> {
    this.#loss ??= 'it was closed here'
    leave(this.#clients)
    // That it was left is what the host has to hear; it has nothing to say to that.
    this.#socket?.destroySoon()
    const cut = setTimeout(() => {
      for (const client of this.#clients.toReversed()) client.destroy()
    }, CLOSE_MS_MAX)
    await this.#closed.promise
    clearTimeout(cut)
  }

  /** Resolves once the server runs `command`; from then on its place is free when it is over, or let go of. */
  async #start(command: string, options: ExecOptions): Promise<RemoteCommand> {
    if (this.#loss !== null) throw new ConnectionLostError(this.description, this.#loss)
    const { signal } = options
    return new Promise((resolve, reject) => {
      let isOver = false
      const settle = (act: () => void): void => {
        isOver = true
        signal.removeEventListener('abort', abort)
        act()
      }
      const abort = (): void => settle(() => reject(signal.reason as Error))
      signal.addEventListener('abort', abort, { once: true })
      try {
        this.#client.exec(command, (error, channel) => {
          // Nobody waits for a command that starts after it was let go of.
          if (isOver) channel?.destroy()
          else if (error !== undefined) settle(() => reject(this.#refusal(error)))
          // At once: all that a quick command does may lie in the packet that is being read.
          else settle(() => resolve(this.#running(channel, options)))
        })
      } catch (error) {
        settle(() => reject(this.#refusal(error as Error)))
      }
    })
  }

  #running(channel: ClientChannel, options: ExecOptions): RemoteCommand {
    const line = { description: this.description, lossOf: () => this.#loss }
    const command = remoteCommand(channel, line, options)
    let isFree = false
    const free = (): void => {
      if (!isFree) this.#slots.giveBack()
      isFree = true
    }
    channel.once('close', free)
    // Of one that was let go of, the server closes the channel only when it ends, if it ever does.
    command.stdout.once('close', free)
    return command
  }

  #refusal(error: Error & { reason?: unknown }): Error {
    if (this.#loss !== null) return new ConnectionLostError(this.description, this.#loss)
    // Only a channel that is not opened has a reason; a command that is not run has none.
    const mayComeLater = error.reason !== undefined
    return new ChannelRefusedError(this.description, error.message, mayComeLater)
  }
}
