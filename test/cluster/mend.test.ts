/** Repair and retire with real processes: a damaged store, and the directory that it was. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { healthAnswer, integrityAnswer } from '../../src/wire/api.ts'
import { entriesAnswer } from '../../src/wire/ledger-api.ts'
import { paths } from '../../src/wire/protocol.ts'
import { until } from './cluster.ts'
import { LocalLattice } from './local-lattice.ts'

const NODE = 'node2-diotec360'

interface Mended {
  verdict?: string
  damaged: boolean
  entries_kept: number
  proofs: { verdict: string }[]
  directories: { incarnation: string; entries: number }[]
  retired: { author: string; size: number } | null
  seen: { verdict: string }[]
  error?: { code: string }
}

describe('a node whose store is damaged', () => {
  let lattice: LocalLattice
  let url: string
  const mend = async (...args: string[]): Promise<{ code: number; document: Mended }> => {
    const { code, document } = await lattice.json(...args)
    return { code, document: document as Mended }
  }
  const get = async (path: string): Promise<unknown> => (await fetch(url + path)).json()

  beforeAll(async () => {
    lattice = await LocalLattice.prepare()
    await lattice.deploy()
    url = (await lattice.nodes()).find((node) => node.name === NODE)?.url ?? ''
    for (let turn = 0; turn < 5; turn += 1) {
      const intent = 'intent transfer { from: Alice, to: Bob, amount: 1 }'
      const { code, err } = await lattice.run(
        'submit',
        intent,
        '--node',
        NODE,
        '--wait',
        'replicated:3',
      )
      if (code !== 0) throw new Error(err)
    }
    if ((await lattice.verify()).code !== 0) throw new Error('it does not begin whole')
  })
  afterAll(() => lattice.remove())

  test('is left alone while it is sound, and proven', async () => {
    const { code, document } = await mend('repair', NODE, '--yes')
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { damaged: false, repaired: false, verdict: 'PASS', damaged_file: null },
    })
    expect(document.proofs).toHaveLength(5)
    expect((await mend('retire', NODE)).document.directories).toEqual([])
  })

  test('is repaired from what is sound and from the others, and is proven', async () => {
    const { ledger } = healthAnswer.parse(await get(paths.health))
    const [author = ''] = Object.keys(ledger.frontier)
    const { entries } = entriesAnswer.parse(await get(`${paths.entries}/${author}`))
    const bytes = Buffer.from(entries[0]?.bytes ?? '', 'base64')
    // Reading the whole store brings all of it into the one file first.
    await get(paths.integrity)
    const file = join(lattice.directory, `.lattice/local/nodes/${NODE}/shared/data/ledger.sqlite`)
    const place = readFileSync(file).indexOf(bytes)
    expect(place).toBeGreaterThan(0)
    const open = openSync(file, 'r+')
    writeSync(open, Buffer.from([bytes.at(-1) === 1 ? 2 : 1]), 0, 1, place + bytes.length - 1)
    closeSync(open)
    await until('it finds the damage', 20_000, async () => {
      return !integrityAnswer.parse(await get(paths.integrity)).is_valid
    })
    expect((await lattice.verify()).document.verdict).not.toBe('PASS')
    expect((await mend('repair', NODE)).code).toBe(64)

    const { code, document } = await mend('repair', NODE, '--yes')
    expect(document.proofs.filter((proof) => proof.verdict !== 'PASS')).toEqual([])
    expect({ code, verdict: document.verdict }).toEqual({ code: 0, verdict: 'PASS' })
    // Two other nodes, and three that the last verification saw.
    expect(document.proofs).toHaveLength(5)
    expect(document.entries_kept).toBeGreaterThan(0)
    const triangle = await lattice.verify()
    expect(triangle.document.checks.filter((check) => check.verdict !== 'PASS')).toEqual([])
  })

  test('retires the directory that it lost, and every node heeds it', async () => {
    const { document: listed } = await mend('retire', NODE)
    expect(listed.directories).toHaveLength(1)
    const [old] = listed.directories
    expect(old?.entries).toBeGreaterThanOrEqual(5)
    expect((await mend('retire', NODE, 'ab'.repeat(8), '--yes')).code).toBe(64)

    const { code, document } = await mend('retire', NODE, old?.incarnation ?? '', '--yes')
    expect(document.seen.map((one) => one.verdict)).toEqual(['PASS', 'PASS', 'PASS'])
    expect({ code, size: document.retired?.size }).toEqual({ code: 0, size: old?.entries })
    expect((await mend('retire', NODE)).document.directories).toEqual([])

    // What has ended is still in backups, with the proof that it has.
    const file = join(lattice.directory, 'after.frames')
    expect((await lattice.run('backup', '--out', file)).code).toBe(0)
    expect((await lattice.run('restore', 'node3-backup', '--from', file, '--yes')).code).toBe(0)
    expect((await lattice.verify()).document.verdict).toBe('PASS')
  })
})
