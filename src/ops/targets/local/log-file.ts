import { copyFile, open, stat, truncate, type FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { LogOptions } from '../target.ts'
import type { LocalLayout } from './local-layout.ts'
import { FOLLOW_POLL_MS, LOG_BYTES_MAX, LOG_LINES_MAX, LOG_TAIL_BYTES_MAX } from './limits.ts'

type LogPaths = Pick<LocalLayout, 'nodeLog' | 'olderNodeLog'>

/**
 * Moves a large log aside. The node keeps its file open, so the content is copied and cut; the node
 * appends at the new end. Lines written between the copy and the cut are lost.
 */
export async function rotateLog(paths: LogPaths, bytesMax = LOG_BYTES_MAX): Promise<void> {
  try {
    if ((await stat(paths.nodeLog)).size <= bytesMax) return
    await copyFile(paths.nodeLog, paths.olderNodeLog)
    await truncate(paths.nodeLog)
  } catch {
    // No log yet, or no space for the copy: the next check tries again.
  }
}

/** The last lines of a node's log, then, when following, each new one. */
export async function* readLog(
  paths: LogPaths,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const wanted = Math.min(options.lines, LOG_LINES_MAX)
  const newer = await readTail(paths.nodeLog)
  const older = newer.lines.length < wanted ? (await readTail(paths.olderNodeLog)).lines : []
  const lines = [...older, ...newer.lines]
  yield* wanted === 0 ? [] : lines.slice(-wanted)
  if (options.follow) yield* followFrom(paths.nodeLog, newer.end, signal)
}

/** Lines that end after `position`. A file that became shorter was moved aside: it is read anew. */
async function* followFrom(
  path: string,
  position: number,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let at = position
  for (;;) {
    signal.throwIfAborted()
    const size = await sizeOf(path)
    if (size < at) at = 0
    if (size > at) {
      const bytes = await readBytes(path, at, Math.min(size - at, LOG_TAIL_BYTES_MAX))
      const end = bytes.lastIndexOf('\n') + 1
      // A line without an end within the limit is given in parts.
      const taken = end === 0 && bytes.length === LOG_TAIL_BYTES_MAX ? bytes.length : end
      at += taken
      yield* linesOf(bytes.subarray(0, taken))
    }
    await delay(FOLLOW_POLL_MS, undefined, { signal })
  }
}

/** Whole lines at the end of a file, and where they end. */
async function readTail(path: string): Promise<{ lines: string[]; end: number }> {
  const size = await sizeOf(path)
  const start = Math.max(0, size - LOG_TAIL_BYTES_MAX)
  const bytes = await readBytes(path, start, size - start)
  const end = bytes.lastIndexOf('\n') + 1
  const from = start === 0 ? 0 : bytes.indexOf('\n') + 1
  return { lines: linesOf(bytes.subarray(from, Math.max(from, end))), end: start + end }
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('utf8').split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}

async function readBytes(path: string, position: number, length: number): Promise<Buffer> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch {
    return Buffer.alloc(0)
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
