import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { buildCli } from '../../src/build/cli-bundle.ts'
import { writeManifest } from '../../src/build/manifest.ts'

const root = dirname(dirname(import.meta.dirname))

/** What a runner of tests may have set, and changes what is shown. */
const MEDDLING = ['NO_COLOR', 'FORCE_COLOR', 'CI', 'npm_command']

/** The CLI as it is shipped, built from these sources into a place of its own, with an empty file for the node. */
export interface BuiltCli {
  home: string
  /** Runs it as a shell without a terminal would. */
  run(args: readonly string[], at: Place): Promise<Ended>
  start(args: readonly string[], at: Place): ReturnType<typeof spawn>
  remove(): void
}

interface Place {
  cwd: string
  environment?: Readonly<Record<string, string>>
}

export interface Ended {
  code: number | null
  out: string
  err: string
}

/** Resolves when it has ended, with all it said. */
export async function endOf(child: ReturnType<typeof spawn>): Promise<Ended> {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('no pipes')
  const [[code], out, err] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(stdout),
    text(stderr),
  ])
  return { code, out, err }
}

export async function builtCli(): Promise<BuiltCli> {
  const home = mkdtempSync(join(tmpdir(), 'aethel-cli-'))
  for (const path of ['bin', 'package.json', 'nodes.yaml', 'templates']) {
    cpSync(join(root, path), join(home, path), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'))
  await buildCli(root, join(home, 'dist/cli'))
  mkdirSync(join(home, 'dist/node'))
  writeFileSync(join(home, 'dist/node/node.mjs'), '')
  await writeManifest(join(home, 'dist/node'), '0.0.0')

  const start: BuiltCli['start'] = (args, { cwd, environment = {} }) => {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !MEDDLING.includes(name)),
    )
    return spawn(process.execPath, [join(home, 'bin/aethel-lattice.js'), ...args], {
      cwd,
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
  return {
    home,
    start,
    run: async (args, at) => endOf(start(args, at)),
    remove: () => rmSync(home, { recursive: true }),
  }
}
