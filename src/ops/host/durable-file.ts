import { randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Files that are whole or not there, whatever crashes. The room `host` owns what ops needs to know of
 * the machine that it runs on: its processes and its files. It must not know what they are for.
 */

/** Begins the name of everything that is not finished yet. */
export const UNFINISHED = '.unfinished-'

export const unfinishedPath = (directory: string): string =>
  join(directory, `${UNFINISHED}${randomBytes(6).toString('hex')}`)

/** A user and a group of this machine. */
export interface Owner {
  uid: number
  gid: number
}

/**
 * Writes beside `path`, flushes, renames. A crash leaves the old file, and perhaps an unfinished one.
 *
 * @param owner whose it shall be, from the first moment under its name; null: this process's user
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  mode: number,
  owner: Owner | null = null,
): Promise<void> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true })
  const unfinished = unfinishedPath(directory)
  try {
    await writeFile(unfinished, content, { mode, flush: true, flag: 'wx' })
    // The umask had its say when the file was created.
    await chmod(unfinished, mode)
    if (owner !== null) await chown(unfinished, owner.uid, owner.gid)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/** Whether a file has that content and mode. */
export async function holds(
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<boolean> {
  try {
    const isMode = ((await stat(path)).mode & 0o777) === mode
    return isMode && (await readFile(path)).equals(Buffer.from(content))
  } catch {
    return false
  }
}

/** Points the link `path` at `to` in one act; a reader sees the old or the new. */
export async function switchLink(path: string, to: string): Promise<void> {
  const unfinished = unfinishedPath(dirname(path))
  await symlink(to, unfinished)
  await rename(unfinished, path)
  await flushDirectory(dirname(path))
}

/** Makes renames in `directory` survive a power cut. */
export async function flushDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
