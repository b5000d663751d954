import type { BuildOptions } from 'esbuild'
import { builtinModules } from './builtin-modules.ts'
import { undiciParts } from './package-parts.ts'

/**
 * What every bundle here has in common: ESM for the oldest Node.js that `engines` allows, all
 * dependencies inside. CommonJS dependencies find `require` through the banner. Symlinks are not
 * followed, so that no path outside `root` gets into the output.
 */
export function bundleOptions(root: string) {
  return {
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.22',
    keepNames: true,
    preserveSymlinks: true,
    logLevel: 'warning',
    plugins: [builtinModules, undiciParts],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
  } satisfies BuildOptions
}
