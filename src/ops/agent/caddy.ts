import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Owner } from '../host/durable-file.ts'
import { TargetError } from '../targets/errors.ts'
import { COMMAND_BYTES_MAX, COMMAND_MS, PACKAGE_MS } from './limits.ts'
import { systemd, systemctl } from './systemd.ts'

/** The Caddy of a host, as its distribution packages it. Tests of acts have one in memory. */
export interface Caddy {
  isInstalled(signal: AbortSignal): Promise<boolean>
  /** Installs the distribution's package. */
  install(signal: AbortSignal): Promise<void>
  isRunning(signal: AbortSignal): Promise<boolean>
  /** What Caddy finds wrong with the configuration in `file`, as its own user; null: nothing. */
  problemIn(file: string, user: Owner | null, signal: AbortSignal): Promise<string | null>
  /** Has it work by its configuration as that is now, started with the host from now on. */
  load(signal: AbortSignal): Promise<void>
}

/** The user that Caddy runs as. */
export const CADDY_USER = 'caddy'

const UNIT = 'caddy.service'
/** Where Debian's package has Caddy keep what it keeps. */
const HOME = '/var/lib/caddy'

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME }
const run = promisify(execFile)

export const debianCaddy: Caddy = {
  isInstalled: async (signal) => {
    try {
      await run('caddy', ['version'], { env, signal, timeout: COMMAND_MS })
      return true
    } catch (error) {
      signal.throwIfAborted()
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
  },
  install: async (signal) => {
    try {
      // Lists that were never fetched, or are old, name no package or one that is gone.
      await aptGet(['install', 'caddy'], signal).catch(async () => {
        await aptGet(['update'], signal)
        await aptGet(['install', 'caddy'], signal)
      })
    } catch (error) {
      signal.throwIfAborted()
      throw new TargetError('no-caddy', 'Caddy is not there, and apt-get does not install it', {
        hint: `install it on the host, or leave out "proxy: caddy"; apt-get said: ${wordsOf(error)}`,
        cause: error,
      })
    }
  },
  isRunning: async (signal) => systemd.isListening(UNIT, signal),
  problemIn: async (file, user, signal) => {
    const args = ['validate', '--adapter', 'caddyfile', '--config', file]
    try {
      await run('caddy', args, {
        env,
        signal,
        ...user,
        timeout: COMMAND_MS,
        maxBuffer: COMMAND_BYTES_MAX,
      })
      return null
    } catch (error) {
      signal.throwIfAborted()
      return wordsOf(error)
    }
  },
  load: async (signal) => {
    await systemd.enable([UNIT], signal)
    if (!(await systemd.isListening(UNIT, signal))) return systemd.start([UNIT], signal)
    try {
      await systemctl(['reload', '--', UNIT], signal)
    } catch (error) {
      signal.throwIfAborted()
      throw new TargetError('caddy', 'Caddy does not take its configuration', {
        hint: 'see "journalctl -u caddy" on the host',
        cause: error,
      })
    }
  },
}

async function aptGet(args: readonly string[], signal: AbortSignal): Promise<void> {
  const options = ['-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=60']
  await run('apt-get', [...options, ...args], {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    signal,
    timeout: PACKAGE_MS,
    maxBuffer: COMMAND_BYTES_MAX,
  })
}

/** The end of what a program complained of. */
const wordsOf = (error: unknown): string => {
  const { stderr = '' } = error as { stderr?: string }
  return stderr.trim().split('\n').slice(-2).join('; ').slice(-500) || 'nothing'
}
