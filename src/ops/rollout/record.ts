import { JournalError } from './errors.ts'
import type { Journal } from './journal.ts'
import type { JournalRecord } from './journal-record.ts'
import { HEARTBEAT_MS, LOCK_EXPIRY_MS, LOCK_TRIES } from './limits.ts'
import { ownerOf, type LockOwner } from './lock.ts'
import { LockedError, LockLostError, type LockHolder } from './lock-holder.ts'
import type { Plan } from './plan.ts'
import { afterProof, type ProvenRelease } from './plan-releases.ts'
import { newestJournal, newestRegister } from './record-choice.ts'
import type { Acquired, HostRecord, RecordHost } from './record-host.ts'
import type { Register } from './releases.ts'

/** What a command works under. */
export interface HeldLock {
  /** Higher than that of every command before. */
  readonly token: number
  /** Aborts, with a `LockLostError`, when someone took the lock over. */
  readonly signal: AbortSignal
}

/** The record in the hands of the command that holds its lock. */
export interface HeldRecord {
  readonly lock: HeldLock
  readonly journal: Journal
  /** Oldest first. */
  readonly proven: readonly ProvenRelease[]
  /**
   * Writes down that what `plan` led to has passed its gates and its verification. Call it after
   * `deployed` or `unchanged` and a verdict of PASS. Writes nothing when it is known already, or when
   * the nodes do not all run one release.
   */
  prove(plan: Plan, now: Date): Promise<void>
}

/** What is written down about a phase, for those who only look. */
export interface PhaseView {
  holder: LockHolder | null
  journal: readonly JournalRecord[]
  proven: readonly ProvenRelease[]
}

export interface LockOptions {
  /** What the holder is at, such as `deploy`; shown to others. */
  command: string
  heartbeatMs?: number
}

/**
 * What is written down about a phase, on every machine that keeps it: who works on it, what runs
 * did, which releases were proven. All of them have to take part in a write: a machine that comes
 * back can then know less than the others, but never other things.
 */
export class PhaseRecord {
  readonly #hosts: readonly RecordHost[]

  /** @param hosts in an order that all commands share, so that two never wait for each other */
  constructor(hosts: readonly RecordHost[]) {
    this.#hosts = hosts.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  async look(): Promise<PhaseView> {
    const records = await Promise.all(this.#hosts.map(async (host) => host.look()))
    return {
      holder: newestHolder(records.map((record) => record.holder)),
      journal: newestJournal(records.map((record) => record.journal)),
      proven: newestRegister(records.map((record) => record.register)).proven,
    }
  }

  /**
   * Takes the lock, on all machines, from whoever was seen to have it.
   *
   * @throws LockedError when another command has taken it since
   */
  async unlock({ token }: LockHolder): Promise<void> {
    const left = await Promise.all(this.#hosts.map(async (host) => host.unlock(token)))
    const holder = newestHolder(left)
    if (holder !== null) throw new LockedError(holder)
  }

  /**
   * Does `work` while holding the lock on all machines; lets it go whatever happens. A process that
   * is killed leaves it behind, to be taken over after 15 s; at once where its machine can tell.
   *
   * @throws LockedError when another command has it
   */
  async withLock<T>(options: LockOptions, work: (held: HeldRecord) => Promise<T>): Promise<T> {
    const { token, records } = await this.#acquire(ownerOf(options.command))
    const lost = new AbortController()
    const beats = this.#hosts.map((host) => new Heartbeat(host, token, lost))
    const beat = setInterval(() => {
      for (const one of beats) void one.beat()
    }, options.heartbeatMs ?? HEARTBEAT_MS)
    try {
      return await work(this.#held({ token, signal: lost.signal }, records))
    } finally {
      clearInterval(beat)
      await this.#release(this.#hosts, token)
    }
  }

  /** One machine after the other. Where one has used a higher token, all are asked for a higher one still. */
  async #acquire(owner: LockOwner): Promise<{ token: number; records: HostRecord[] }> {
    let wanted: number | null = null
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      const held: RecordHost[] = []
      const records: HostRecord[] = []
      let token: number | null = wanted
      try {
        for (const host of this.#hosts) {
          const acquired: Acquired = await host.acquire(owner, token)
          if (!acquired.isHeld) {
            wanted = acquired.newest + 1
            break
          }
          held.push(host)
          records.push(acquired.record)
          token = acquired.token
        }
      } catch (error) {
        await this.#release(held, token)
        throw error
      }
      if (token !== null && held.length === this.#hosts.length) return { token, records }
      await this.#release(held, token)
    }
    throw new LockLostError()
  }

  /** A machine that cannot be reached any more lets go by itself. */
  async #release(hosts: readonly RecordHost[], token: number | null): Promise<void> {
    if (token === null) return
    await Promise.allSettled(hosts.map(async (host) => host.release(token)))
  }

  #held(lock: HeldLock, records: readonly HostRecord[]): HeldRecord {
    const hosts = this.#hosts
    let { proven } = newestRegister(records.map((record) => record.register))
    return {
      lock,
      journal: new HeldJournal(hosts, lock, newestJournal(records.map((one) => one.journal))),
      get proven() {
        return proven
      },
      async prove(plan, now) {
        const after = afterProof(proven, plan, now)
        if (after === proven) return
        const register: Register = { fence: lock.token, proven: after }
        await Promise.all(hosts.map(async (host) => host.writeRegister(register, lock.token)))
        proven = after
      },
    }
  }
}

/** Under the lock nobody else writes: what was read once and appended since is all there is. */
class HeldJournal implements Journal {
  readonly #hosts: readonly RecordHost[]
  readonly #lock: HeldLock
  readonly #records: JournalRecord[]

  constructor(hosts: readonly RecordHost[], lock: HeldLock, records: readonly JournalRecord[]) {
    this.#hosts = hosts
    this.#lock = lock
    this.#records = [...records]
  }

  async append(records: readonly JournalRecord[]): Promise<void> {
    const { token } = this.#lock
    const results = await Promise.allSettled(
      this.#hosts.map(async (host) => host.append(records, token)),
    )
    const failed = this.#hosts.flatMap((host, index) => {
      const one = results[index]
      return one?.status === 'rejected' ? [{ host, cause: one.reason as unknown }] : []
    })
    const [first] = failed
    if (first === undefined) {
      this.#records.push(...records)
      return
    }
    const known = failed.find(
      ({ cause }) => cause instanceof LockLostError || cause instanceof JournalError,
    )
    if (known !== undefined) throw known.cause as Error
    // Whoever slept finds the connection gone before it hears that another has the lock.
    await Promise.all(failed.map(async ({ host }) => this.#assertHeld(host)))
    throw new JournalError('journal', `the journal on ${first.host.name} cannot be written`, {
      exit: 'unreachable',
      hint: 'once that host can be reached, the next deploy first finishes or reverts this run',
      cause: first.cause,
    })
  }

  async read(): Promise<JournalRecord[]> {
    return [...this.#records]
  }

  /** @throws LockLostError when the host says so; that it says nothing proves nothing */
  async #assertHeld(host: RecordHost): Promise<void> {
    try {
      await host.renew(this.#lock.token)
    } catch (error) {
      if (error instanceof LockLostError) throw error
    }
  }
}

/** Keeps the lock on one machine, as long as that is possible. */
class Heartbeat {
  readonly #host: RecordHost
  readonly #token: number
  readonly #lost: AbortController
  #renewedMs = performance.now()
  #isUnderWay = false

  constructor(host: RecordHost, token: number, lost: AbortController) {
    this.#host = host
    this.#token = token
    this.#lost = lost
  }

  /** A machine that does not answer may have given the lock away once its patience is over. */
  async beat(): Promise<void> {
    if (performance.now() - this.#renewedMs > LOCK_EXPIRY_MS - HEARTBEAT_MS) {
      this.#lost.abort(new LockLostError(new Error(`${this.#host.name} does not answer`)))
    }
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    const beganMs = performance.now()
    try {
      await this.#host.renew(this.#token)
      this.#renewedMs = beganMs
    } catch (error) {
      if (error instanceof LockLostError) this.#lost.abort(error)
    } finally {
      this.#isUnderWay = false
    }
  }
}

const newestHolder = (holders: readonly (LockHolder | null)[]): LockHolder | null =>
  holders
    .filter((holder) => holder !== null)
    .toSorted((a, b) => b.token - a.token)
    .at(0) ?? null
