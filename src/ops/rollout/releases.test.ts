import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  everywhere,
  lattice,
  proven,
  release,
  running,
  settings,
  wanted,
} from './fixtures/facts.ts'
import type { Plan } from './plan.ts'
import { planRollback } from './plan-rollback.ts'
import { planRollout } from './plan-rollout.ts'
import type { ProvenRelease } from './plan-releases.ts'
import { PhaseRecord } from './record.ts'
import { FileRecordHost } from './record-host.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aethel-releases-'))
  path = join(folder, 'local/releases.json')
})
afterEach(async () => rm(folder, { recursive: true }))

const on = (letter: string) => everywhere((name) => running(name, letter, 'x'))
const planOf = (letter: string): Plan =>
  planRollout({
    lattice,
    release: release(letter),
    settings: wanted('x'),
    observed: on('z'),
    proven: [],
  })
const record = (): PhaseRecord =>
  new PhaseRecord([new FileRecordHost('here', join(folder, 'local'), { areHoldersHere: true })])
const readProven = async (): Promise<readonly ProvenRelease[]> => (await record().look()).proven
const prove = async (plan: Plan, now: Date): Promise<void> =>
  record().withLock({ command: 'deploy' }, async (held) => held.prove(plan, now))
const at = (second: number) => new Date(second * 1000)
const letters = async (): Promise<string> =>
  (await readProven()).map((one) => `${one.release[1]}${one.isWithdrawn ? '!' : ''}`).join('')

describe('the register on disk', () => {
  it('is empty before the first, then holds what was proven', async () => {
    expect(await readProven()).toEqual([])
    await prove(planOf('a'), at(0))
    const [first] = await readProven()
    expect(first).toEqual({
      release: release('a').id,
      version: 'a.0',
      lattice: 'the lattice',
      provenAt: '1970-01-01T00:00:00.000Z',
      isWithdrawn: false,
      nodes: {
        space: { settings: settings('x'), configDigest: 'configured space' },
        primary: { settings: settings('x'), configDigest: 'configured primary' },
        backup: { settings: settings('x'), configDigest: 'configured backup' },
      },
    })
  })

  it('stays as it is when the same is proven again', async () => {
    await prove(planOf('a'), at(0))
    const before = await readFile(path, 'utf8')
    await prove(planOf('a'), at(9))
    expect(await readFile(path, 'utf8')).toBe(before)
  })

  it('knows what was rolled back from, and nothing of a lattice that runs two releases', async () => {
    for (const letter of ['a', 'b', 'c']) await prove(planOf(letter), at(1))
    const register = await readProven()
    const [, target] = register
    const input = { lattice, observed: on('c'), proven: register }
    const back = planRollback(input, target ?? proven('b', 'x'))
    const one = planRollback({ ...input, only: ['space'] }, target ?? proven('b', 'x'))
    await prove(one, at(2))
    expect(await letters()).toBe('abc')
    await prove(back, at(2))
    expect(await letters()).toBe('abc!')
  })

  it.each(['', '{', '[]', '{"format":2,"proven":[]}'])('is refused as %j', async (text) => {
    await prove(planOf('a'), at(0))
    await writeFile(path, text)
    await expect(readProven()).rejects.toMatchObject({ code: 'releases', exit: 'badInput' })
  })
})
