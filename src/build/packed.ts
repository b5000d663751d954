import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { MANIFEST_FILE, manifestSchema } from '../wire/manifest.ts'

/** The highest of the ordinary ones; those above it want more memory where it is unpacked. */
const ZSTD_LEVEL = 19

/**
 * Packs the files of the artifact in `directory` into `to`, each as a zstd frame by the SHA-256 of what
 * is in it: what a deploy sends, compressed once and not while somebody waits.
 */
export async function packArtifact(directory: string, to: string): Promise<void> {
  const text = await readFile(join(directory, MANIFEST_FILE), 'utf8')
  const { files } = manifestSchema.parse(JSON.parse(text))
  await rm(to, { recursive: true, force: true })
  await mkdir(to, { recursive: true })
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL }
  for (const { path, sha256 } of files) {
    const packed = zstdCompressSync(await readFile(join(directory, path)), { params })
    await writeFile(join(to, `${sha256}.zst`), packed)
  }
}
