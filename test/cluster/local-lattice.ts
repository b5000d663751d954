import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { writeManifest } from '../../src/build/manifest.ts'
import { freePorts } from '../free-ports.ts'

const ROOT = join(import.meta.dirname, '../..')
const NODES = 3

export interface Ran {
  code: number
  out: string
  err: string
}

/** What `verify-triangle --json` prints, as far as these tests look at it. */
export interface Triangle {
  verdict: 'PASS' | 'FAIL' | 'UNKNOWN'
  checks: { id: string; verdict: string; summary: string; evidence: unknown }[]
  nodes: { name: string; url: string; merkle_root: string | null }[]
  unchecked: { id: string; reason: string }[]
}

export interface LocalNode {
  name: string
  url: string
  pid: number
}

/** The repository's own lattice, deployed by the CLI into a folder and on ports of its own. */
export class LocalLattice {
  readonly directory = mkdtempSync(join(tmpdir(), 'aethel-local-'))
  /** Where the program lies: the repository, or a copy with a release of its own. */
  home = ROOT
  httpPort = 0

  static async prepare(edit: (yaml: string) => string = (yaml) => yaml): Promise<LocalLattice> {
    const lattice = new LocalLattice()
    lattice.httpPort = await freePorts(NODES)
    const p2pPort = await freePorts(NODES)
    const yaml = readFileSync(join(ROOT, 'nodes.yaml'), 'utf8')
      .replace(/^( {2}http_port:) 8101$/m, `$1 ${lattice.httpPort}`)
      .replace(/^( {2}p2p_port:) 9101$/m, `$1 ${p2pPort}`)
    writeFileSync(lattice.file, edit(yaml))
    return lattice
  }

  get file(): string {
    return join(this.directory, 'nodes.yaml')
  }

  /** Gives this lattice a program of its own, whose node `edit` may change: another release. */
  changeRelease(version: string, edit: (node: string) => string): Promise<string> {
    const home = mkdtempSync(join(this.directory, 'home-'))
    for (const path of ['bin', 'package.json', 'dist', 'templates']) {
      cpSync(join(ROOT, path), join(home, path), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'))
    const node = join(home, 'dist/node/node.mjs')
    writeFileSync(node, edit(readFileSync(node, 'utf8')))
    this.home = home
    return writeManifest(join(home, 'dist/node'), version)
  }

  /** Starts the CLI, without a terminal. */
  start(...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
    return spawn(
      process.execPath,
      [join(this.home, 'bin/aethel-lattice.js'), ...args, '--phase', 'local', '--file', this.file],
      { cwd: this.directory, stdio: ['ignore', 'pipe', 'pipe'] },
    )
  }

  /** Runs the CLI as a shell without a terminal would. */
  async run(...args: string[]): Promise<Ran> {
    const child = this.start(...args)
    const [[code], out, err] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ])
    return { code: code ?? -1, out, err }
  }

  /** Runs it with `--json`: exactly one document, or this throws. */
  async json(...args: string[]): Promise<{ code: number; document: unknown }> {
    const { code, out } = await this.run(...args, '--json')
    return { code, document: JSON.parse(out) }
  }

  async deploy(): Promise<void> {
    const { code, out, err } = await this.run('deploy', '--yes')
    if (code !== 0) throw new Error(`deploy exited ${code}\n${out}\n${err}`)
  }

  async verify(): Promise<{ code: number; document: Triangle }> {
    const { code, document } = await this.json('verify-triangle')
    return { code, document: document as Triangle }
  }

  async nodes(): Promise<LocalNode[]> {
    return ((await this.json('status')).document as { nodes: LocalNode[] }).nodes
  }

  async remove(): Promise<void> {
    const { code, err } = await this.run('down')
    if (code !== 0) throw new Error(`down exited ${code}: ${err}`)
    rmSync(this.directory, { recursive: true, force: true })
  }
}
