import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { bundleOptions } from './esbuild-options.ts'
import { buildMinified } from './minified.ts'

/**
 * Bundles the CLI into `directory`, a chunk for each command that main.ts imports lazily. ssh2 does
 * without what it would have compiled, which it tries to load; its WebAssembly is text, and the folder that
 * it names is never looked into.
 */
export async function buildCli(root: string, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await build({
    ...bundleOptions(root),
    entryPoints: [{ in: 'src/cli/main.ts', out: 'main' }],
    outdir: directory,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    sourcemap: true,
    external: ['*.node', 'cpu-features'],
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
