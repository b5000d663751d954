import { hash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import type { Manifest } from '../../wire/manifest.ts'
import { caddyFilesOf } from '../desired/caddy-files.ts'
import { HOST_FOLDER, SERVICE_USER } from '../desired/host-files.ts'
import { writeWhole } from '../host/durable-file.ts'
import { parseManifest, releaseIdOf } from '../release/artifact.ts'
import { TargetError } from '../targets/errors.ts'
import { keepEditedSettings, placeGeneration } from '../targets/placement/generations.ts'
import {
  assembleRelease,
  checkRelease,
  missingBlobs,
  placeBlob,
} from '../targets/placement/releases.ts'
import { settingsDigest, settingsFiles, shownSettings } from '../targets/settings.ts'
import type { Generation } from '../targets/target.ts'
import { hostPlaceOf, layoutOn, type Host } from './host.ts'
import type { ActArgs } from './protocol.ts'
import type { ActContext } from './serve.ts'

type ManifestFile = Manifest['files'][number]

/**
 * Puts a release and settings beside the running ones, on a host that had neither before, too: the
 * user and the folder are made. Contents are hashed as they arrive and kept one by one, so that what
 * a cut left is not sent again.
 */
export async function stage(
  host: Host,
  { manifest, files, secrets, configDigest }: ActArgs<'stage'>,
  { signal, tell, bytes }: ActContext<'stage'>,
): Promise<Generation> {
  const manifestBytes = Buffer.from(manifest)
  const parsed = parseManifest(`the release for ${host.node}`, manifestBytes)
  const settings = { files, secrets }
  const all = settingsFiles(settings)
  for (const { path } of all) hostPlaceOf(host, path)

  await mkdir(host.root, { recursive: true, mode: 0o755 })
  if ((await host.users.find(SERVICE_USER)) === null) {
    await host.users.add(SERVICE_USER, join(host.root, 'shared'), signal)
  }
  const { site } = caddyFilesOf(host.node)
  if (files.some(({ path }) => path === `${HOST_FOLDER}/${site}`)) {
    if (!(await host.caddy.isInstalled(signal))) await host.caddy.install(signal)
  }
  await keepProgram(host)
  const layout = await layoutOn(host)
  await keepEditedSettings(layout)

  const release = releaseIdOf(manifestBytes)
  if ((await checkRelease(layout, release)) !== 'intact') {
    const missing = await missingBlobs(layout, parsed)
    if (missing.length > 0) {
      await tell({ missing: missing.map((file) => file.sha256) })
      for await (const { file, content } of splitBlobs(missing, bytes)) {
        signal.throwIfAborted()
        await placeBlob(layout, file.sha256, content)
      }
      signal.throwIfAborted()
    }
    await assembleRelease(layout, manifestBytes)
  }
  const generation = { release, settings: settingsDigest(settings) }
  const shown = shownSettings(settings)
  await placeGeneration(layout, { ...generation, configDigest, files: shown }, all)
  return generation
}

/**
 * The contents of `files` out of one compressed stream, in that order.
 *
 * @throws TargetError for a content that is not the one that was asked for, or a stream that ends early
 *   or late
 */
export async function* splitBlobs(
  files: readonly ManifestFile[],
  compressed: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ file: ManifestFile; content: Buffer }> {
  const queue = [...files]
  let file = queue.shift()
  let parts: Buffer[] = []
  let length = 0
  for await (const given of inflate(compressed)) {
    let chunk = given
    while (file !== undefined && length + chunk.length >= file.bytes) {
      const rest = file.bytes - length
      const content = Buffer.concat([...parts, chunk.subarray(0, rest)])
      if (hash('sha256', content) !== file.sha256) {
        throw transferError(`${file.path} did not arrive as it was sent`)
      }
      yield { file, content }
      chunk = chunk.subarray(rest)
      parts = []
      length = 0
      file = queue.shift()
    }
    if (file === undefined && chunk.length > 0)
      throw transferError('more arrived than was asked for')
    if (chunk.length > 0) parts.push(chunk)
    length += chunk.length
  }
  if (file !== undefined) throw transferError(`${file.path} did not arrive`)
}

/** What is inflated is taken in parts of a bounded size, so that the caller's limits hold after it. */
async function* inflate(compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const inflating = createZstdDecompress()
  const source = Readable.from(compressed)
  source.once('error', (error) => inflating.destroy(error))
  source.pipe(inflating)
  try {
    for await (const chunk of inflating) yield chunk as Buffer
    // Lets the taker finish contents that have no bytes.
    yield Buffer.alloc(0)
  } catch (error) {
    throw transferError('what arrived cannot be read', error)
  } finally {
    source.destroy()
  }
}

const transferError = (problem: string, cause?: unknown): TargetError =>
  new TargetError('transfer', problem, {
    hint: 'run the same command again; what arrived whole is not sent twice',
    cause,
  })

/** The program that acts here, so that the next one who looks need not bring it. */
async function keepProgram({ root, program }: Host): Promise<void> {
  const kept = join(root, 'agent', `${program.sha256}.mjs`)
  const held = await readFile(kept).catch(() => null)
  if (held !== null && hash('sha256', held) === program.sha256) return
  await writeWhole(kept, program.text, 0o644)
}
