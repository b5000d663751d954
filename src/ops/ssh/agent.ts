import ssh2, {
  type BaseAgent,
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2'
import { AGENT_MS_MAX } from './limits.ts'

/** Keys that an agent holds, each with the means to have it sign. */
export interface AgentKey {
  key: ParsedKey
  agent: BaseAgent
}

/** The keys of an agent; null when none answers in time. */
export async function agentKeys(socket: string): Promise<readonly AgentKey[] | null> {
  const agent = ssh2.createAgent(socket)
  const keys = await new Promise<readonly ParsedKey[] | null>((resolve) => {
    const timer = setTimeout(() => resolve(null), AGENT_MS_MAX)
    agent.getIdentities((error: Error | null | undefined, found?: unknown[]) => {
      clearTimeout(timer)
      resolve(error ? null : (found ?? []).filter(isParsedKey))
    })
  })
  return keys === null ? null : keys.map((key) => ({ key, agent: new OneKeyAgent(agent, key) }))
}

const isParsedKey = (key: unknown): key is ParsedKey =>
  typeof (key as Partial<ParsedKey>).getPublicSSH === 'function'

/** Offers one key of an agent, so that this room decides which one comes next. */
class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: BaseAgent
  readonly #key: ParsedKey

  constructor(agent: BaseAgent, key: ParsedKey) {
    super()
    this.#agent = agent
    this.#key = key
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(undefined, [this.#key])
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === 'function') this.#agent.sign(key, data, options)
    else this.#agent.sign(key, data, options, done)
  }
}
