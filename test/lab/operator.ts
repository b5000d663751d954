import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { bundleOptions } from '../../src/build/esbuild-options.ts'
import { writeManifest } from '../../src/build/manifest.ts'
import { buildMinified } from '../../src/build/minified.ts'
import { healthAnswer, type Health } from '../../src/wire/api.ts'
import { endOf, type Ended } from '../cli/built-cli.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'

const ROOT = join(import.meta.dirname, '../..')

/** What a command says with `--json`, as far as tests look at it. */
export interface Said {
  result?: string
  release?: string
  steps?: { id: string; state?: string; took_ms?: number }[]
  failure?: { step: string; node: string; code: string; message: string; hint: string } | null
  verdict?: string
  digest?: string
  verification?: { verdict: string } | null
  error?: { code: string; message: string }
  changes?: { kind: string; node: string; what?: string }[]
  stays?: string[]
  nodes?: {
    frontier: Record<string, number> | null
    checks?: { id: string; finding: string }[]
    was_running?: boolean
  }[]
  removed?: boolean
  found?: { kind: string; name: string }[]
  data?: { path: string; files: number | null; outcome: string } | null
  left?: string[]
}

/** Of a deploy that went through. */
export const deployed = { result: 'deployed', verification: { verdict: 'PASS' } }

export interface Told {
  code: number | null
  said: Said
}

/** Somebody with the built command line, a machine of their own and the lab's nodes.yaml. */
export class Operator {
  readonly #lab: Lab
  readonly #directory = mkdtempSync(join(tmpdir(), 'aethel-operator-'))
  /** Where the program lies. */
  home = ROOT
  /** What this machine's `/etc/hosts` is to the command line, a file; null: itself. */
  hostsFile: string | null = null

  constructor(lab: Lab) {
    this.#lab = lab
  }

  /** Brings an open lattice with keys to nodes.yaml; nothing is deployed by it. */
  async settle(): Promise<void> {
    await this.change((text) => text.replace('lattice:\n', 'lattice:\n  submit: open\n'))
    const { code, err } = await this.run('keys')
    if (code !== 0) throw new Error(err)
  }

  start(...args: string[]) {
    const program = join(this.home, 'bin/aethel-lattice.js')
    const command = [process.execPath, program, ...args, '--file', this.#lab.files.inventory]
    const [file = '', ...rest] =
      this.hostsFile === null ? command : withHostsFile(this.hostsFile, command)
    return spawn(file, rest, {
      env: {
        ...process.env,
        HOME: this.#lab.files.home,
        XDG_CACHE_HOME: this.#directory,
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  async run(...args: string[]): Promise<Ended> {
    return endOf(this.start(...args))
  }

  async told(...args: string[]): Promise<Told> {
    return toldBy(args, await this.run(...args, '--json'))
  }

  /** Edits nodes.yaml. Throws when that changes nothing. */
  async change(edit: (text: string) => string): Promise<void> {
    const before = await readFile(this.#lab.files.inventory, 'utf8')
    const after = edit(before)
    if (after === before) throw new Error('an edit of nodes.yaml changed nothing')
    await writeFile(this.#lab.files.inventory, after)
  }

  /** A change of settings: every node gets another heartbeat. */
  async setHeartbeat(time: string): Promise<void> {
    await this.change((text) =>
      text
        .replace(/\n {2}heartbeat: .*/, '')
        .replace('lattice:\n', `lattice:\n  heartbeat: ${time}\n`),
    )
  }

  /** Works with a program of its own from now on, whose node is edited. Returns its release. */
  async changeRelease(version: string, edit: (node: string) => string): Promise<string> {
    return this.#takeRelease(version, async (node) => {
      await writeFile(node, edit(await readFile(node, 'utf8')))
    })
  }

  /** The same with a node that is built of edited sources: `file` from the project's root. */
  async changeSource(version: string, file: string, edit: (source: string) => string) {
    return this.#takeRelease(version, async (node) => {
      const { plugins, ...options } = bundleOptions(ROOT)
      await buildMinified({
        ...options,
        plugins: [edited(file, edit), ...plugins],
        entryPoints: ['src/node/main.ts'],
        outfile: node,
      })
    })
  }

  /** `write` makes the node's file anew. */
  async #takeRelease(version: string, write: (node: string) => Promise<void>): Promise<string> {
    const home = await mkdtemp(join(this.#directory, 'home-'))
    for (const path of ['bin', 'package.json', 'dist', 'templates']) {
      await cp(join(ROOT, path), join(home, path), { recursive: true })
    }
    await symlink(join(ROOT, 'node_modules'), join(home, 'node_modules'))
    const node = join(home, 'dist/node/node.mjs')
    await write(node)
    this.home = home
    return writeManifest(join(home, 'dist/node'), version)
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** The command in a mount namespace of its own, whose end is the command's. */
const withHostsFile = (file: string, command: readonly string[]): string[] =>
  ['unshare', '--mount', 'sh', '-e', '-c', 'mount --bind "$0" /etc/hosts; exec "$@"', file].concat(
    command,
  )

/** Reads one source through `edit`. Throws when that changes nothing. */
const edited = (file: string, edit: (source: string) => string): Plugin => ({
  name: 'edited',
  setup(building) {
    building.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (path !== join(ROOT, file)) return undefined
      const source = await readFile(path, 'utf8')
      const contents = edit(source)
      if (contents === source) throw new Error(`an edit of ${file} changed nothing`)
      return { contents, loader: 'ts' }
    })
  },
})

export function toldBy(args: readonly string[], { code, out, err }: Ended): Told {
  if (out === '') throw new Error(`${args.join(' ')} ended with ${code} and said: ${err}`)
  return { code, said: JSON.parse(out) as Said }
}

export const originOf = (host: Host): string => `http://${host.address}:8000`

export async function healthOf(host: Host): Promise<Health> {
  const answer = await fetch(`${originOf(host)}/api/lattice/health`)
  return healthAnswer.parse(await answer.json())
}
