import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { isAlive, processOf } from '../host/process.ts'
import { LOCK_EXPIRY_MS, LOCK_TRIES } from './limits.ts'
import { LockedError, LockLostError, type LockHolder } from './lock-holder.ts'

/**
 * One command at a time works on a phase. The lock is a folder; its highest-numbered file says who
 * has it, the number is the fencing token, and the file's modification time is the holder's last
 * sign of life, by the clock of the machine that the folder is on. Whoever creates the next number
 * has the lock: creating fails for all but one, so taking over a dead holder's lock needs no moment
 * in which there is none. An empty file, or none, means that it is free. Tokens only grow, also over
 * unlocking; they begin at the time in which the folder was made, so that one made anew is not
 * behind what the nodes remember.
 */

/** Who works: a process, on whatever machine, and what it is at. */
export const lockOwner = z.strictObject({
  user: z.string(),
  host: z.string(),
  pid: z.int(),
  /** What tells it from a later process with that number; empty: not known. */
  processStart: z.string(),
  /** Such as `deploy`; shown to others. */
  command: z.string(),
})
export type LockOwner = z.infer<typeof lockOwner>

const contentSchema = z.strictObject({ ...lockOwner.shape, since: z.number() })
type Content = z.infer<typeof contentSchema>

export interface LockPlace {
  directory: string
  /**
   * Whether a holder with this machine's host name is a process of this machine: then one that is
   * gone is known at once. Hosts that keep the lock of operators elsewhere cannot tell.
   */
  areHoldersHere: boolean
}

/** This process, as the owner of a lock. */
export const ownerOf = (command: string): LockOwner => ({
  user: userName(),
  host: hostname(),
  pid: process.pid,
  processStart: processOf(process.pid)?.start ?? '',
  command,
})

/**
 * Claims the lock with `token`, or with the next one when that is null.
 *
 * @returns the token that was claimed; or, when `token` is used already, the newest, which is not below it
 * @throws LockedError when another command has it
 */
export async function claimLock(
  place: LockPlace,
  owner: LockOwner,
  token: number | null,
): Promise<{ isHeld: boolean; token: number }> {
  const { directory } = place
  await mkdir(directory, { recursive: true })
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    const newest = (await highestToken(directory)) || (await firstToken(directory))
    const holder = await holderOf(place, newest)
    if (holder !== null && !holder.isStale) throw new LockedError(holder)
    const next = token ?? newest + 1
    if (next <= newest) return { isHeld: false, token: newest }
    const content = JSON.stringify({ ...owner, since: Date.now() })
    if (!(await claim(pathOf(directory, next), content))) continue
    // One that looked long ago may claim a number that others used and removed meanwhile.
    if ((await highestToken(directory)) === next) {
      await removeBelow(directory, next)
      return { isHeld: true, token: next }
    }
    await rm(pathOf(directory, next), { force: true })
  }
  const holder = await readLock(place)
  if (holder !== null) throw new LockedError(holder)
  throw new LockLostError()
}

/** Says that the holder lives. @throws LockLostError when it holds the lock no longer */
export async function renewLock({ directory }: LockPlace, token: number): Promise<void> {
  try {
    await requireLock({ directory }, token)
    const now = new Date()
    await utimes(pathOf(directory, token), now, now)
  } catch (error) {
    throw error instanceof LockLostError ? error : new LockLostError(error)
  }
}

/** @throws LockLostError when `token` is not the newest */
export async function requireLock(
  { directory }: Pick<LockPlace, 'directory'>,
  token: number,
): Promise<void> {
  if ((await highestToken(directory)) !== token) throw new LockLostError()
}

/** The file stays, empty: it keeps the count. Does nothing when someone else has the lock. */
export async function releaseLock({ directory }: LockPlace, token: number): Promise<void> {
  if ((await highestToken(directory)) === token) {
    await writeFile(pathOf(directory, token), '', { mode: 0o600 })
  }
}

/** Who has the lock, dead or alive; null when it is free. */
export async function readLock(place: LockPlace): Promise<LockHolder | null> {
  const token = await highestToken(place.directory)
  return token === 0 ? null : holderOf(place, token)
}

/**
 * Takes the lock from who has it with `token` or a lower one, and leaves it free. Who took it meanwhile
 * keeps it: tells who has it then, null when nobody has.
 */
export async function takeLock(place: LockPlace, token: number): Promise<LockHolder | null> {
  const holder = await readLock(place)
  if (holder !== null && holder.token <= token) {
    await claim(pathOf(place.directory, holder.token + 1), '')
  }
  return readLock(place)
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

async function holderOf(
  { directory, areHoldersHere }: LockPlace,
  token: number,
): Promise<LockHolder | null> {
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
  const isHere = areHoldersHere && host === hostname()
  const isGone = isHere && !isAlive({ pid, start: processStart })
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
