import type { HostFacts } from '../../agent/enter.ts'
import { BareHostError, type HostAgent } from '../../agent/host-agent.ts'
import { SERVICE_USER } from '../../desired/host-files.ts'
import type { AgentSession } from '../../agent/session.ts'
import { readManifestBytes, releaseIdOf, ArtifactError } from '../../release/artifact.ts'
import { TargetError } from '../errors.ts'
import { isClockFit, isRecent, requireClock, type ClockReading } from './host-clock.ts'
import { settingsFiles, shownSettings } from '../settings.ts'
import { sendMissing } from './sending.ts'
import type {
  Contents,
  Generation,
  Holding,
  LogOptions,
  ObservedNode,
  Previous,
  Staging,
  Target,
  Teardown,
  Trace,
  Traces,
} from '../target.ts'

const looking = { brings: false, isRepeatable: true }
const changing = { brings: true, isRepeatable: true }

/**
 * A node as a systemd service on a Linux host, by the agent that runs there. Only `stage` and what
 * comes after it bring anything to the host. A connection that breaks within an act leaves an unknown
 * outcome: acts that may be done twice are asked again, the others fail with `connection-lost`.
 */
export class ServerTarget implements Target {
  readonly name: string
  readonly #agent: HostAgent
  readonly #needsCaddy: boolean
  /** What generations were placed as, by their digests: that never changes. */
  readonly #contents = new Map<string, Contents>()
  /** What the host said last, and on which session. */
  #clock: { reading: ClockReading; session: AgentSession } | null = null

  constructor(agent: HostAgent, { needsCaddy = false } = {}) {
    this.name = agent.node
    this.#agent = agent
    this.#needsCaddy = needsCaddy
  }

  async observe(signal: AbortSignal): Promise<ObservedNode> {
    try {
      const found = await this.#agent.attempt(signal, looking, async (session) => {
        const [node] = await Promise.all([
          session.call('observe', {}, signal),
          this.#readClock(session, signal),
        ])
        return node
      })
      return { ...found, lacks: [...this.#lacksPrograms(), ...found.lacks] }
    } catch (error) {
      if (!(error instanceof BareHostError)) throw error
      if (!error.facts.isDeployed) {
        const user = error.facts.hasUser ? [] : [`user ${SERVICE_USER}`]
        return { ...nothingDeployed(this.name), lacks: [...this.#lacksPrograms(), ...user] }
      }
      throw new TargetError('runtime-gone', `${this.name}: its Node.js is gone from the host`, {
        hint: 'what is deployed there cannot be looked at; move its "current" aside and deploy again',
        cause: error,
      })
    }
  }

  async read(generation: Generation, signal: AbortSignal): Promise<Contents> {
    const known = this.#contents.get(keyOf(generation))
    if (known !== undefined) return known
    const contents = await this.#agent.call('read', generation, signal, looking)
    this.#contents.set(keyOf(generation), contents)
    return contents
  }

  async check(generation: Generation, signal: AbortSignal): Promise<Holding> {
    try {
      return await this.#agent.call('check', generation, signal, looking)
    } catch (error) {
      if (error instanceof BareHostError) return 'absent'
      throw error
    }
  }

  async stage(
    { release, settings, configDigest }: Staging,
    signal: AbortSignal,
  ): Promise<Generation> {
    settingsFiles(settings)
    const manifest = await readManifestBytes(release.dir)
    if (releaseIdOf(manifest) !== release.id) {
      throw new ArtifactError(release.dir, 'it changed while it was read', { hint: 'start again' })
    }
    const { files, secrets } = settings
    const args = {
      manifest: manifest.toString(),
      configDigest,
      files: files.map((file) => ({ ...file })),
      secrets: secrets.map((file) => ({ ...file })),
    }
    const generation = await this.#agent.attempt(signal, changing, async (session) => {
      await this.#requireClock(session, signal)
      const failed = new AbortController()
      const exchange = session.open('stage', args, AbortSignal.any([signal, failed.signal]))
      const sending = sendMissing(exchange, release).catch((error: unknown) => failed.abort(error))
      const staged = await exchange.result
      await sending
      return staged
    })
    const contents = { settings: shownSettings(settings), release: release.manifest.files }
    this.#contents.set(keyOf(generation), contents)
    return generation
  }

  async activate(generation: Generation, fence: number, signal: AbortSignal): Promise<void> {
    await this.#agent.attempt(signal, changing, async (session) => {
      await this.#requireClock(session, signal)
      await session.call('activate', { generation, fence }, signal)
    })
  }

  async restore(previous: Previous, fence: number, signal: AbortSignal): Promise<void> {
    await this.#agent.call('restore', { previous, fence }, signal, changing)
  }

  async prune(keep: readonly Generation[], fence: number, signal: AbortSignal): Promise<void> {
    await this.#agent.call('prune', { keep: [...keep], fence }, signal, changing)
  }

  async stop(signal: AbortSignal): Promise<void> {
    try {
      await this.#agent.call('stop', {}, signal, looking)
    } catch (error) {
      if (!(error instanceof BareHostError)) throw error
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#agent.call('start', {}, signal, looking)
  }

  /** Not asked twice: the second might end the process that was started after the first. */
  async kill(signal: AbortSignal): Promise<void> {
    await this.#agent.call('kill', {}, signal, { brings: false, isRepeatable: false })
  }

  /** A host that cannot be asked says nothing about its node. */
  async liveness(signal: AbortSignal): Promise<'alive' | 'dead' | 'unknown'> {
    try {
      return await this.#agent.call('liveness', {}, signal, looking)
    } catch {
      signal.throwIfAborted()
      return 'unknown'
    }
  }

  async *logs(options: LogOptions, signal: AbortSignal): AsyncGenerator<string> {
    const session = await this.#agent.session(signal, looking)
    const { lines, follow } = options
    for await (const event of session.open('logs', { lines, follow }, signal).events) {
      yield* event.lines
    }
  }

  async traces(signal: AbortSignal): Promise<Traces> {
    try {
      return await this.#agent.call('traces', {}, signal, looking)
    } catch (error) {
      if (!(error instanceof BareHostError)) throw error
      return this.#tracesOfBare(error.facts)
    }
  }

  /** Not asked twice: the second would find no lock to work under. */
  async teardown(
    { keepsData }: Teardown,
    fence: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { left } = await this.#agent.call('teardown', { keepsData, fence }, signal, {
      brings: false,
      isRepeatable: false,
    })
    return left
  }

  #tracesOfBare({ folder, hasUser }: HostFacts): Traces {
    const { root } = this.#agent
    const found: Trace[] = [
      ...(folder === 'more' ? [{ kind: 'folder' as const, name: root }] : []),
      ...(hasUser ? [{ kind: 'user' as const, name: SERVICE_USER }] : []),
    ]
    return {
      isRunning: false,
      found,
      data: folder === 'data' ? { path: `${root}/shared/data`, files: null, bytes: null } : null,
      stays: [],
      unseen: found.length > 0 ? 'Node.js is not there to look with; it is brought first' : null,
    }
  }

  async #requireClock(session: AgentSession, signal: AbortSignal): Promise<void> {
    const known = this.#clock
    if (known?.session === session && isRecent(known.reading) && isClockFit(known.reading)) return
    requireClock(this.name, await this.#readClock(session, signal))
  }

  async #readClock(session: AgentSession, signal: AbortSignal): Promise<ClockReading> {
    const askedMs = Date.now()
    const { wallMs: hostMs } = await session.call('clock', {}, signal)
    const reading = { askedMs, answeredMs: Date.now(), hostMs }
    this.#clock = { reading, session }
    return reading
  }

  #lacksPrograms(): string[] {
    const { lacksNode, lacksCaddy } = this.#agent
    return [
      ...(lacksNode === null ? [] : [lacksNode]),
      ...(this.#needsCaddy && lacksCaddy ? ['package caddy'] : []),
    ]
  }
}

const keyOf = ({ release, settings }: Generation): string => `${release} ${settings}`

const nothingDeployed = (name: string): ObservedNode => ({
  name,
  current: null,
  process: {
    state: 'stopped',
    isSupervised: false,
    pid: null,
    startedAt: null,
    restarts: 0,
    lastExit: null,
  },
  contents: null,
  lacks: [],
  overrides: [],
  held: [],
})
