import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { buildNodeArtifact } from './node-artifact.ts'

const root = dirname(dirname(import.meta.dirname))
const copies: string[] = []

afterEach(async () => {
  for (const copy of copies.splice(0)) await rm(copy, { recursive: true })
})

async function copyOfTheHouse(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'aethel-build-'))
  copies.push(copy)
  for (const path of ['package.json', 'tsconfig.json', 'src']) {
    await cp(join(root, path), join(copy, path), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

async function filesOf(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name))
  return new Map(
    await Promise.all(
      paths.map(async (path) => {
        const text = await readFile(path, 'utf8')
        return [path.slice(directory.length + 1), text] as const
      }),
    ),
  )
}

it('builds the same bytes in two places, and names neither', async () => {
  const [here, there] = [await copyOfTheHouse(), await copyOfTheHouse()]

  const releases = [await buildNodeArtifact(here, join(here, 'dist/node'))]
  // Another Node.js has other exports that nobody here uses.
  Object.assign(process, { [`${'q'.repeat(100_000)}Q`]: true })
  releases.push(await buildNodeArtifact(there, join(there, 'elsewhere')))
  const [first, second] = [
    await filesOf(join(here, 'dist/node')),
    await filesOf(join(there, 'elsewhere')),
  ]

  expect(first.get('node.mjs')?.length).toBeGreaterThan(0)
  expect(second).toEqual(first)
  expect(releases[1]).toBe(releases[0])
  for (const text of first.values()) {
    expect(text).not.toContain(here)
    expect(text).not.toContain(root)
  }
})
