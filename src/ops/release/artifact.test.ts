import { hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Manifest } from '../../wire/manifest.ts'
import { ArtifactError, readArtifact } from './artifact.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'aethel-artifact-'))
})
afterEach(async () => rm(dir, { recursive: true }))

const contents = { 'node.mjs': 'run()', 'page/index.html': '<p>' }

const manifestOf = (files: Record<string, string> = contents): Manifest => ({
  engine: '>=22.22.2',
  entry: 'node.mjs',
  files: Object.entries(files).map(([path, text]) => ({
    bytes: Buffer.byteLength(text),
    path,
    sha256: hash('sha256', text),
  })),
  format: 1,
  name: 'aethel-lattice-node',
  protocols: [1],
  flags: [],
  version: '1.2.3',
})

async function write(manifest: unknown, files: Record<string, string> = contents): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest)
  await writeFile(join(dir, 'manifest.json'), text)
}

/** Leaves a socket's file behind. */
async function listenAt(path: string): Promise<void> {
  const server = createServer().listen(path)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
}

it('reads a built node and names it by its manifest', async () => {
  await write(manifestOf())
  const release = await readArtifact(dir)
  expect(release).toEqual({
    id: `r${hash('sha256', JSON.stringify(manifestOf())).slice(0, 12)}`,
    manifest: manifestOf(),
    dir,
  })
})

describe('an artifact is refused', () => {
  const file = (path: string) => ({ path, bytes: 0, sha256: hash('sha256', '') })
  const withFile = (path: string) => ({
    ...manifestOf(),
    files: [...manifestOf().files, file(path)],
  })

  it.each<[string, unknown, RegExp]>([
    ['that is no JSON', '{', /not JSON/],
    ['that is no UTF-8 JSON', '\u0000', /not JSON/],
    ['of another program', { ...manifestOf(), name: 'other' }, /name/],
    ['of a later format', { ...manifestOf(), format: 2 }, /format/],
    ['with unknown keys', { ...manifestOf(), scripts: {} }, /scripts/i],
    ['without its entry', { ...manifestOf(), entry: 'main.mjs' }, /entry main\.mjs/],
    ['that names a file twice', withFile('node.mjs'), /twice/],
    ['that names its manifest', withFile('manifest.json'), /names itself/],
    ['with a file inside a file', withFile('node.mjs/x'), /inside a file/],
    ['with an empty part in a path', withFile('a//b'), /empty part/],
    ['with a path that climbs', withFile('../x'), /files\.2\.path/],
    ['with a path that climbs later', withFile('page/../../x'), /files\.2\.path/],
    ['with an absolute path', withFile('/etc/passwd'), /files\.2\.path/],
    ['with a backslash', withFile('..\\x'), /files\.2\.path/],
    ['with a missing file', withFile('lost.txt'), /lost\.txt is missing/],
    [
      'with a file too large',
      { ...manifestOf(), files: [{ ...file('node.mjs'), bytes: 11 * 1024 * 1024 }] },
      /over/,
    ],
  ])('%s', async (_what, manifest, message) => {
    await write(manifest)
    const refusal: unknown = await readArtifact(dir).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ArtifactError)
    expect(refusal).toMatchObject({ code: 'artifact', exit: 'badInput' })
    expect((refusal as Error).message).toMatch(message)
  })

  it('without a manifest', async () => {
    await expect(readArtifact(dir)).rejects.toThrow(/no manifest\.json/)
    await expect(readArtifact(join(dir, 'nowhere'))).rejects.toThrow(ArtifactError)
  })

  it('whose manifest is too large', async () => {
    await write(' '.repeat(1024 * 1024 + 1))
    await expect(readArtifact(dir)).rejects.toThrow(/over/)
  })

  it.each(['same size', 'longer'])('with an altered file (%s)', async (how) => {
    await write(manifestOf())
    await writeFile(join(dir, 'node.mjs'), how === 'longer' ? 'run()()' : 'fun()')
    await expect(readArtifact(dir)).rejects.toThrow(/node\.mjs is not the file/)
  })

  it('with a file that its manifest does not list', async () => {
    await write(manifestOf())
    await writeFile(join(dir, 'page/extra.js'), '')
    await expect(readArtifact(dir)).rejects.toThrow(/page\/extra\.js is not in its manifest/)
  })

  it.each<[string, (path: string) => Promise<void>]>([
    ['a link to the right content', async (path) => symlink('/dev/null', path)],
    ['a link to nothing', async (path) => symlink('nowhere', path)],
    ['a socket', listenAt],
  ])('with %s', async (_what, make) => {
    await write(manifestOf())
    await rm(join(dir, 'node.mjs'))
    await make(join(dir, 'node.mjs'))
    await expect(readArtifact(dir)).rejects.toThrow(/neither a file nor a folder/)
  })

  it('with a linked folder', async () => {
    await write(manifestOf())
    await rm(join(dir, 'page'), { recursive: true })
    await symlink('/etc', join(dir, 'page'))
    await expect(readArtifact(dir)).rejects.toThrow(/page is neither a file nor a folder/)
  })
})
