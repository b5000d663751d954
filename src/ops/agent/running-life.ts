import { readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Life } from './service-manager.ts'

/** Where systemd keeps what others have to know of its units, and the kernel their processes. */
export interface UnitPlaces {
  /** `invocation:<unit>` in it is a link to the id of the unit's life. */
  units: string
  /** `<unit>/cgroup.procs` in it are its process ids. */
  services: string
}

const places: UnitPlaces = {
  units: '/run/systemd/units',
  services: '/sys/fs/cgroup/system.slice',
}

/**
 * The life of a service that is one process, as files show it: `systemctl` takes 50 ms for that on a
 * host that starts a node meanwhile. Null when files do not tell: nothing runs, there is more than one
 * process, it changes right now, or a drop-in keeps it elsewhere.
 */
export async function runningLife(
  service: string,
  { units, services }: UnitPlaces = places,
): Promise<Life | null> {
  const link = join(units, `invocation:${service}`)
  try {
    const invocation = await readlink(link)
    const pids = (await readFile(join(services, service, 'cgroup.procs'), 'utf8'))
      .trim()
      .split('\n')
    const [pid = ''] = pids
    const isSound =
      pids.length === 1 && /^[1-9]\d*$/.test(pid) && (await readlink(link)) === invocation
    return isSound ? { invocation, pid: Number(pid) } : null
  } catch {
    return null
  }
}
