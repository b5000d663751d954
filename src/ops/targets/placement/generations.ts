import {
  chmod,
  chown,
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
import * as z from 'zod/mini'
import { RELEASE_ID } from '../../../wire/manifest.ts'
import {
  flushDirectory,
  switchLink,
  UNFINISHED,
  unfinishedPath,
  writeWhole,
} from '../../host/durable-file.ts'
import { SETTINGS_FILE_BYTES_MAX, SETTINGS_FILES_MAX } from '../limits.ts'
import { digestOfFiles, shownFiles, type SettingsFile, type ShownFile } from '../settings.ts'
import type {
  Contents,
  Generation,
  HeldGeneration,
  Holding,
  ObservedContents,
  ObservedGeneration,
} from '../target.ts'
import { generationFolder, GENERATION_FILE, type Layout } from './layout.ts'
import { ownData } from './removal.ts'
import { checkRelease, namesIn, releaseEdits, releaseManifest, releaseVersion } from './releases.ts'

/** Generations in a node's folder: a release together with the settings files it runs with. */
interface StoredGeneration extends Omit<HeldGeneration, 'version'> {
  /** The settings as they were placed, so that edits can be told; null: an older version placed it. */
  files: readonly ShownFile[] | null
}

/** Puts the settings of a generation there, or repairs them. Its release must lie there already. */
export async function placeGeneration(
  layout: Layout,
  generation: StoredGeneration,
  files: readonly SettingsFile[],
): Promise<void> {
  await mkdir(layout.generations, { recursive: true })
  const directory = join(layout.generations, generationFolder(generation))
  if ((await checkSettings(layout, generation)) === 'intact') {
    await noteWhatIsKnown(directory, generation)
    return
  }
  const known = await lstat(directory).catch(() => null)
  const filled = known === null ? unfinishedPath(layout.generations) : directory
  await makeSettingsFolder(layout, filled)
  for (const { path } of await filesIn(join(filled, 'settings'))) {
    if (!files.some((file) => file.path === path)) await rm(join(filled, 'settings', path))
  }
  for (const file of files)
    await writeWhole(join(filled, 'settings', file.path), file.text, file.mode, layout.owner)
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
      const { release, settings, configDigest } = generation
      return [{ release, version: await releaseVersion(layout, release), settings, configDigest }]
    })
  return (await Promise.all(held)).flat()
}

/** What `current` points at, as it was activated; null when it points at nothing. */
export async function currentGeneration(layout: Layout): Promise<StoredGeneration | null> {
  const target = await readlink(layout.current).catch(() => null)
  return target === null ? null : readGeneration(layout.current)
}

/** The current generation as the node would find it if it started now. */
export async function observeCurrent(
  layout: Layout,
): Promise<{ current: ObservedGeneration; contents: ObservedContents } | null> {
  const activated = await currentGeneration(layout)
  if (activated === null) return null
  const { release, files } = activated
  const inForce = await settingsInForce(layout)
  const settings = digestOfFiles(inForce)
  const areSettingsIntact = settings === activated.settings
  const manifest = await releaseManifest(layout, release)
  const isReleaseIntact = (await checkRelease(layout, release)) === 'intact'
  return {
    current: {
      release,
      version: manifest?.version ?? 'unknown',
      settings,
      isReleaseIntact,
      areSettingsIntact,
      configDigest: areSettingsIntact ? activated.configDigest : null,
    },
    contents: {
      settings: shownAs(inForce, files),
      activated: files,
      release: manifest?.files ?? null,
      releaseEdits: isReleaseIntact ? [] : await releaseEdits(layout, release),
    },
  }
}

/** What a generation that is held was placed as; null when it is not held. */
export async function readContents(
  layout: Layout,
  generation: Generation,
): Promise<Contents | null> {
  const directory = join(layout.generations, generationFolder(generation))
  const stored = await readGeneration(directory)
  if (stored === null) return null
  const settings = stored.files ?? shownAs(await filesIn(join(directory, 'settings')), null)
  const manifest = await releaseManifest(layout, generation.release)
  return { settings, release: manifest?.files ?? null }
}

/**
 * Keeps settings that were edited on the node as a generation of their own, so that switching back
 * to what ran before is possible. Does nothing when nobody edited them.
 */
export async function keepEditedSettings(layout: Layout): Promise<void> {
  const activated = await currentGeneration(layout)
  if (activated === null) return
  const inForce = await settingsInForce(layout)
  const settings = digestOfFiles(inForce)
  if (settings === activated.settings) return
  const files = shownAs(inForce, activated.files)
  const edited = { release: activated.release, settings, configDigest: null, files }
  await placeGeneration(layout, edited, inForce)
}

/** A file that nobody placed may hold anything: only those that were placed as no secret are shown. */
const shownAs = (
  files: readonly SettingsFile[],
  placed: readonly ShownFile[] | null,
): ShownFile[] => {
  const open = new Set(placed?.filter((file) => file.text !== null).map((file) => file.path))
  return shownFiles(files, (path) => !open.has(path))
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

/** Settings hold secrets: only the node's user, where it has one of its own, reads them. */
async function makeSettingsFolder({ owner }: Layout, generation: string): Promise<void> {
  const settings = join(generation, 'settings')
  await mkdir(settings, { recursive: true, mode: 0o700 })
  if (owner === null) return
  await chmod(generation, 0o755)
  await chown(settings, -1, owner.gid)
  await chmod(settings, 0o750)
}

/** Settings that were first edited by hand may be deployed later; then all of them is known. */
async function noteWhatIsKnown(directory: string, generation: StoredGeneration): Promise<void> {
  if (generation.configDigest === null) return
  const path = join(directory, GENERATION_FILE)
  const text = JSON.stringify(generation)
  if ((await readFile(path, 'utf8')) !== text) await writeWhole(path, text, 0o600)
}

/** The settings files as they are found where they are looked for: in `shared`, or copied elsewhere. */
async function settingsInForce(layout: Layout): Promise<SettingsFile[]> {
  const paths = (await filesIn(layout.currentSettings)).map((file) => file.path)
  const read = paths.map(async (path) => readSettingsFile(layout.inForce(path), path))
  return (await Promise.all(read)).filter((file) => file !== null)
}

/**
 * Has `shared` show the settings of whatever is current. A file that took a link's place (some
 * editors do that) is in the way and goes; `keepEditedSettings` kept its content.
 */
async function linkShared(layout: Layout, settings: string): Promise<void> {
  await mkdir(layout.data, { recursive: true, mode: 0o700 })
  await ownData(layout)
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
    const text = await readFile(join(directory, GENERATION_FILE), 'utf8')
    return storedSchema.parse(JSON.parse(text))
  } catch {
    return null
  }
}

const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/))
const storedSchema = z.object({
  release: z.string().check(z.regex(RELEASE_ID)),
  settings: digest,
  configDigest: z._default(z.nullable(z.string()), null),
  files: z._default(
    z.nullable(
      z
        .array(
          z.object({
            path: z.string(),
            mode: z.number(),
            text: z.nullable(z.string()),
            sha256: digest,
          }),
        )
        .check(z.maxLength(SETTINGS_FILES_MAX)),
    ),
    null,
  ),
})

async function filesIn(directory: string): Promise<SettingsFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith(UNFINISHED))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
  const files = await Promise.all(
    paths.map(async (path) => readSettingsFile(join(directory, path), path)),
  )
  return files.filter((file) => file !== null)
}

async function readSettingsFile(full: string, path: string): Promise<SettingsFile | null> {
  try {
    const { mode, size } = await stat(full)
    const text =
      size > SETTINGS_FILE_BYTES_MAX ? `${size} bytes, too large` : await readFile(full, 'utf8')
    return { path, mode: mode & 0o777, text }
  } catch {
    return null
  }
}
