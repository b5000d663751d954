import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { flushDirectory, writeWhole } from '../host/durable-file.ts'
import { isAlive, processOf, type ProcessRef } from '../host/process.ts'
import { unitsOf, type Host } from './host.ts'
import type { Life } from './service-manager.ts'

/** The life that someone gave to the node last, so that it is known from every other one. */

interface NotedLife {
  invocation: string
  /** Null: it was gone when it was noted. */
  process: ProcessRef | null
  /** Process ids and starts are counted anew by every boot. */
  boot: string
}

const lifeFile = (host: Host): string => join(host.root, 'run', 'invocation')

export async function noteLife(host: Host, life: Life | null): Promise<void> {
  const file = lifeFile(host)
  if (life === null) await rm(file, { force: true })
  else {
    const process = life.pid === null ? null : processOf(life.pid)
    const words = process === null ? [] : [process.pid, process.start, await bootId()]
    await writeWhole(file, `${[life.invocation, ...words].join(' ')}\n`, 0o600)
  }
  await flushDirectory(join(file, '..'))
}

/**
 * A process that is not the one which was started exited since, whoever started the other. The kernel
 * is asked for that process, the service manager only where it is not known: a gate asks again and again,
 * on a host that has a node to start meanwhile.
 */
export async function liveness(
  host: Host,
  signal: AbortSignal,
): Promise<'alive' | 'dead' | 'unknown'> {
  const noted = await notedLife(host)
  if (noted !== null && noted.process !== null && noted.boot === (await bootId())) {
    return isAlive(noted.process) ? 'alive' : 'dead'
  }
  const { state, pid, invocation } = await host.services.service(unitsOf(host.node).service, signal)
  if (noted === null || invocation === null) return pid === null ? 'dead' : 'unknown'
  return state === 'running' && pid !== null && noted.invocation === invocation ? 'alive' : 'dead'
}

async function notedLife(host: Host): Promise<NotedLife | null> {
  const text = await readFile(lifeFile(host), 'utf8').catch(() => null)
  if (text === null) return null
  const [invocation = '', pid, start, boot = ''] = text.trim().split(' ')
  const process = pid === undefined || start === undefined ? null : { pid: Number(pid), start }
  return { invocation, process, boot }
}

/** Empty where there is none, such as on macOS in tests. */
const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
