import { join } from 'node:path'
import { JournalFile } from './journal.ts'
import type { JournalRecord } from './journal-record.ts'
import { RUNS_LOOKED_AT } from './limits.ts'
import {
  claimLock,
  readLock,
  releaseLock,
  renewLock,
  requireLock,
  takeLock,
  type LockOwner,
  type LockPlace,
} from './lock.ts'
import type { LockHolder } from './lock-holder.ts'
import { readRegister, writeRegister, type Register } from './releases.ts'

/** What one machine has written down about a phase. */
export interface HostRecord {
  /** Who works on the phase, dead or alive; null: nobody. */
  holder: LockHolder | null
  /** What the last runs did, oldest first. */
  journal: readonly JournalRecord[]
  register: Register
}

export type Acquired =
  | { isHeld: true; token: number; record: HostRecord }
  /** The token that was asked for is used up: `newest` is not below it. */
  | { isHeld: false; newest: number }

/**
 * A machine that keeps the record of a phase: this one for nodes that run here, each server of the
 * phase otherwise. Every write carries the token of the lock, and is refused with a `LockLostError`
 * when someone has taken the lock over on that machine.
 */
export interface RecordHost {
  /** Names it in messages. */
  readonly name: string

  look(): Promise<HostRecord>

  /**
   * Takes the lock with `token`, or with the next one that is free here when it is null.
   * A crash leaves it held; it counts as free after 15 s of silence.
   *
   * @throws LockedError when another command has it
   */
  acquire(owner: LockOwner, token: number | null): Promise<Acquired>

  /** Says that the holder lives. @throws LockLostError */
  renew(token: number): Promise<void>

  /** Lets the lock go; does nothing when another command has it. */
  release(token: number): Promise<void>

  /**
   * Takes the lock from who has it with `token` or a lower one, and leaves it free. Tells who has it
   * then: null, or who took it meanwhile.
   */
  unlock(token: number): Promise<LockHolder | null>

  /** Resolves when the records are on the disk. @throws JournalError, LockLostError */
  append(records: readonly JournalRecord[], token: number): Promise<void>

  /** @throws LockLostError */
  writeRegister(register: Register, token: number): Promise<void>
}

/** A folder on this machine that holds the record: `lock/`, `journal.jsonl`, `releases.json`. */
export class FileRecordHost implements RecordHost {
  readonly name: string
  readonly #lock: LockPlace
  readonly #journal: JournalFile
  readonly #register: string

  /** `areHoldersHere`: commands that take this lock run on this machine, see `LockPlace`. */
  constructor(name: string, directory: string, { areHoldersHere }: { areHoldersHere: boolean }) {
    this.name = name
    this.#lock = { directory: join(directory, 'lock'), areHoldersHere }
    this.#journal = new JournalFile(join(directory, 'journal.jsonl'))
    this.#register = join(directory, 'releases.json')
  }

  async look(): Promise<HostRecord> {
    return {
      holder: await readLock(this.#lock),
      journal: lastRuns(await this.#journal.read()),
      register: await readRegister(this.#register),
    }
  }

  async acquire(owner: LockOwner, token: number | null): Promise<Acquired> {
    const claimed = await claimLock(this.#lock, owner, token)
    if (!claimed.isHeld) return { isHeld: false, newest: claimed.token }
    try {
      return { isHeld: true, token: claimed.token, record: await this.look() }
    } catch (error) {
      await this.release(claimed.token)
      throw error
    }
  }

  async renew(token: number): Promise<void> {
    await renewLock(this.#lock, token)
  }

  async release(token: number): Promise<void> {
    await releaseLock(this.#lock, token)
  }

  async unlock(token: number): Promise<LockHolder | null> {
    return takeLock(this.#lock, token)
  }

  async append(records: readonly JournalRecord[], token: number): Promise<void> {
    await requireLock(this.#lock, token)
    await this.#journal.append(records)
  }

  async writeRegister(register: Register, token: number): Promise<void> {
    await requireLock(this.#lock, token)
    await writeRegister(this.#register, register)
  }
}

/** What is needed of a journal, which may be long. */
function lastRuns(records: readonly JournalRecord[]): readonly JournalRecord[] {
  const begins = records.flatMap((record, index) => (record.type === 'begin' ? [index] : []))
  return records.slice(begins.at(-RUNS_LOOKED_AT) ?? 0)
}
