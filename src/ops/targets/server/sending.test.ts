import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sendMissing, type SentRelease } from './sending.ts'

let home = ''
let dir = ''
let release: SentRelease

const contents = { 'node.mjs': 'export {}\n'.repeat(20_000), 'other.txt': 'other' }

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'aethel-sending-'))
  dir = join(home, 'node')
  mkdirSync(dir)
  const files = Object.entries(contents).map(([path, text]) => {
    writeFileSync(join(dir, path), text)
    return { path, bytes: text.length, sha256: hash('sha256', text) }
  })
  release = { dir, manifest: { files } }
})

afterEach(() => rmSync(home, { recursive: true, force: true }))

const digestOf = (path: string): string =>
  release.manifest.files.find((file) => file.path === path)?.sha256 ?? ''

/** What arrives at a host that says what it lacks; it may stop to listen. */
async function arrivalAt(missing: string[], { chunksMax = Infinity } = {}): Promise<Buffer> {
  const arrived: Uint8Array[] = []
  const events = (async function* () {
    yield { missing }
  })()
  const send = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of bytes) {
      arrived.push(chunk)
      if (arrived.length === chunksMax) return
    }
  }
  await sendMissing({ events, send }, release)
  return Buffer.concat(arrived)
}

it('sends each host what it lacks, in the order in which it says so', async () => {
  const [node, other] = [digestOf('node.mjs'), digestOf('other.txt')]
  const text = contents['node.mjs']
  const arrivals = await Promise.all([arrivalAt([node, other]), arrivalAt([other, node])])
  expect(arrivals.map((bytes) => zstdDecompressSync(bytes).toString())).toEqual([
    `${text}other`,
    `other${text}`,
  ])
})

it('reads once what several hosts lack, and again gives all of it to one that was cut off', async () => {
  const missing = [digestOf('node.mjs')]
  const [whole] = await Promise.all([arrivalAt(missing), arrivalAt(missing, { chunksMax: 1 })])
  for (const path of ['node.mjs', 'other.txt']) rmSync(join(dir, path))
  expect((await arrivalAt(missing)).equals(whole)).toBe(true)
  await expect(arrivalAt([digestOf('node.mjs'), digestOf('other.txt')])).rejects.toThrow(
    'other.txt',
  )
})

it('sends what the build packed as it is, and packs the rest and what was not packed whole', async () => {
  mkdirSync(join(home, 'packed'))
  const packed = zstdCompressSync(contents['other.txt'])
  writeFileSync(join(home, 'packed', `${digestOf('other.txt')}.zst`), packed)
  const half = zstdCompressSync(contents['node.mjs']).subarray(0, 100)
  writeFileSync(join(home, 'packed', `${digestOf('node.mjs')}.zst`), half)
  rmSync(join(dir, 'other.txt'))
  const arrived = await arrivalAt([digestOf('other.txt'), digestOf('node.mjs')])
  expect(arrived.subarray(0, packed.length).equals(packed)).toBe(true)
  expect(zstdDecompressSync(arrived).toString()).toBe(`other${contents['node.mjs']}`)
})

it('packs again what could not be read before', async () => {
  rmSync(join(dir, 'other.txt'))
  const missing = [digestOf('other.txt')]
  await expect(arrivalAt(missing)).rejects.toThrow('other.txt')
  writeFileSync(join(dir, 'other.txt'), contents['other.txt'])
  expect(zstdDecompressSync(await arrivalAt(missing)).toString()).toBe('other')
})
