import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { chmod, copyFile, link, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { flushDirectory, unfinishedPath } from '../../host/durable-file.ts'
import { RUNTIME_TRY_MS } from './limits.ts'

/**
 * The Node.js that a supervisor and its node are started with: this process's own, kept in
 * `<directory>/<version>/node` as a hard link, or as a copy where no link can be. An installation
 * may take its own away at any time (`npm ci` does), and a node that exits then must still come back.
 *
 * @param directory absolute; made when it is missing
 * @returns the kept one; this process's own where a kept one does not run from its new place
 *   (libraries found relative to it, a file system that executes nothing)
 */
export async function keepRuntime(directory: string): Promise<string> {
  const folder = join(directory, process.version)
  const kept = join(folder, 'node')
  if (await isThisVersion(kept)) return kept

  await mkdir(folder, { recursive: true, mode: 0o700 })
  const unfinished = unfinishedPath(folder)
  try {
    await linkOrCopy(process.execPath, unfinished)
    if (!(await isThisVersion(unfinished))) return process.execPath
    await rename(unfinished, kept)
    await flushDirectory(folder)
    return kept
  } finally {
    // Renaming onto a link to the same file, as when two start at once, leaves both names.
    await rm(unfinished, { force: true })
  }
}

/** A link is refused across file systems, and to a program of another user. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    await chmod(to, 0o700)
    const copy = await open(to, 'r')
    try {
      await copy.sync()
    } finally {
      await copy.close()
    }
  }
}

/** Found out by running it: a link shows also what was later written over the original. */
async function isThisVersion(path: string): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], {
      env: {},
      timeout: RUNTIME_TRY_MS,
    })
    return stdout.trim() === process.version
  } catch {
    return false
  }
}
