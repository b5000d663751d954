import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { OperatorError } from '../errors.ts'

/** A file as it was read. */
export interface ReadFile {
  text: string
  /** Permission bits. */
  mode: number
}

/**
 * Reads a text file of at most `bytesMax` bytes; null when there is none.
 *
 * @throws OperatorError for one that is there and cannot be used: it could hold what matters
 */
export async function readBounded(path: string, bytesMax: number): Promise<ReadFile | null> {
  let file
  try {
    // Not blocking: a FIFO without a writer would hold the open for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw unusable(path, `cannot be opened (${code})`)
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw unusable(path, 'is no file')
    const bytes = Buffer.alloc(Math.min(stats.size, bytesMax) + 1)
    let filled = 0
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    if (filled > bytesMax) throw unusable(path, `is larger than ${bytesMax} bytes`)
    if (filled > stats.size) throw unusable(path, 'grew while it was read')
    return { text: bytes.toString('utf8', 0, filled), mode: stats.mode & 0o777 }
  } finally {
    await file.close()
  }
}

const unusable = (path: string, why: string): OperatorError =>
  new OperatorError('unreadable-file', `${path} ${why}`, {
    exit: 'badInput',
    hint: 'check the file, its owner and its permissions',
  })
