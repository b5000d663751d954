import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { bundleOptions } from './esbuild-options.ts'
import { buildMinified } from './minified.ts'
import { ssh2Parts } from './package-parts.ts'

/** Bundles the CLI into `directory`, a chunk for each command that main.ts imports lazily. */
export async function buildCli(root: string, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  const options = bundleOptions(root)
  await build({
    ...options,
    entryPoints: [{ in: 'src/cli/main.ts', out: 'main' }],
    outdir: directory,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    sourcemap: true,
    plugins: [...options.plugins, ssh2Parts],
    // What ssh2 would have compiled, and tries to load.
    external: ['*.node', 'cpu-features'],
    // ssh2's WebAssembly is text: the folder that it names is never looked into.
    define: { __dirname: '""' },
  })
}

/** Bundles the supervisor into one file: it outlives the CLI that starts it, and later builds. */
export async function buildSupervisor(root: string, directory: string): Promise<void> {
  await build({
    ...bundleOptions(root),
    entryPoints: ['src/ops/targets/local/supervisor.ts'],
    outfile: join(directory, 'supervisor.mjs'),
    sourcemap: true,
  })
}

/** Bundles the agent that runs on servers into one small file: it is sent there. */
export async function buildHostAgent(root: string, directory: string): Promise<void> {
  await buildMinified({
    ...bundleOptions(root),
    entryPoints: ['src/ops/agent/main.ts'],
    outfile: join(directory, 'host-agent.mjs'),
  })
}
