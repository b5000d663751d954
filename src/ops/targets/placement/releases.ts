import { hash } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MANIFEST_FILE, RELEASE_ID, type Manifest } from '../../../wire/manifest.ts'
import {
  artifactEdits,
  ArtifactError,
  parseManifest,
  readArtifact,
  readFileOf,
  readManifestBytes,
  releaseIdOf,
  type ArtifactEdit,
  type Release,
} from '../../release/artifact.ts'
import { flushDirectory, UNFINISHED, unfinishedPath, writeWhole } from '../../host/durable-file.ts'
import type { Holding } from '../target.ts'
import type { Layout } from './layout.ts'

type ManifestFile = Manifest['files'][number]

/**
 * Releases in a node's folder: files by their content in `blobs`, each release a folder of hard
 * links to them. Files are replaced, never written to, since a link is the file itself.
 */

/** Puts `release` there, or repairs what is damaged of it. */
export async function placeRelease(layout: Layout, release: Release): Promise<void> {
  if ((await checkRelease(layout, release.id)) === 'intact') return
  for (const file of await missingBlobs(layout, release.manifest)) {
    await placeBlob(layout, file.sha256, await readFileOf(release.dir, file))
  }
  const manifest = await readManifestBytes(release.dir)
  if (releaseIdOf(manifest) !== release.id) {
    throw new ArtifactError(release.dir, 'it changed while it was read', { hint: 'start again' })
  }
  await assembleRelease(layout, manifest)
}

/** Files whose content is not there whole, each content once. */
export async function missingBlobs(
  layout: Layout,
  manifest: Manifest,
): Promise<readonly ManifestFile[]> {
  const wanted = new Map(manifest.files.map((file) => [file.sha256, file]))
  const missing: ManifestFile[] = []
  for (const file of wanted.values()) {
    const held = await readFile(join(layout.blobs, file.sha256)).catch(() => null)
    if (held === null || hash('sha256', held) !== file.sha256) missing.push(file)
  }
  return missing
}

/** Keeps the content whose hash the caller has checked. */
export async function placeBlob(layout: Layout, sha256: string, bytes: Uint8Array): Promise<void> {
  await writeWhole(join(layout.blobs, sha256), bytes, 0o444)
}

/** Makes, or repairs, the release of a manifest whose blobs are all there. Returns its id. */
export async function assembleRelease(layout: Layout, manifestBytes: Buffer): Promise<string> {
  const id = releaseIdOf(manifestBytes)
  if ((await checkRelease(layout, id)) === 'intact') return id
  await mkdir(layout.releases, { recursive: true })
  const directory = join(layout.releases, id)
  if (await isFolder(directory)) {
    await fillRelease(layout, manifestBytes, directory)
    return id
  }
  const unfinished = unfinishedPath(layout.releases)
  await fillRelease(layout, manifestBytes, unfinished)
  await rename(unfinished, directory)
  await flushDirectory(layout.releases)
  return id
}

/** Whether the release that lies there is the one that its id stands for. */
export async function checkRelease(layout: Layout, id: string): Promise<Holding> {
  const directory = join(layout.releases, id)
  if (!(await isFolder(directory))) return 'absent'
  try {
    return (await readArtifact(directory)).id === id ? 'intact' : 'damaged'
  } catch (error) {
    if (error instanceof ArtifactError) return 'damaged'
    throw error
  }
}

/** Version of a release that lies there; `unknown` when its manifest is damaged. */
export const releaseVersion = async (layout: Layout, id: string): Promise<string> =>
  (await releaseManifest(layout, id))?.version ?? 'unknown'

/** Manifest of a release that lies there; null when it is damaged. */
export async function releaseManifest(layout: Layout, id: string): Promise<Manifest | null> {
  const directory = join(layout.releases, id)
  try {
    return parseManifest(directory, await readManifestBytes(directory))
  } catch {
    return null
  }
}

/** Files of a damaged release that are not as its manifest lists them, as far as that can be told. */
export const releaseEdits = async (layout: Layout, id: string): Promise<ArtifactEdit[]> =>
  artifactEdits(join(layout.releases, id), id)

/** Removes releases that are not in `keep`, blobs that no release uses, and unfinished files. */
export async function pruneReleases(layout: Layout, keep: ReadonlySet<string>): Promise<void> {
  for (const name of await namesIn(layout.releases)) {
    if (keep.has(name) || !(RELEASE_ID.test(name) || name.startsWith(UNFINISHED))) continue
    await rm(join(layout.releases, name), { recursive: true, force: true })
  }
  for (const name of await namesIn(layout.blobs)) {
    const path = join(layout.blobs, name)
    if ((await stat(path)).nlink === 1) await rm(path, { force: true })
  }
}

/** Names in a folder; none when there is no folder. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Every file anew, the manifest last: what was cut short is not taken for whole. */
async function fillRelease(
  layout: Layout,
  manifestBytes: Buffer,
  directory: string,
): Promise<void> {
  const { files } = parseManifest(directory, manifestBytes)
  await mkdir(directory, { recursive: true })
  await removeUnlisted(files, directory)
  for (const file of files) {
    const path = join(directory, file.path)
    await mkdir(dirname(path), { recursive: true })
    await rm(path, { force: true, recursive: true })
    await link(join(layout.blobs, file.sha256), path)
  }
  await writeWhole(join(directory, MANIFEST_FILE), manifestBytes, 0o444)
}

async function removeUnlisted(files: readonly ManifestFile[], directory: string): Promise<void> {
  const listed = new Set(files.map((file) => join(directory, file.path)))
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isDirectory() && !listed.has(path) && entry.name !== MANIFEST_FILE) {
      await rm(path, { force: true })
    }
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true
}
