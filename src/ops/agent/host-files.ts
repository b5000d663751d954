import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HOST_FOLDER } from '../desired/host-files.ts'
import { flushDirectory, holds, writeWhole } from '../host/durable-file.ts'
import type { Layout } from '../targets/placement/layout.ts'
import { namesIn } from '../targets/placement/releases.ts'
import { hostPlaceOf, unitsOf, type Host } from './host.ts'

/**
 * Files of a node's settings that the host's systemd reads. They are settings like
 * the others, so that they are staged, compared and brought back with them; activating copies them.
 */

/** Names of the units whose files are not as they were. */
export type ChangedUnits = ReadonlySet<string>

/** Copies the current generation's host files to their places, and removes those that it has not. */
export async function installHostFiles(host: Host, layout: Layout): Promise<ChangedUnits> {
  const folder = join(layout.currentSettings, HOST_FOLDER)
  const names = new Set(await namesIn(folder))
  const changed = new Set<string>()
  for (const name of Object.values(unitsOf(host.node)).filter((unit) => names.has(unit))) {
    const place = hostPlaceOf(host, `${HOST_FOLDER}/${name}`)
    if (place === null) continue
    const wanted = join(folder, name)
    const text = await readFile(wanted)
    const mode = (await stat(wanted)).mode & 0o777
    if (await holds(place, text, mode)) continue
    await mkdir(dirname(place), { recursive: true })
    await writeWhole(place, text, mode)
    await flushDirectory(dirname(place))
    changed.add(name)
  }
  const others = Object.values(unitsOf(host.node)).filter((name) => !names.has(name))
  for (const name of others) if (await removeHostFile(host, name)) changed.add(name)
  return changed
}

/** Where files of the node lie outside its folder. */
export async function installedHostFiles(host: Host): Promise<string[]> {
  const found: string[] = []
  for (const name of Object.values(unitsOf(host.node))) {
    const place = hostPlaceOf(host, `${HOST_FOLDER}/${name}`)
    if (place !== null && (await isInstalled(host, name))) found.push(place)
  }
  return found
}

/** Removes all of a node's files outside its folder. */
export async function removeHostFiles(host: Host): Promise<ChangedUnits> {
  const removed = new Set<string>()
  for (const name of Object.values(unitsOf(host.node))) {
    if (await removeHostFile(host, name)) removed.add(name)
  }
  return removed
}

async function removeHostFile(host: Host, name: string): Promise<boolean> {
  const place = hostPlaceOf(host, `${HOST_FOLDER}/${name}`)
  if (place === null || (await stat(place).catch(() => null)) === null) return false
  await rm(place)
  await flushDirectory(dirname(place))
  return true
}

/** Whether a unit of the node has its file. */
export async function isInstalled(host: Host, unit: string): Promise<boolean> {
  const place = hostPlaceOf(host, `${HOST_FOLDER}/${unit}`)
  return place !== null && (await stat(place).catch(() => null)) !== null
}
