import { hash } from 'node:crypto'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { hostname } from 'node:os'

/** Where a directory really is: SHA-256 over the running system, device and inode, 64 hex. */
export function locationOf(directory: string): string {
  const real = realpathSync(directory)
  const { dev, ino } = statSync(real, { bigint: true })
  return hash('sha256', JSON.stringify([systemId(), String(dev), String(ino)]), 'hex')
}

/** One running system. Not the machine id: cloned hosts share that, and their inodes too. */
function systemId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return hostname()
  }
}

/** Device and inode of a file; null when there is none. */
export function inodeOf(file: string): string | null {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : `${found.dev}:${found.ino}`
}
