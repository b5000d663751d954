import { hash } from 'node:crypto'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { MANIFEST_FILE, manifestSchema, type Manifest } from '../../wire/manifest.ts'
import { OperatorError } from '../errors.ts'
import { ENTRIES_MAX, FILE_BYTES_MAX, MANIFEST_BYTES_MAX } from './limits.ts'

/**
 * A built node as a folder. The room `release` owns reading such a folder and refusing one that is
 * not exactly what its manifest says. It must not build one, place one on a host, or know what the
 * files do.
 */
export interface Release {
  /** `r` and the first 12 hex digits of the SHA-256 of `manifest.json`. */
  id: string
  manifest: Manifest
  /** Absolute path of the folder. */
  dir: string
}

export class ArtifactError extends OperatorError {
  override readonly name = 'ArtifactError'

  constructor(dir: string, problem: string, details: { hint?: string; cause?: unknown } = {}) {
    super('artifact', `${dir}: ${problem}`, {
      exit: 'badInput',
      hint: details.hint ?? 'run "npm run build" to build it again',
      cause: details.cause,
    })
  }
}

/**
 * The release in `dir`. Every file of its manifest is there with its size and hash, and nothing else
 * is: no further file, no link, no device.
 *
 * @throws ArtifactError
 */
export async function readArtifact(dir: string): Promise<Release> {
  const bytes = await readManifestBytes(dir)
  const manifest = parseManifest(dir, bytes)
  const listed = new Set(manifest.files.map((file) => file.path))

  const found = await filesIn(dir)
  const unlisted = found.find((path) => path !== MANIFEST_FILE && !listed.has(path))
  if (unlisted !== undefined) throw new ArtifactError(dir, `${unlisted} is not in its manifest`)

  for (const file of manifest.files) {
    if (!found.includes(file.path)) throw new ArtifactError(dir, `${file.path} is missing`)
    // One at a time: the sum may be large, and hashing is what takes the time.
    await readFileOf(dir, file)
  }
  return { id: releaseIdOf(bytes), manifest, dir }
}

/** A file of an artifact that is not as its manifest lists it. */
export interface ArtifactEdit {
  path: string
  change: 'added' | 'removed' | 'changed'
}

/**
 * What makes `readArtifact` refuse the folder of release `id`, file by file. Empty where nothing
 * does, and where it cannot be told: the manifest is unreadable, or something else than files is there.
 */
export async function artifactEdits(dir: string, id: string): Promise<ArtifactEdit[]> {
  try {
    const bytes = await readManifestBytes(dir)
    const { files } = parseManifest(dir, bytes)
    const found = new Set(await filesIn(dir))
    const edits: ArtifactEdit[] = []
    for (const file of files) {
      if (!found.delete(file.path)) edits.push({ path: file.path, change: 'removed' })
      else if (!(await isAsListed(dir, file))) edits.push({ path: file.path, change: 'changed' })
    }
    if (releaseIdOf(bytes) !== id) edits.push({ path: MANIFEST_FILE, change: 'changed' })
    found.delete(MANIFEST_FILE)
    return [...edits, ...[...found].map((path) => ({ path, change: 'added' as const }))]
  } catch (error) {
    if (error instanceof ArtifactError) return []
    throw error
  }
}

const isAsListed = async (dir: string, file: Manifest['files'][number]): Promise<boolean> =>
  readFileOf(dir, file).then(
    () => true,
    () => false,
  )

export const releaseIdOf = (manifestBytes: Uint8Array): string =>
  `r${hash('sha256', manifestBytes).slice(0, 12)}`

/**
 * The bytes of one file of an artifact.
 *
 * @throws ArtifactError when they are not the ones that the manifest names
 */
export async function readFileOf(dir: string, file: Manifest['files'][number]): Promise<Buffer> {
  const bytes = await readFile(join(dir, file.path)).catch((error: unknown) => {
    throw new ArtifactError(dir, `${file.path} cannot be read`, { cause: error })
  })
  if (bytes.length !== file.bytes || hash('sha256', bytes) !== file.sha256) {
    throw new ArtifactError(dir, `${file.path} is not the file that its manifest names`)
  }
  return bytes
}

/** What the artifact in `dir` says it is; its files are not looked at. @throws ArtifactError */
export const readManifest = async (dir: string): Promise<Manifest> =>
  parseManifest(dir, await readManifestBytes(dir))

/** The bytes of `manifest.json`; the release's id is their hash. */
export async function readManifestBytes(dir: string): Promise<Buffer> {
  const path = join(dir, MANIFEST_FILE)
  try {
    const { size } = await lstat(path)
    if (size > MANIFEST_BYTES_MAX) {
      throw new ArtifactError(dir, `${MANIFEST_FILE} has ${size} bytes, over ${MANIFEST_BYTES_MAX}`)
    }
    return await readFile(path)
  } catch (error) {
    if (error instanceof ArtifactError) throw error
    throw new ArtifactError(dir, `it has no ${MANIFEST_FILE}`, { cause: error })
  }
}

/** @throws ArtifactError for anything but a manifest of a node that can be placed as it stands. */
export function parseManifest(dir: string, bytes: Uint8Array): Manifest {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new ArtifactError(dir, `${MANIFEST_FILE}: ${problem}`, { cause })
  }
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    return refuse('it is not JSON', error)
  }
  const parsed = manifestSchema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    if (issue?.code === 'unrecognized_keys')
      return refuse(`no manifest has ${issue.keys.join(', ')}`)
    return refuse(`${issue?.path.join('.') || 'it'} is not what it should be`)
  }
  const manifest = parsed.data
  const paths = manifest.files.map((file) => file.path)
  const problem = problemOf(paths, manifest)
  return problem === null ? manifest : refuse(problem)
}

/** What the schema cannot say. */
function problemOf(paths: readonly string[], manifest: Manifest): string | null {
  const listed = new Set(paths)
  if (listed.size !== paths.length) return 'it names a file twice'
  if (listed.has(MANIFEST_FILE)) return 'it names itself'
  if (!listed.has(manifest.entry)) return `its entry ${manifest.entry} is not among its files`
  const odd = paths.find((path) => path.split('/').includes(''))
  if (odd !== undefined) return `${odd} has an empty part`
  const nested = paths.find((path) => parentsOf(path).some((parent) => listed.has(parent)))
  if (nested !== undefined) return `${nested} lies inside a file`
  const large = manifest.files.find((file) => file.bytes > FILE_BYTES_MAX)
  if (large !== undefined) return `${large.path} has ${large.bytes} bytes, over ${FILE_BYTES_MAX}`
  return null
}

const parentsOf = (path: string): string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_part, index, parts) => parts.slice(0, index + 1).join('/'))

async function filesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  if (entries.length > ENTRIES_MAX) {
    throw new ArtifactError(dir, `it holds ${entries.length} entries, over ${ENTRIES_MAX}`)
  }
  return entries.flatMap((entry) => {
    const path = relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/')
    if (entry.isDirectory()) return []
    if (!entry.isFile()) throw new ArtifactError(dir, `${path} is neither a file nor a folder`)
    return [path]
  })
}
