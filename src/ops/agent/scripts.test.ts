import { hash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askingSudo, LocalShell } from './fixtures/local-shell.ts'
import { installNode } from './install.ts'
import type { PinnedNode } from './pinned-node.ts'
import { Script } from './script.ts'
import { enterScript } from './scripts.ts'
import type { HostShell } from './shell.ts'

const { signal } = new AbortController()
const VERSION = '26.10.0'
let folder: string
let root: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aethel-scripts-'))
  // A shell that read it as text would look elsewhere.
  root = join(folder, `it's $(echo "x") *`)
  await mkdir(root)
})
afterEach(async () => rm(folder, { recursive: true, force: true }))

const shellOf = async (kind: string, noise?: string): Promise<LocalShell> =>
  LocalShell.make(folder, kind, noise)

/** A stand-in for Node.js: tells what it was started with, and then what it reads. */
const runtime = `#!/bin/sh\nif [ "$1" = --version ]; then echo v${VERSION}; else for one; do echo "<$one>"; done; cat "$1" -; fi\n`

async function placeRuntime(version: string): Promise<void> {
  const place = join(root, 'shared/node', version)
  await mkdir(join(place, 'bin'), { recursive: true })
  await writeFile(join(place, 'bin/node'), runtime, { mode: 0o755 })
  await writeFile(join(place, 'bytes'), `${runtime.length}\n`)
}

const program = 'the program\n'
const digest = hash('sha256', program)

async function placeProgram(text = program): Promise<void> {
  await mkdir(join(root, 'agent'), { recursive: true })
  await writeFile(join(root, 'agent', `${digest}.mjs`), text)
}

/** Enters as `enterHost` does; `lent` is sent when the program is. */
async function enter(shell: HostShell, lent: string | null = null) {
  const script = await Script.start(shell, ['sh', '-c', enterScript], signal)
  await script.writeLines([root, 'node1', VERSION, digest, lent === null ? '-' : `${lent.length}`])
  await script.write(Buffer.from(`${lent ?? ''}for the agent`))
  await script.end()
  const word = await script.word(signal)
  let rest = ''
  for await (const chunk of script.rest()) rest += Buffer.from(chunk).toString()
  const { code } = await script.outcome()
  return { word, rest, code }
}

describe.each(['dash', 'bash'])('entering, with %s', (kind) => {
  it.each([
    ['shared', 'more'],
    ['shared/data', 'data'],
    ['shared/data/log', 'data'],
    ['shared/node/x', 'more'],
    ['releases', 'more'],
  ])('tells a folder with %s: %s', async (path, told) => {
    await mkdir(join(root, path), { recursive: true })
    const { word } = await enter(await shellOf(kind))
    expect(word).toMatch(new RegExp(`^bare .* ${told} (?:yes|no)$`))
  })

  it('tells of a bare host, and changes nothing', async () => {
    const { word, code } = await enter(await shellOf(kind))
    expect(word).toMatch(/^bare \S+ no no (?:yes|no) none (?:yes|no)$/)
    expect(code).toBe(91)
    expect(await readdir(root)).toEqual([])
  })

  it('becomes the agent that is kept, which reads what comes next', async () => {
    await placeRuntime(VERSION)
    await placeProgram()
    await symlink('generations/x', join(root, 'current'))
    const { word, rest } = await enter(await shellOf(kind))
    expect(word).toMatch(/^agent - yes yes - more (?:yes|no)$/)
    const path = join(root, 'agent', `${digest}.mjs`)
    expect(rest).toBe(`<${path}>\n<${root}>\n<node1>\n<kept>\nthe program\nfor the agent`)
  })

  it('runs on an older Node.js where the pinned one is not there', async () => {
    await placeRuntime('26.1.0')
    await placeProgram()
    expect((await enter(await shellOf(kind))).word).toMatch(
      /^agent \S+ no no (?:yes|no) more (?:yes|no)$/,
    )
  })

  it('does not run on one that is not whole', async () => {
    await placeRuntime(VERSION)
    await writeFile(join(root, 'shared/node', VERSION, 'bin/node'), '#!/bin/sh\n')
    expect((await enter(await shellOf(kind))).word).toMatch(/^bare /)
  })

  it('asks for the agent where it lacks, or is another', async () => {
    await placeRuntime(VERSION)
    expect((await enter(await shellOf(kind))).word).toMatch(/^lacks-agent /)
    await placeProgram('another program\n')
    expect(await enter(await shellOf(kind))).toMatchObject({ code: 91 })
  })

  it('becomes the agent that is lent, and keeps nothing in the folder', async () => {
    await placeRuntime(VERSION)
    const { word, rest } = await enter(await shellOf(kind), program)
    expect(word).toMatch(/^agent /)
    expect(rest).toContain('<lent>\nthe program\nfor the agent')
    expect(await readdir(root)).toEqual(['shared'])
    const lent = /<(\S+)\/host-agent\.mjs>/.exec(rest)?.[1] ?? ''
    await rm(lent, { recursive: true })
  })

  it('does not run what arrived otherwise', async () => {
    await placeRuntime(VERSION)
    expect(await enter(await shellOf(kind), 'the progrom\n')).toMatchObject({
      word: null,
      code: 93,
    })
  })

  it('is heard through what a profile prints', async () => {
    const { word } = await enter(await shellOf(kind, 'Welcome!\nYou have mail.'))
    expect(word).toMatch(/^bare /)
  })

  it('passes over a password that nobody wanted', async () => {
    const script = await Script.start(await shellOf(kind), ['sh', '-c', enterScript], signal)
    await script.write(Buffer.from('hunter2\n'))
    await script.writeLines([root, 'node1', VERSION, digest, '-'])
    expect(await script.word(signal)).toMatch(/^bare /)
    script.close()
  })
})

async function archiveOf(text: string, sha256 = hash('sha256', text)): Promise<PinnedNode> {
  const packed = gzipSync(text)
  const path = join(folder, 'node.gz')
  await writeFile(path, packed)
  const archive = { path, sha256: hash('sha256', packed), bytes: packed.length }
  return { version: VERSION, sha256, archive }
}

const nodes = async (): Promise<string[]> => readdir(join(root, 'shared/node'))

describe.each(['dash', 'bash'])('installing Node.js, with %s', (kind) => {
  it('leaves a program that enters', async () => {
    const shell = await shellOf(kind)
    await installNode(shell, root, await archiveOf(runtime), null, signal)
    expect(await nodes()).toEqual([VERSION])
    expect(await readFile(join(root, 'shared/node', VERSION, 'bin/node'), 'utf8')).toBe(runtime)
    await placeProgram()
    expect((await enter(shell)).word).toMatch(/^agent - yes no - more (?:yes|no)$/)
  })

  it('goes on where it was cut', async () => {
    const pinned = await archiveOf(`${runtime}# ${'x'.repeat(5000)}\n`)
    const packed = await readFile(pinned.archive.path)
    const half = await archiveOf(runtime)
    await writeFile(half.archive.path, packed.subarray(0, 100))
    const cut = { ...pinned, archive: { ...pinned.archive, path: half.archive.path } }
    const shell = await shellOf(kind)
    await expect(installNode(shell, root, cut, null, signal)).rejects.toMatchObject({
      code: 'transfer',
    })
    expect(await nodes()).toEqual([`.unfinished-${pinned.archive.sha256}`])
    // The first bytes are not sent again: they would be wrong now.
    await writeFile(half.archive.path, Buffer.concat([Buffer.alloc(100), packed.subarray(100)]))
    await installNode(shell, root, cut, null, signal)
    expect(await nodes()).toEqual([VERSION])
  })

  it('refuses what is not what was sent, and begins anew', async () => {
    const pinned = await archiveOf(runtime)
    const wrong = { ...pinned, archive: { ...pinned.archive, sha256: 'ab'.repeat(32) } }
    const shell = await shellOf(kind)
    await expect(installNode(shell, root, wrong, null, signal)).rejects.toMatchObject({
      code: 'transfer',
    })
    expect(await nodes()).toEqual([])
  })

  it('refuses a program of another digest', async () => {
    const pinned = await archiveOf(runtime, 'ab'.repeat(32))
    const refused = installNode(await shellOf(kind), root, pinned, null, signal)
    await expect(refused).rejects.toMatchObject({ code: 'transfer' })
    expect(await nodes()).toEqual([])
  })

  it('refuses a program that does not run there', async () => {
    const pinned = await archiveOf('#!/bin/sh\nexit 1\n')
    await expect(
      installNode(await shellOf(kind), root, pinned, null, signal),
    ).rejects.toMatchObject({ code: 'runtime' })
    expect(await nodes()).not.toContain(VERSION)
  })
})

describe('becoming root with a password', () => {
  async function withSudo(kind: string, right: string): Promise<LocalShell> {
    const shell = await shellOf(kind)
    await shell.place('sudo', askingSudo(right))
    return shell
  }

  it.each(['dash', 'bash'])('works with the right one, with %s', async (kind) => {
    const shell = await withSudo(kind, 'right')
    await installNode(shell, root, await archiveOf(runtime), 'right', signal)
    expect(await nodes()).toEqual([VERSION])
  })

  it('gives a wrong one only once', async () => {
    const shell = await withSudo('dash', 'right')
    const wrong = installNode(shell, root, await archiveOf(runtime), 'wrong', signal)
    await expect(wrong).rejects.toMatchObject({ code: 'sudo-password' })
    expect(await readdir(root)).toEqual([])
  })
})
