import { lchown, lstat, readdir, readlink, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UNFINISHED, type Owner } from '../../host/durable-file.ts'
import type { DataTrace } from '../target.ts'
import type { Layout } from './layout.ts'
import { namesIn } from './releases.ts'

/**
 * What a node's folder holds of ours, and its removal. It goes by names: what somebody else put into
 * the folder stays.
 */

/** Parts of the folder in the order in which they are removed. */
const PARTS = ['current', 'generations', 'releases', 'blobs', 'run', 'log']
/** What acts on a host, and what is known of them: needed until all else is gone. */
const TOOLS = ['record', 'agent']

/** Paths of all parts but the data, in the order in which they are removed. */
export async function partsOf(layout: Layout): Promise<string[]> {
  const { root, shared } = layout
  const here = await namesIn(root)
  const unfinished = here.filter((name) => name.startsWith(UNFINISHED))
  const within = (names: readonly string[]): string[] =>
    names.filter((name) => here.includes(name)).map((name) => join(root, name))
  return [
    ...(await settingsIn(layout)),
    ...within([...PARTS, ...unfinished, ...TOOLS]),
    ...(await namesIn(shared)).filter((name) => name === 'node').map((name) => join(shared, name)),
  ]
}

/** Null: there are none. */
export async function dataIn({ data }: Layout): Promise<DataTrace | null> {
  const entries = await readdir(data, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => !entry.isDirectory())
  if (files.length === 0) return null
  const sizes = files.map(async (file) => (await lstat(join(file.parentPath, file.name))).size)
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  return { path: data, files: files.length, bytes }
}

/**
 * Removes a node that is stopped. Data that are kept belong to root from now on, where they belonged to
 * a user of the node's, who may go as well. A crash leaves less than there was; asked again, the rest goes.
 *
 * @returns paths in the folder that are not ours, and stay
 */
export async function removeNode(
  layout: Layout,
  { keepsData }: { keepsData: boolean },
): Promise<string[]> {
  const { root, shared, data } = layout
  for (const part of await partsOf(layout)) await rm(part, { recursive: true, force: true })
  const keeps = keepsData && (await dataIn(layout)) !== null
  if (!keeps) await rm(data, { recursive: true, force: true })
  else if (layout.owner !== null) await own(data, { uid: 0, gid: 0 })
  const left = [
    ...(await namesIn(shared)).map((name) => join(shared, name)).filter((path) => path !== data),
    ...(await namesIn(root)).map((name) => join(root, name)).filter((path) => path !== shared),
  ]
  if (!keeps) for (const folder of [shared, root]) await rmdir(folder).catch(() => undefined)
  return left
}

/**
 * Gives data that another user had, such as root since a teardown, to the node's. The folder itself
 * comes last: until then nobody else is in it, and a crash is seen by it.
 */
export async function ownData({ data, owner }: Layout): Promise<void> {
  if (owner === null || (await lstat(data)).uid === owner.uid) return
  await own(data, owner)
}

async function own(folder: string, { uid, gid }: Owner): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries) await lchown(join(entry.parentPath, entry.name), uid, gid)
  await lchown(folder, uid, gid)
}

/** What `shared` shows of the settings: links through `current`, and files that took a link's place. */
async function settingsIn({ shared, currentSettings }: Layout): Promise<string[]> {
  const names = await namesIn(currentSettings)
  const isOurs = async (name: string): Promise<boolean> =>
    names.includes(name) ||
    (await readlink(join(shared, name)).catch(() => '')).startsWith('../current/settings/')
  const found: string[] = []
  for (const name of await namesIn(shared)) if (await isOurs(name)) found.push(join(shared, name))
  return found
}
