/** Backup and restore with real processes: under load, after losing every disk, and killed midway. */
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { healthAnswer } from '../../src/wire/api.ts'
import { paths } from '../../src/wire/protocol.ts'
import { until } from './cluster.ts'
import { LocalLattice } from './local-lattice.ts'

interface Backed {
  entries: number
  authors: number
  bytes: number
  root: string
}

interface Restored {
  verdict: string
  missing: number
  brought: number
  proofs: { about: string; verdict: string; message: string }[]
  unchecked: string[]
}

const INTENTS = 64
const transfers = Array.from(
  { length: INTENTS },
  (_, index) => `intent transfer { from: Alice, to: Carol, amount: ${index + 1} }`,
).join('\n')

async function write(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code: transfers }),
  })
  return ((await answer.json()) as { success: boolean }).success
}

/** Writes to every node in turn, as fast as they answer, until it is stopped. */
class Load {
  readonly #done: Promise<number>
  #isStopped = false

  constructor(urls: readonly string[]) {
    this.#done = this.#run(urls)
  }

  /** How many entries were accepted. */
  async stop(): Promise<number> {
    this.#isStopped = true
    return this.#done
  }

  async #run(urls: readonly string[]): Promise<number> {
    let written = 0
    for (let turn = 0; !this.#isStopped; turn += 1) {
      if (await write(urls[turn % urls.length] ?? '')) written += INTENTS
    }
    return written
  }
}

async function balancesAt(url: string): Promise<unknown> {
  const answer = await fetch(`${url}/api/lattice/state`)
  const { state, state_root } = (await answer.json()) as { state: object; state_root: string }
  return { state, state_root }
}

describe('a lattice that loses all its disks', () => {
  let lattice: LocalLattice
  let urls: string[]
  let balances: unknown
  let written = 0
  const path = (name: string): string => join(lattice.directory, name)

  const backup = async (file: string, ...args: string[]) => {
    const { code, document } = await lattice.json('backup', ...args, '--out', path(file))
    return { code, document: document as Backed }
  }
  const restore = async (file: string, ...args: string[]) => {
    const { code, document } = await lattice.json('restore', ...args, '--from', path(file), '--yes')
    return { code, document: document as Restored & { error?: { code: string } } }
  }

  /** Every node's data directory is gone, and its process with it; the supervisors start new ones. */
  const loseAllDisks = async (): Promise<void> => {
    const before = await lattice.nodes()
    for (const { name, pid } of before) {
      const data = join(lattice.directory, '.lattice/local/nodes', name, 'shared/data')
      rmSync(data, { recursive: true })
      process.kill(pid, 'SIGKILL')
    }
    await until('all are back, and empty', 30_000, async () => {
      const counts = await Promise.all(
        before.map(async ({ url }) => {
          const { ledger } = healthAnswer.parse(await (await fetch(`${url}${paths.health}`)).json())
          return ledger.merkle_root === null ? Number.POSITIVE_INFINITY : ledger.entries
        }),
      )
      return counts.every((count) => count === 0)
    })
  }

  beforeAll(async () => {
    lattice = await LocalLattice.prepare()
    await lattice.deploy()
    urls = (await lattice.nodes()).map((node) => node.url)
  })
  afterAll(() => lattice.remove())

  test('is backed up while it is written to', async () => {
    const writers = new Load(urls)
    await until('there is something', 60_000, async () => {
      const { ledger } = healthAnswer.parse(await (await fetch(`${urls[0]}${paths.health}`)).json())
      return ledger.entries > 3000
    })
    const early = await backup('early.frames', 'node2-diotec360')
    written = await writers.stop()
    expect(early.code).toBe(0)
    expect(early.document.entries).toBeGreaterThan(3000)
    expect((await lattice.verify()).document.verdict).toBe('PASS')
    const whole = await backup('whole.frames', 'node3-backup')
    expect(whole).toMatchObject({ code: 0, document: { authors: 3, lacking: [], silent: [] } })
    expect(whole.document.entries).toBeGreaterThanOrEqual(written)
    balances = await balancesAt(urls[0] ?? '')
    expect(await backup('whole.frames')).toMatchObject({ code: 65 })
  })

  test('killed in the middle of a backup leaves no file that looks like one', async () => {
    const child = lattice.start('backup', '--out', path('killed.frames'))
    await until('it is being written', 20_000, () =>
      readdirSync(lattice.directory).some((name) => name.startsWith('.unfinished-')),
    )
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(readdirSync(lattice.directory)).not.toContain('killed.frames')
    expect((await backup('killed.frames')).code).toBe(0)
  })

  test('refuses a file that was cut, edited, or is another lattice’s', async () => {
    const whole = readFileSync(path('whole.frames'))
    writeFileSync(path('cut.frames'), whole.subarray(0, whole.length - 1000))
    const edited = Buffer.from(whole)
    const middle = whole.length >> 1
    edited[middle] = (edited[middle] ?? 0) ^ 1
    writeFileSync(path('edited.frames'), edited)
    for (const file of ['cut.frames', 'edited.frames']) {
      const { code, document } = await restore(file)
      expect([file, code, document.error?.code]).toEqual([file, 65, 'bad-backup'])
    }
    const other = await LocalLattice.prepare((yaml) =>
      yaml.replace(/^( {2}name:) aethel$/m, '$1 other'),
    )
    try {
      await other.deploy()
      const foreign = await other.json('restore', '--from', path('whole.frames'), '--yes')
      expect(foreign).toMatchObject({ code: 65, document: { error: { code: 'foreign-backup' } } })
    } finally {
      await other.remove()
    }
  })

  test('starts empty, and an older backup is not passed off as everything', async () => {
    await loseAllDisks()
    const dry = await lattice.json('restore', '--from', path('early.frames'), '--dry-run')
    expect(dry).toMatchObject({ code: 0, document: { brought: 0 } })
    const { code, document } = await restore('early.frames', 'node1-huggingface')
    expect([code, document.verdict]).toEqual([1, 'FAIL'])
    expect(document.brought).toBe(document.missing)
    expect(document.proofs[0]).toMatchObject({ about: 'the backup', verdict: 'PASS' })
    expect(document.proofs.slice(1).map((proof) => proof.verdict)).toEqual(['FAIL', 'FAIL', 'FAIL'])
  })

  test('is restored although the restore is killed midway, and is proven to be whole', async () => {
    await loseAllDisks()
    const child = lattice.start(
      'restore',
      'node2-diotec360',
      '--from',
      path('whole.frames'),
      '--yes',
    )
    let said = ''
    for await (const chunk of child.stderr) {
      said += String(chunk)
      if (/\d+ of \d+ entries brought/.test(said)) break
    }
    child.kill('SIGKILL')
    await once(child, 'close')

    const { code, document } = await restore('whole.frames', 'node2-diotec360')
    expect(document.proofs.filter((proof) => proof.verdict !== 'PASS')).toEqual([])
    expect({ code, verdict: document.verdict }).toEqual({ code: 0, verdict: 'PASS' })
    expect(document.proofs).toHaveLength(4)
    expect(document.brought).toBeGreaterThan(0)
    expect(document.brought).toBeLessThan(written)

    await until('all nodes hold it', 30_000, async () => {
      const found = await Promise.all(urls.map(balancesAt))
      return found.every((one) => JSON.stringify(one) === JSON.stringify(balances))
    })
    const { document: triangle } = await lattice.verify()
    expect(triangle.checks.filter((check) => check.verdict !== 'PASS')).toEqual([])
    expect(triangle.verdict).toBe('PASS')
    expect(await Promise.all(urls.map(balancesAt))).toEqual([balances, balances, balances])

    const again = await restore('whole.frames', 'node3-backup')
    expect(again).toMatchObject({ code: 0, document: { missing: 0, brought: 0, verdict: 'PASS' } })
  })
})
