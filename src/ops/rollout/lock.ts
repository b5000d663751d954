import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { isAlive, processOf } from '../host/process.ts'
import { HEARTBEAT_MS, LOCK_EXPIRY_MS, LOCK_TRIES } from './limits.ts'
import { LockedError, LockLostError, type LockHolder } from './lock-holder.ts'

/**
 * One command at a time works on a phase. The lock is a folder; its highest-numbered file says who
 * has it, the number is the fencing token, and the file's modification time is the holder's last
 * sign of life. Whoever creates the next number has the lock: creating fails for all but one, so
 * taking over a dead holder's lock needs no moment in which there is none. An empty file, or none,
 * means that it is free. Tokens only grow, also over unlocking; they begin at the time in which the
 * folder was made, so that one made anew is not behind what the nodes remember.
 */

/** What a command works under. */
export interface HeldLock {
  /** Higher than that of every command before. */
  readonly token: number
  /** Aborts, with a `LockLostError`, when someone took the lock over. */
  readonly signal: AbortSignal
}

export interface LockOptions {
  /** What the holder is at, such as `deploy`; shown to others. */
  command: string
  heartbeatMs?: number
}

const contentSchema = z.object({
  user: z.string(),
  host: z.string(),
  pid: z.number().int(),
  processStart: z.string(),
  command: z.string(),
  since: z.number(),
})
type Content = z.infer<typeof contentSchema>

/**
 * Does `work` while holding the lock in `directory`; lets it go whatever happens. A process that is
 * killed leaves it behind, to be taken over at once on this host, after 15 s from another.
 *
 * @throws LockedError when another command has it
 */
export async function withLock<T>(
  directory: string,
  options: LockOptions,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const token = await acquire(directory, options.command)
  const lost = new AbortController()
  const beat = setInterval(() => {
    void keepAlive(directory, token, lost)
  }, options.heartbeatMs ?? HEARTBEAT_MS)
  try {
    return await work({ token, signal: lost.signal })
  } finally {
    clearInterval(beat)
    await release(directory, token)
  }
}

/** Who has the lock, dead or alive; null when it is free. */
export async function readLock(directory: string): Promise<LockHolder | null> {
  const token = await highestToken(directory)
  return token === 0 ? null : holderOf(directory, token)
}

/** Takes the lock from whoever has it, and leaves it free. Tells who had it; null when it was free. */
export async function unlock(directory: string): Promise<LockHolder | null> {
  const holder = await readLock(directory)
  if (holder !== null) await claim(pathOf(directory, holder.token + 1), '')
  return holder
}

async function acquire(directory: string, command: string): Promise<number> {
  await mkdir(directory, { recursive: true })
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    const newest = (await highestToken(directory)) || (await firstToken(directory))
    const holder = await holderOf(directory, newest)
    if (holder !== null && !holder.isStale) throw new LockedError(holder)
    const token = newest + 1
    if (!(await claim(pathOf(directory, token), JSON.stringify(ownContent(command))))) continue
    // One that looked long ago may claim a number that others used and removed meanwhile.
    if ((await highestToken(directory)) === token) {
      await removeBelow(directory, token)
      return token
    }
    await rm(pathOf(directory, token), { force: true })
  }
  const holder = await readLock(directory)
  if (holder !== null) throw new LockedError(holder)
  throw new LockLostError()
}

/** Makes the file of the token before the first one, which nobody holds. */
async function firstToken(directory: string): Promise<number> {
  const made = join(directory, 'made')
  await claim(made, String(Date.now()))
  const token = Number.parseInt(await readFile(made, 'utf8'))
  await claim(pathOf(directory, token), '')
  return token
}

/** Creates the file of a token with its content in one act. False: it exists. */
async function claim(path: string, content: string): Promise<boolean> {
  const unfinished = join(dirname(path), `.claim-${randomUUID()}`)
  await writeFile(unfinished, content, { mode: 0o600, flush: true })
  try {
    await link(unfinished, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(unfinished, { force: true })
  }
}

/** Says that the holder lives; or aborts `lost` when it holds the lock no longer. */
async function keepAlive(directory: string, token: number, lost: AbortController): Promise<void> {
  try {
    const now = new Date()
    if ((await highestToken(directory)) === token) await utimes(pathOf(directory, token), now, now)
    else lost.abort(new LockLostError())
  } catch (error) {
    lost.abort(new LockLostError(error))
  }
}

/** The file stays, empty: it keeps the count. */
async function release(directory: string, token: number): Promise<void> {
  if ((await highestToken(directory)) === token) {
    await writeFile(pathOf(directory, token), '', { mode: 0o600 })
  }
}

async function holderOf(directory: string, token: number): Promise<LockHolder | null> {
  const path = pathOf(directory, token)
  let content: Content
  let silentMs: number
  try {
    content = contentSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    silentMs = Date.now() - (await stat(path)).mtimeMs
  } catch {
    // Free, or gone: then someone claimed a higher one meanwhile, and our claim fails.
    return null
  }
  const { user, host, pid, processStart, command, since } = content
  const isGone = host === hostname() && !isAlive({ pid, start: processStart })
  return {
    owner: `${user}@${host}`,
    pid,
    command,
    token,
    ageMs: Math.max(0, Date.now() - since),
    silentMs: Math.max(0, silentMs),
    isStale: isGone || Math.abs(silentMs) > LOCK_EXPIRY_MS,
  }
}

const ownContent = (command: string): Content => ({
  user: userName(),
  host: hostname(),
  pid: process.pid,
  processStart: processOf(process.pid)?.start ?? '',
  command,
  since: Date.now(),
})

/** A container may run as a user that has no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

const pathOf = (directory: string, token: number): string => join(directory, String(token))

async function tokensIn(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch((): string[] => [])
  return names.filter((name) => /^[1-9]\d{0,14}$/.test(name)).map(Number)
}

const highestToken = async (directory: string): Promise<number> =>
  Math.max(0, ...(await tokensIn(directory)))

async function removeBelow(directory: string, token: number): Promise<void> {
  const older = (await tokensIn(directory)).filter((other) => other < token)
  await Promise.all(older.map(async (other) => rm(pathOf(directory, other), { force: true })))
}
