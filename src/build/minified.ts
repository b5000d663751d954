import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { build, transform } from 'esbuild'
import type { bundleOptions } from './esbuild-options.ts'

/** Characters of a line: an uncaught error prints the line that threw it. */
const LINE_CHARS = 160

type BundleOptions = ReturnType<typeof bundleOptions> & { entryPoints: string[]; outfile: string }

/**
 * Bundles into one minified file. It is minified apart from that: short names are given out by how often
 * letters occur in all that was read, unused parts too, and of Node's own modules those are not the same
 * on every Node.js.
 */
export async function buildMinified(options: BundleOptions): Promise<void> {
  const { outfile, target, platform, format } = options
  const { outputFiles } = await build({ ...options, minifySyntax: true, write: false })
  const [bundle] = outputFiles
  if (bundle === undefined) throw new Error(`nothing was built for ${outfile}`)
  const { code } = await transform(bundle.text, {
    target,
    platform,
    format,
    minify: true,
    lineLimit: LINE_CHARS,
    logLevel: 'warning',
  })
  await mkdir(dirname(outfile), { recursive: true })
  await writeFile(outfile, code)
}
