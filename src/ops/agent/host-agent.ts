import { setTimeout as delay } from 'node:timers/promises'
import { OperatorError } from '../errors.ts'
import { enterHost, type AgentProgram, type HostFacts, type SudoPassword } from './enter.ts'
import { installNode } from './install.ts'
import { ACT_TRIES, RECONNECT_MS, SUDO_TRIES } from './limits.ts'
import { pinnedNode, type NodeSource } from './pinned-node.ts'
import type { ActArgs, ActName, ActResult } from './protocol.ts'
import type { AgentSession } from './session.ts'
import { EnterError, type HostShell } from './shell.ts'

/** A way to a host that can be closed. */
export interface HostConnection extends HostShell {
  close(): Promise<void>
}

export interface AgentPorts {
  /** Opens a verified connection to the host. @throws OperatorError */
  connect(signal: AbortSignal): Promise<HostConnection>
  /** Asks for the sudo password of the user on that host; null: nobody can be asked. */
  askSudoPassword(description: string, signal: AbortSignal): Promise<string | null>
  program: AgentProgram
  nodes: NodeSource
}

/** How an act may use the host. */
export interface Use {
  /** Brings what the agent needs to a host that lacks it. Otherwise nothing there is changed. */
  brings: boolean
}

/** Nothing of ours runs on the host, so nothing can be asked there. */
export class BareHostError extends OperatorError {
  override readonly name = 'BareHostError'
  readonly facts: HostFacts

  constructor(node: string, facts: HostFacts) {
    super('bare-host', `${node}: nothing is deployed on its host`, {
      hint: 'run "aethel-lattice deploy" first',
    })
    this.facts = facts
  }
}

/**
 * The agent of one node's host, brought up when it is first asked. One connection, one channel on it;
 * anew when they broke.
 */
export class HostAgent {
  readonly node: string
  /** The node's folder on the host. */
  readonly root: string
  readonly #ports: AgentPorts
  #connection: HostConnection | null = null
  #session: AgentSession | null = null
  #facts: HostFacts | null = null
  #password: SudoPassword = null
  /** A way in that was begun before anybody asked. */
  #approach: Promise<AgentSession> | null = null
  #approachEnd = new AbortController()
  /** One way in at a time. */
  #entering: Promise<unknown> = Promise.resolve()

  constructor(node: string, root: string, ports: AgentPorts) {
    this.node = node
    this.root = root
    this.#ports = ports
  }

  /** In words, what `session` would bring to the host before anything else; null: not known yet. */
  get lacksNode(): string | null {
    const { version } = this.#ports.nodes.list
    return this.#facts?.hasPinnedNode === false ? `Node.js ${version}` : null
  }

  /** The host has no Caddy. False: it has, or that is not known yet. */
  get lacksCaddy(): boolean {
    return this.#facts?.hasCaddy === false
  }

  /**
   * A session to ask on. It may break at any time.
   *
   * @throws BareHostError where nothing may be brought and nothing is there; OperatorError
   */
  async session(signal: AbortSignal, { brings }: Use): Promise<AgentSession> {
    const approach = this.#approach
    this.#approach = null
    return approach !== null && !brings ? approach : this.#enterInTurn(signal, brings)
  }

  /**
   * Begins to bring the agent up. Resolves when the host is connected, or cannot be; never rejects, since
   * the first who asks for a session is told what came of it.
   */
  async approach(signal: AbortSignal): Promise<void> {
    this.#approachEnd = new AbortController()
    const any = AbortSignal.any([signal, this.#approachEnd.signal])
    const connected = Promise.withResolvers<void>()
    this.#approach = this.#enterInTurn(any, false, connected.resolve)
    const ended = this.#approach.then(
      () => undefined,
      () => undefined,
    )
    await Promise.race([connected.promise, ended])
  }

  /**
   * Asks; once more when the connection broke and the act may be done twice.
   *
   * @throws OperatorError: `connection-lost` when it is not known whether the act was done
   */
  async call<N extends ActName>(
    act: N,
    args: ActArgs<N>,
    signal: AbortSignal,
    use: Use & { isRepeatable: boolean },
  ): Promise<ActResult<N>> {
    return this.attempt(signal, use, async (session) => session.call(act, args, signal))
  }

  /** As `call`, for what takes more than one question. */
  async attempt<T>(
    signal: AbortSignal,
    { brings, isRepeatable }: Use & { isRepeatable: boolean },
    ask: (session: AgentSession) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      let session: AgentSession | null = null
      try {
        session = await this.session(signal, { brings })
        return await ask(session)
      } catch (error) {
        if (!isLost(error)) throw error
        // Another who asked may have opened a new one already.
        if (session !== null && session === this.#session) await this.close()
        if (!isRepeatable || tries >= ACT_TRIES) throw error
        await delay(RECONNECT_MS, undefined, { signal })
      }
    }
  }

  /** Whether `prepare` has nothing to do. Changes nothing. */
  async isPrepared(signal: AbortSignal): Promise<boolean> {
    try {
      await this.session(signal, { brings: false })
    } catch (error) {
      if (!(error instanceof BareHostError)) throw error
    }
    return this.#facts?.hasPinnedNode === true
  }

  /** Whether nothing of ours can run there, so that the host cannot keep a record. Changes nothing. */
  async isBare(signal: AbortSignal): Promise<boolean> {
    try {
      await this.session(signal, { brings: false })
      return false
    } catch (error) {
      if (error instanceof BareHostError) return true
      throw error
    }
  }

  /** Brings what acts on this host need. */
  async prepare(signal: AbortSignal): Promise<void> {
    await this.session(signal, { brings: true })
  }

  /** Ends the agent and the connection. Asked again, both are opened anew. Idempotent. */
  async close(): Promise<void> {
    this.#approachEnd.abort()
    this.#session?.close()
    this.#session = null
    const connection = this.#connection
    this.#connection = null
    await connection?.close()
  }

  async #enterInTurn(
    signal: AbortSignal,
    brings: boolean,
    onConnected = (): void => {},
  ): Promise<AgentSession> {
    const entering = this.#entering.then(async () => {
      try {
        return await this.#enter(signal, brings, onConnected)
      } catch (error) {
        if (isLost(error)) await this.close()
        throw error
      }
    })
    this.#entering = entering.catch(() => undefined)
    return entering
  }

  async #enter(
    signal: AbortSignal,
    brings: boolean,
    onConnected: () => void,
  ): Promise<AgentSession> {
    const isEnough = !brings || this.#facts?.hasPinnedNode === true
    if (this.#session !== null && !this.#session.isOver && isEnough) return this.#session
    this.#session?.close()
    this.#session = null
    const connection = (this.#connection ??= await this.#ports.connect(signal))
    onConnected()
    const entry = await this.#tryPasswords(connection, signal)
    this.#facts = entry.facts
    const { machine } = entry.facts
    if (brings && machine !== null) {
      if (entry.kind === 'agent') entry.session.close()
      const node = await pinnedNode(this.#ports.nodes, machine, signal)
      await installNode(connection, this.root, node, this.#password, signal)
      return this.#enterInstalled(connection, signal)
    }
    if (entry.kind === 'bare') throw new BareHostError(this.node, entry.facts)
    this.#session = entry.session
    return entry.session
  }

  async #enterInstalled(connection: HostConnection, signal: AbortSignal): Promise<AgentSession> {
    const entry = await this.#tryPasswords(connection, signal)
    this.#facts = entry.facts
    if (entry.kind === 'bare') throw new BareHostError(this.node, entry.facts)
    this.#session = entry.session
    return entry.session
  }

  async #tryPasswords(connection: HostConnection, signal: AbortSignal) {
    const { program, nodes } = this.#ports
    const place = {
      root: this.root,
      node: this.node,
      nodeVersion: nodes.list.version,
      program,
    }
    for (let tries = 0; tries <= SUDO_TRIES; tries++) {
      try {
        const entry = await enterHost(connection, place, this.#password, signal)
        if (entry.kind !== 'password') return entry
      } catch (error) {
        if (!(error instanceof EnterError) || error.code !== 'sudo-password') throw error
        if (tries === SUDO_TRIES) throw error
      }
      this.#password = await this.#ports.askSudoPassword(connection.description, signal)
      if (this.#password === null) break
    }
    throw new EnterError('sudo-needed', `${connection.description}: sudo wants a password`, {
      hint: 'run this where you can be asked, or give the user NOPASSWD in sudoers',
    })
  }
}

const isLost = (error: unknown): boolean =>
  error instanceof OperatorError && error.code === 'connection-lost'
