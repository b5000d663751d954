import { hash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { manifestSchema, RELEASE_ID } from '../wire/manifest.ts'
import { writeManifest } from './manifest.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'aethel-manifest-'))
  await mkdir(join(directory, 'page/assets'), { recursive: true })
  await writeFile(join(directory, 'page/index.html'), '<p>é</p>')
  await writeFile(join(directory, 'page/assets/a.css'), '')
  await writeFile(join(directory, 'node.mjs'), 'export {}\n')
})

afterEach(() => rm(directory, { recursive: true }))

const written = () => readFile(join(directory, 'manifest.json'), 'utf8')

it('lists every file in order, and names the release by its own bytes', async () => {
  const release = await writeManifest(directory, '1.2.3')

  expect(manifestSchema.parse(JSON.parse(await written()))).toEqual({
    format: 1,
    name: 'aethel-lattice-node',
    version: '1.2.3',
    entry: 'node.mjs',
    engine: '>=22.22.2',
    protocols: [1],
    flags: ['--max-semi-space-size=4'],
    files: [
      { path: 'node.mjs', bytes: 10, sha256: hash('sha256', 'export {}\n') },
      { path: 'page/assets/a.css', bytes: 0, sha256: hash('sha256', '') },
      { path: 'page/index.html', bytes: 9, sha256: hash('sha256', '<p>é</p>') },
    ],
  })
  expect(release).toMatch(RELEASE_ID)
  expect(release).toBe(`r${hash('sha256', await written()).slice(0, 12)}`)
})

it('is canonical JSON: keys in order at every depth, no white space', async () => {
  await writeManifest(directory, '1.2.3')

  expect(await written()).toMatch(/^\{"engine":"[^"]*","entry":"node.mjs","files":\[\{"bytes":10,/)
  expect(await written()).toMatch(
    /\],"format":1,"name":"[^"]*","protocols":\[1\],"version":"1.2.3"\}$/,
  )
})

it('gives the same bytes when it is written again', async () => {
  const release = await writeManifest(directory, '1.2.3')
  const bytes = await written()

  expect(await writeManifest(directory, '1.2.3')).toBe(release)
  expect(await written()).toBe(bytes)
  expect(await writeManifest(directory, '1.2.4')).not.toBe(release)
})

it('refuses what a Space would not take', async () => {
  await writeFile(join(directory, 'icon.png'), Buffer.from([0x89, 0x50, 0xff]))
  await expect(writeManifest(directory, '1.2.3')).rejects.toThrow('icon.png is not text')

  await writeFile(join(directory, 'icon.png'), Buffer.alloc(10 * 1024 * 1024, ' '))
  await expect(writeManifest(directory, '1.2.3')).rejects.toThrow('icon.png has 10485760 bytes')
})
