import { spawnSync } from 'node:child_process'
import { existsSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'

/** A peer's packages, exactly as its lock file names them; once, until the lock file changes. */
export function installPeer(name: string): void {
  const directory = join(import.meta.dirname, 'peers', name)
  const lock = join(directory, 'package-lock.json')
  const done = join(directory, 'node_modules/.package-lock.json')
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs) return
  process.stderr.write(`installing ${name} for comparison\n`)
  const { status } = spawnSync('npm', ['ci'], {
    cwd: directory,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) throw new Error(`npm ci in ${directory} exited ${String(status)}`)
  const now = new Date()
  utimesSync(done, now, now)
}
