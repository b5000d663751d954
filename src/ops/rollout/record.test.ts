import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JournalError } from './errors.ts'
import type { JournalRecord } from './journal-record.ts'
import { LockedError, LockLostError } from './lock-holder.ts'
import { PhaseRecord } from './record.ts'
import { newestJournal } from './record-choice.ts'
import { FileRecordHost, type RecordHost } from './record-host.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aethel-record-'))
})
afterEach(async () => rm(folder, { recursive: true }))

const host = (name: string): FileRecordHost =>
  new FileRecordHost(name, join(folder, name), { areHoldersHere: false })
const record = (...names: string[]): PhaseRecord => new PhaseRecord(names.map(host))
const options = { command: 'deploy' }

/** A machine that fails in `failing`, as one does whose connection broke. */
function broken(name: string, failing: keyof RecordHost): RecordHost {
  return new Proxy<RecordHost>(host(name), {
    get: (target, key) => {
      if (key === failing) {
        return async () => {
          throw new Error('connection lost')
        }
      }
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const begin = (run: string, fence: number): JournalRecord => ({
  type: 'begin',
  run,
  at: '',
  fence,
  kind: 'deploy',
  plan: '',
  release: { id: run, version: '' },
  nodes: [],
  active: [],
})
const end = (run: string): JournalRecord => ({ type: 'end', run, at: '', result: 'deployed' })

describe('the lock of several machines', () => {
  it('is held on all of them with one token, and let go on all', async () => {
    await record('a').withLock(options, async () => {})
    await record('a').withLock(options, async () => {})
    await record('b', 'a').withLock(options, async ({ lock }) => {
      const looks = await Promise.all([host('a').look(), host('b').look()])
      for (const { holder } of looks) expect(holder).toMatchObject({ token: lock.token })
    })
    expect((await host('a').look()).holder).toBe(null)
    expect((await host('b').look()).holder).toBe(null)
  })

  it('is refused, and held nowhere, when another command has it on one', async () => {
    await record('b').withLock(options, async () => {
      const refused = record('a', 'b').withLock({ command: 'rollback' }, async () => {})
      await expect(refused).rejects.toBeInstanceOf(LockedError)
      expect((await host('a').look()).holder).toBe(null)
    })
  })

  it('goes to one at a time, whatever order its machines are named in', async () => {
    let inside = 0
    let most = 0
    let times = 0
    const fight = async (names: string[]): Promise<void> => {
      for (let tries = 0; tries < 40; tries++) {
        try {
          await record(...names).withLock(options, async () => {
            most = Math.max(most, ++inside)
            times++
            await delay(0)
            inside--
          })
        } catch (error) {
          if (!(error instanceof LockedError || error instanceof LockLostError)) throw error
          await delay(1)
        }
      }
    }
    await Promise.all([fight(['a', 'b']), fight(['b', 'a']), fight(['b']), fight(['a', 'b', 'c'])])
    expect(most).toBe(1)
    expect(times).toBeGreaterThan(4)
  })

  it('is held nowhere when a machine cannot be reached', async () => {
    const hosts = new PhaseRecord([host('a'), broken('b', 'acquire')])
    await expect(hosts.withLock(options, async () => {})).rejects.toThrow('connection lost')
    expect((await host('a').look()).holder).toBe(null)
  })

  it('taken over on one machine is lost, and lets nothing more be written there', async () => {
    await record('a', 'b').withLock({ ...options, heartbeatMs: 5 }, async (held) => {
      await held.journal.append([begin('1', held.lock.token)])
      await host('b').unlock(held.lock.token)
      await expect(held.journal.append([end('1')])).rejects.toBeInstanceOf(LockLostError)
      await delay(2_000, undefined, { signal: held.lock.signal }).catch(() => {})
      expect(held.lock.signal.reason).toBeInstanceOf(LockLostError)
    })
    expect((await host('b').look()).journal).toEqual([begin('1', expect.any(Number) as number)])
  })

  it('outlives a machine that does not answer for a moment', async () => {
    const hosts = new PhaseRecord([host('a'), broken('b', 'renew')])
    await hosts.withLock({ ...options, heartbeatMs: 2 }, async ({ lock }) => {
      await delay(30)
      expect(lock.signal.aborted).toBe(false)
    })
  })
})

describe('the journal of several machines', () => {
  it('is on all before anything is done, and read from the one that knows most', async () => {
    await record('a', 'b').withLock(options, async (held) => {
      await held.journal.append([begin('1', held.lock.token)])
      expect((await host('a').look()).journal).toHaveLength(1)
      expect((await host('b').look()).journal).toHaveLength(1)
      // The process dies while it writes: one machine has the record, the other not.
      await host('b').append([end('1')], held.lock.token)
    })
    const { journal } = await record('a', 'b', 'c').look()
    expect(journal.map((one) => one.type)).toEqual(['begin', 'end'])
  })

  it('stops the work when one machine cannot write it', async () => {
    const hosts = new PhaseRecord([host('a'), broken('b', 'append')])
    await hosts.withLock(options, async (held) => {
      const failing = held.journal.append([begin('1', held.lock.token)])
      await expect(failing).rejects.toBeInstanceOf(JournalError)
      await expect(failing).rejects.toThrow('the journal on b cannot be written')
    })
  })

  it('is lost when its machine does not answer, and another has the lock by then', async () => {
    const mine = new PhaseRecord([broken('a', 'append')])
    const sleeping = mine.withLock(options, async ({ journal, lock }) => {
      await host('a').unlock(lock.token)
      await record('a').withLock(options, async () => {})
      await journal.append([begin('1', 1)])
    })
    await expect(sleeping).rejects.toBeInstanceOf(LockLostError)
  })

  it('is the newest run’s, whichever machine missed the end of it', () => {
    const records = fc.integer({ min: 1, max: 6 }).chain((runs) => {
      const all = Array.from({ length: runs }, (_none, run) => [
        begin(`${run}`, run),
        end(`${run}`),
      ]).flat()
      return fc
        .array(fc.integer({ min: 0, max: all.length }), { minLength: 1, maxLength: 5 })
        .map((sizes) => ({ all, sizes }))
    })
    fc.assert(
      fc.property(records, ({ all, sizes }) => {
        const newest = newestJournal(sizes.map((size) => all.slice(0, size)))
        expect(newest).toEqual(all.slice(0, Math.max(...sizes)))
      }),
    )
  })
})

it('a folder that keeps a record holds nothing but it', async () => {
  await record('a').withLock(options, async (held) => {
    await held.journal.append([begin('1', held.lock.token)])
  })
  expect((await readdir(join(folder, 'a'))).toSorted()).toEqual(['journal.jsonl', 'lock'])
})
