import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLock as readLockAt } from './lock.ts'
import { LockedError, type LockHolder } from './lock-holder.ts'
import { PhaseRecord, type HeldLock, type LockOptions } from './record.ts'
import { FileRecordHost } from './record-host.ts'

let folder: string
let directory: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aethel-lock-'))
  directory = join(folder, 'local/lock')
})
afterEach(async () => rm(folder, { recursive: true }))

const record = (at: string): PhaseRecord =>
  new PhaseRecord([new FileRecordHost('here', dirname(at), { areHoldersHere: true })])
const withLock = async <T>(
  at: string,
  how: LockOptions,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> => record(at).withLock(how, async ({ lock }) => work(lock))
const readLock = async (at: string): Promise<LockHolder | null> =>
  readLockAt({ directory: at, areHoldersHere: true })
/** Takes the lock from whoever is seen to have it. */
async function unlock(at: string): Promise<LockHolder | null> {
  const { holder } = await record(at).look()
  if (holder !== null) await record(at).unlock(holder)
  return holder
}

const options = { command: 'deploy' }
const tokenOf = async (): Promise<number> =>
  withLock(directory, options, async (lock) => lock.token)

/** What a holder elsewhere, or one long dead, left behind. */
async function plant(content: object, silentMs = 0): Promise<number> {
  const token = (await tokenOf()) + 1
  const path = join(directory, String(token))
  await writeFile(
    path,
    JSON.stringify({
      user: 'ann',
      host: 'elsewhere',
      pid: 77,
      processStart: '1',
      command: 'drill',
      since: Date.now() - 60_000,
      ...content,
    }),
  )
  const then = new Date(Date.now() - silentMs)
  await utimes(path, then, then)
  return token
}

describe('the lock', () => {
  it('is held for as long as the work, and says by whom', async () => {
    expect(await readLock(directory)).toBe(null)
    await withLock(directory, options, async (lock) => {
      expect(await readLock(directory)).toMatchObject({
        owner: `${userInfo().username}@${hostname()}`,
        pid: process.pid,
        command: 'deploy',
        token: lock.token,
        isStale: false,
      })
      const refusal: unknown = await tokenOf().catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(LockedError)
      expect(refusal).toMatchObject({ code: 'locked', exit: 'locked' })
      expect((refusal as Error).message).toMatch(/@.+ \(process \d+\) is at "deploy" since 0 s/)
    })
    expect(await readLock(directory)).toBe(null)
  })

  it('is let go when the work fails', async () => {
    const failing = withLock(directory, options, async () => {
      throw new Error('interrupted')
    })
    await expect(failing).rejects.toThrow('interrupted')
    expect(await readLock(directory)).toBe(null)
  })

  it('has a higher token each time, even when its folder was removed', async () => {
    const first = await tokenOf()
    expect(await tokenOf()).toBe(first + 1)
    await rm(directory, { recursive: true })
    expect(await tokenOf()).toBeGreaterThan(first)
    expect((await readdir(directory)).length).toBe(2)
  })

  it('goes to exactly one of many that want it at once', async () => {
    let inside = 0
    let most = 0
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async () =>
        withLock(directory, options, async () => {
          most = Math.max(most, ++inside)
          await delay(30)
          inside--
        }),
      ),
    )
    expect(most).toBe(1)
    const refused = outcomes.filter((one) => one.status === 'rejected')
    expect(outcomes.length - refused.length).toBeGreaterThan(0)
    expect(refused.every((one) => one.reason instanceof LockedError)).toBe(true)
  })

  it('is held by one at a time, however it is fought for', async () => {
    let inside = 0
    let most = 0
    let times = 0
    const fight = async (): Promise<void> => {
      for (let tries = 0; tries < 60; tries++) {
        try {
          await withLock(directory, options, async () => {
            most = Math.max(most, ++inside)
            times++
            await delay(0)
            inside--
          })
        } catch {
          await delay(1)
        }
      }
    }
    await Promise.all(Array.from({ length: 12 }, fight))
    expect(most).toBe(1)
    expect(times).toBeGreaterThan(12)
  })

  it('keeps saying that it is alive', async () => {
    await withLock(directory, { ...options, heartbeatMs: 10 }, async (lock) => {
      const long = new Date(Date.now() - 14_000)
      await utimes(join(directory, String(lock.token)), long, long)
      await delay(60)
      expect((await readLock(directory))?.silentMs).toBeLessThan(10_000)
    })
  })
})

describe('a stale lock', () => {
  it.each<[string, object, number]>([
    ['of a host that fell silent', {}, 16_000],
    ['with a time in the future', {}, -60_000],
    ['of a process here that is gone', { host: hostname(), pid: 2 ** 22 - 1 }, 0],
    ['of a process here whose number is another’s now', { host: hostname(), pid: process.pid }, 0],
  ])('%s is taken over with a higher token', async (_whose, content, silentMs) => {
    const token = await plant(content, silentMs)
    expect(await readLock(directory)).toMatchObject({ isStale: true })
    expect(await tokenOf()).toBe(token + 1)
  })

  it('is not one that another host holds with a sign of life', async () => {
    await plant({}, 13_000)
    await expect(tokenOf()).rejects.toThrow(/ann@elsewhere \(process 77\) is at "drill" since 60 s/)
  })

  it('of a killed process is taken over at once', async () => {
    const program = `
      const { PhaseRecord } = await import(${JSON.stringify(join(import.meta.dirname, 'record.ts'))})
      const { FileRecordHost } = await import(${JSON.stringify(join(import.meta.dirname, 'record-host.ts'))})
      const host = new FileRecordHost('here', ${JSON.stringify(dirname(directory))}, { areHoldersHere: true })
      await new PhaseRecord([host]).withLock({ command: 'deploy' }, async ({ lock }) => {
        console.log(lock.token)
        await new Promise(() => {})
      })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program])
    const [token] = (await once(child.stdout, 'data')) as [Buffer]
    await expect(tokenOf()).rejects.toThrow(LockedError)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await tokenOf()).toBe(Number(token) + 1)
  })
})

describe('unlocking', () => {
  it('tells who had it, and the holder notices', async () => {
    const losing = withLock(directory, { ...options, heartbeatMs: 10 }, async (lock: HeldLock) => {
      expect(await unlock(directory)).toMatchObject({ command: 'deploy', token: lock.token })
      await delay(5000, undefined, { signal: lock.signal })
    })
    await expect(losing).rejects.toMatchObject({ name: 'AbortError' })
    expect(await readLock(directory)).toBe(null)
  })

  it('does not give the next one’s lock away', async () => {
    let next: number | undefined
    const first = withLock(directory, { ...options, heartbeatMs: 10_000 }, async () => {
      await unlock(directory)
      next = await withLock(directory, { command: 'rollback' }, async (lock) => {
        await expect(tokenOf()).rejects.toThrow(/rollback/)
        return lock.token
      })
      return null
    })
    await first
    expect(await tokenOf()).toBe((next ?? 0) + 1)
  })

  it('leaves it to who took it since it was looked at', async () => {
    await withLock(directory, { ...options, heartbeatMs: 10_000 }, async () => {
      const { holder } = await record(directory).look()
      if (holder === null) throw new Error('nobody has the lock')
      await unlock(directory)
      await withLock(directory, { command: 'rollback' }, async (lock) => {
        await expect(record(directory).unlock(holder)).rejects.toThrow(/rollback/)
        expect(await readLock(directory)).toMatchObject({ token: lock.token })
      })
    })
  })

  it('does nothing to a free one', async () => {
    expect(await unlock(directory)).toBe(null)
    const token = await tokenOf()
    expect(await unlock(directory)).toBe(null)
    expect(await readFile(join(directory, String(token)), 'utf8')).toBe('')
  })
})
