import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { RELEASE_ID } from '../../../wire/manifest.ts'
import {
  flushDirectory,
  switchLink,
  UNFINISHED,
  unfinishedPath,
  writeWhole,
} from '../../host/durable-file.ts'
import { SETTINGS_FILE_BYTES_MAX } from '../limits.ts'
import { digestOfFiles, type SettingsFile } from '../settings.ts'
import type { Generation, HeldGeneration, Holding, ObservedGeneration } from '../target.ts'
import { generationFolder, GENERATION_FILE, type Layout } from './layout.ts'
import { checkRelease, namesIn, releaseVersion } from './releases.ts'

/** Generations in a node's folder: a release together with the settings files it runs with. */
type StoredGeneration = Omit<HeldGeneration, 'version'>

/** Puts the settings of a generation there, or repairs them. Its release must lie there already. */
export async function placeGeneration(
  layout: Layout,
  generation: StoredGeneration,
  files: readonly SettingsFile[],
): Promise<void> {
  await mkdir(layout.generations, { recursive: true })
  const directory = join(layout.generations, generationFolder(generation))
  if ((await checkSettings(layout, generation)) === 'intact') {
    await noteConfigDigest(directory, generation)
    return
  }
  const known = await lstat(directory).catch(() => null)
  const filled = known === null ? unfinishedPath(layout.generations) : directory
  await mkdir(join(filled, 'settings'), { recursive: true, mode: 0o700 })
  for (const { path } of await filesIn(join(filled, 'settings'))) {
    if (!files.some((file) => file.path === path)) await rm(join(filled, 'settings', path))
  }
  for (const file of files)
    await writeWhole(join(filled, 'settings', file.path), file.text, file.mode)
  const release = join(filled, 'release')
  await rm(release, { force: true, recursive: true })
  await symlink(join('..', '..', 'releases', generation.release), release)
  await writeWhole(join(filled, GENERATION_FILE), JSON.stringify(generation), 0o600)
  if (filled !== directory) await rename(filled, directory)
  await flushDirectory(layout.generations)
}

/** Whether the settings that lie there are the ones that the generation names. */
export async function checkSettings(layout: Layout, generation: Generation): Promise<Holding> {
  const directory = join(layout.generations, generationFolder(generation))
  const named = await readGeneration(directory)
  if (named === null) return 'absent'
  if (named.release !== generation.release) return 'damaged'
  return digestOfFiles(await filesIn(join(directory, 'settings'))) === generation.settings
    ? 'intact'
    : 'damaged'
}

export async function heldGenerations(layout: Layout): Promise<HeldGeneration[]> {
  const names = (await namesIn(layout.generations)).toSorted()
  const held = names
    .filter((name) => !name.startsWith(UNFINISHED))
    .map(async (name): Promise<HeldGeneration[]> => {
      const generation = await readGeneration(join(layout.generations, name))
      if (generation === null) return []
      return [{ ...generation, version: await releaseVersion(layout, generation.release) }]
    })
  return (await Promise.all(held)).flat()
}

/** What `current` points at, as it was activated; null when it points at nothing. */
export async function currentGeneration(layout: Layout): Promise<StoredGeneration | null> {
  const target = await readlink(layout.current).catch(() => null)
  return target === null ? null : readGeneration(layout.current)
}

/** The current generation as the node would find it if it started now. */
export async function observeCurrent(layout: Layout): Promise<ObservedGeneration | null> {
  const activated = await currentGeneration(layout)
  if (activated === null) return null
  const settings = digestOfFiles(await settingsInForce(layout))
  const areSettingsIntact = settings === activated.settings
  return {
    release: activated.release,
    version: await releaseVersion(layout, activated.release),
    settings,
    isReleaseIntact: (await checkRelease(layout, activated.release)) === 'intact',
    areSettingsIntact,
    configDigest: areSettingsIntact ? activated.configDigest : null,
  }
}

/**
 * Keeps settings that were edited on the node as a generation of their own, so that switching back
 * to what ran before is possible. Does nothing when nobody edited them.
 */
export async function keepEditedSettings(layout: Layout): Promise<void> {
  const current = await observeCurrent(layout)
  if (current === null || current.areSettingsIntact) return
  const { release, settings } = current
  const generation = { release, settings, configDigest: null }
  await placeGeneration(layout, generation, await settingsInForce(layout))
}

/** Makes `generation` the current one. One rename switches release and settings together. */
export async function switchTo(layout: Layout, generation: Generation): Promise<void> {
  const folder = generationFolder(generation)
  await linkShared(layout, join(layout.generations, folder, 'settings'))
  await switchLink(layout.current, join('generations', folder))
}

export async function switchToNothing(layout: Layout): Promise<void> {
  await rm(layout.current, { force: true })
  await flushDirectory(layout.root)
}

/** Removes generations that are not in `keep`; the current one stays in any case. */
export async function pruneGenerations(
  layout: Layout,
  keep: readonly Generation[],
): Promise<Generation[]> {
  const current = await currentGeneration(layout)
  const kept = new Map(
    [...keep, ...(current === null ? [] : [current])].map((one) => [generationFolder(one), one]),
  )
  for (const name of await namesIn(layout.generations)) {
    if (!kept.has(name)) await rm(join(layout.generations, name), { recursive: true, force: true })
  }
  return [...kept.values()]
}

/** Settings that were first edited by hand may be deployed later; then their digest is known. */
async function noteConfigDigest(directory: string, generation: StoredGeneration): Promise<void> {
  const stored = await readGeneration(directory)
  if (generation.configDigest === null || stored?.configDigest === generation.configDigest) return
  await writeWhole(join(directory, GENERATION_FILE), JSON.stringify(generation), 0o600)
}

/** The settings files as `shared` shows them, through its links or in their stead. */
async function settingsInForce(layout: Layout): Promise<SettingsFile[]> {
  const paths = (await filesIn(layout.currentSettings)).map((file) => file.path)
  const read = await Promise.all(paths.map((path) => readSettingsFile(layout.shared, path)))
  return read.filter((file) => file !== null)
}

/**
 * Has `shared` show the settings of whatever is current. A file that took a link's place (some
 * editors do that) is in the way and goes; `keepEditedSettings` kept its content.
 */
async function linkShared(layout: Layout, settings: string): Promise<void> {
  await mkdir(layout.data, { recursive: true, mode: 0o700 })
  for (const name of await namesIn(settings)) {
    const link = join(layout.shared, name)
    const to = join('..', 'current', 'settings', name)
    if ((await readlink(link).catch(() => null)) === to) continue
    await rm(link, { recursive: true, force: true })
    await symlink(to, link)
  }
}

async function readGeneration(directory: string): Promise<StoredGeneration | null> {
  try {
    const { release, settings, configDigest } = JSON.parse(
      await readFile(join(directory, GENERATION_FILE), 'utf8'),
    ) as Partial<StoredGeneration>
    if (release === undefined || settings === undefined) return null
    if (!RELEASE_ID.test(release) || !/^[0-9a-f]{64}$/.test(settings)) return null
    return { release, settings, configDigest: configDigest ?? null }
  } catch {
    return null
  }
}

async function filesIn(directory: string): Promise<SettingsFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith(UNFINISHED))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
  const files = await Promise.all(paths.map((path) => readSettingsFile(directory, path)))
  return files.filter((file) => file !== null)
}

async function readSettingsFile(directory: string, path: string): Promise<SettingsFile | null> {
  const full = join(directory, path)
  try {
    const { mode, size } = await stat(full)
    const text =
      size > SETTINGS_FILE_BYTES_MAX ? `${size} bytes, too large` : await readFile(full, 'utf8')
    return { path, mode: mode & 0o777, text }
  } catch {
    return null
  }
}
