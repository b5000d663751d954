import { LockedError, LockLostError, type LockHolder } from '../rollout/lock-holder.ts'
import type { JournalRecord } from '../rollout/journal-record.ts'
import type { LockOwner } from '../rollout/lock.ts'
import type { Acquired, HostRecord, RecordHost } from '../rollout/record-host.ts'
import type { Register } from '../rollout/releases.ts'
import { OperatorError } from '../errors.ts'
import { BareHostError, type HostAgent } from './host-agent.ts'
import { RECORD_MS } from './limits.ts'
import type { ActArgs, ActName, ActResult } from './protocol.ts'

/**
 * The record of a phase as a server keeps it. Letting go and looking must work after an interrupt, so
 * each act has its own limit and no signal from outside.
 */
export class AgentRecordHost implements RecordHost {
  readonly name: string
  readonly #agent: HostAgent

  constructor(agent: HostAgent) {
    this.name = agent.node
    this.#agent = agent
  }

  /** Nothing was ever done on a bare host. */
  async look(): Promise<HostRecord> {
    try {
      return await this.#call('record.look', {})
    } catch (error) {
      if (!(error instanceof BareHostError)) throw error
      return { holder: null, journal: [], register: { fence: 0, proven: [] } }
    }
  }

  async acquire(owner: LockOwner, token: number | null): Promise<Acquired> {
    const answer = await this.#call('record.acquire', { owner, token })
    if ('holder' in answer) throw new LockedError(answer.holder)
    return answer
  }

  async renew(token: number): Promise<void> {
    await this.#call('record.renew', { token })
  }

  async release(token: number): Promise<void> {
    await this.#call('record.release', { token })
  }

  async unlock(token: number): Promise<LockHolder | null> {
    try {
      return (await this.#call('record.unlock', { token })).holder
    } catch (error) {
      if (error instanceof BareHostError) return null
      throw error
    }
  }

  /** Not asked twice: what is not known to be written may be there, and would be there twice. */
  async append(records: readonly JournalRecord[], token: number): Promise<void> {
    await this.#call('record.append', { records: [...records], token }, false)
  }

  async writeRegister(register: Register, token: number): Promise<void> {
    const { fence, proven } = register
    await this.#call('record.writeRegister', { register: { fence, proven: [...proven] }, token })
  }

  async #call<N extends ActName>(
    act: N,
    args: ActArgs<N>,
    isRepeatable = true,
  ): Promise<ActResult<N>> {
    const signal = AbortSignal.timeout(RECORD_MS)
    try {
      return await this.#agent.call(act, args, signal, { brings: false, isRepeatable })
    } catch (error) {
      if (error instanceof OperatorError && error.code === 'lock-lost')
        throw new LockLostError(error)
      throw diskFailureOn(this.name, error)
    }
  }
}

/** Steps name their node; the record is kept on all hosts, and a failure has to name the one. */
function diskFailureOn(host: string, error: unknown): unknown {
  if (!(error instanceof OperatorError) || !error.code.startsWith('disk-')) return error
  const { code, message, exit, hint } = error
  const said = hint === undefined ? {} : { hint }
  return new OperatorError(code, `${host}: ${message}`, { exit, ...said, cause: error })
}
