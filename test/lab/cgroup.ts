import { existsSync, globSync } from 'node:fs'
import { mkdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Each host runs in a control group of its own: systemd in the container manages it, and the lab finds
 * by it every process of the host, whoever started it.
 */
const mountPoint = '/sys/fs/cgroup'

/** The hierarchies in which systemd-nspawn makes groups: one, or two where the old ones are mounted. */
const hierarchies = (): string[] =>
  existsSync(join(mountPoint, 'cgroup.controllers'))
    ? [mountPoint]
    : ['systemd', 'unified']
        .map((name) => join(mountPoint, name))
        .filter((path) => existsSync(path))

const folders = (cgroup: string): string[] =>
  hierarchies()
    .map((hierarchy) => join(hierarchy, cgroup))
    .filter((folder) => existsSync(folder))

/** The files into which a process writes its id to enter the group. */
export async function makeCgroup(cgroup: string): Promise<string[]> {
  return Promise.all(
    hierarchies().map(async (hierarchy) => {
      await mkdir(join(hierarchy, cgroup), { recursive: true })
      return join(hierarchy, cgroup, 'cgroup.procs')
    }),
  )
}

export const cgroupExists = (cgroup: string): boolean => folders(cgroup).length > 0

/** Ids of the processes in the group and all below it. */
export async function processesIn(cgroup: string): Promise<number[]> {
  const files = folders(cgroup).flatMap((folder) =>
    globSync('**/cgroup.procs', { cwd: folder }).map((file) => join(folder, file)),
  )
  const contents = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  const ids = contents.flatMap((content) => content.split('\n').filter(Boolean).map(Number))
  // 0: a process of another pid namespace.
  return [...new Set(ids)].filter((id) => id > 0)
}

/** Removes the empty group, those below it first. */
export async function removeCgroup(cgroup: string): Promise<void> {
  for (const folder of folders(cgroup)) {
    const below = globSync('**/', { cwd: folder }).toSorted((a, b) => b.length - a.length)
    for (const path of below) await rmdir(join(folder, path)).catch(ignoreGone)
    await rmdir(folder).catch(ignoreGone)
  }
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
