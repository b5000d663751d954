import { existsSync } from 'node:fs'
import { cp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleOptions } from './esbuild-options.ts'
import { writeManifest } from './manifest.ts'
import { buildMinified } from './minified.ts'

/**
 * Builds the node into `directory`: one minified ESM file, the page's files and the manifest. The
 * same sources and dependencies give the same bytes on every machine.
 *
 * @returns the release id
 */
export async function buildNodeArtifact(root: string, directory: string): Promise<string> {
  await rm(directory, { recursive: true, force: true })
  await buildMinified({
    ...bundleOptions(root),
    entryPoints: ['src/node/main.ts'],
    outfile: join(directory, 'node.mjs'),
  })

  const page = join(root, 'src/page/public')
  if (existsSync(page)) await cp(page, join(directory, 'page'), { recursive: true })

  // Last, so that a build which was cut short leaves no artifact that could be taken for whole.
  const { version }: { version: string } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  )
  return writeManifest(directory, version)
}
