import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chainOf, configOf, keyOf, makeLattice } from '../../test/simulation/members.ts'
import type { SignedEntry } from '../wire/entry.ts'
import { Core } from './replica/core.ts'
import { restoredFrom } from './restore.ts'
import { auditStore } from './store-audit.ts'
import { emptyBatch, Store } from './store/store.ts'

const lattice = makeLattice(2, { isReal: true })
const exchange = { policy: 'auto', httpPollMs: 10_000, heartbeatMs: 5000 } as const
const now = { wallMs: 1_000_000, monoMs: 0 }
const payments = (count: number, to: string): SignedEntry[] =>
  chainOf(
    lattice,
    1,
    Array.from(
      { length: count },
      (_, index) => [index + 1, { kind: 'transfer', from: 'Alice', to, amount: 1 }] as const,
    ),
  )

let directory: string
let store: Store
let core: Core

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-audit-'))
  store = new Store(directory, lattice.id, keyOf(lattice, 0).peerId)
  const config = configOf(lattice, 0, store.incarnation, exchange, (author, seq) =>
    store.entry(author, seq),
  )
  core = new Core(config, restoredFrom(store, null), now)
})
afterEach(() => {
  store.close()
  rmSync(directory, { recursive: true, force: true })
})

const hold = (entries: readonly SignedEntry[]): void => {
  core.step({ kind: 'entries', entries, from: 'b', via: 'P2P' }, now)
}
const keep = (entries: SignedEntry[]): void => store.commit({ ...emptyBatch, entries }, 1)
const audit = (genesis = lattice.genesis): Promise<number> =>
  auditStore({ store, core, genesis, pace: 'now', signal: new AbortController().signal })

describe('a store that is read beside the running work', () => {
  it('is sound when it gives what the process holds', async () => {
    const entries = payments(300, 'Bob')
    hold(entries)
    keep(entries)
    expect(await audit()).toBe(300)
  })

  it('is sound when more came meanwhile', async () => {
    const entries = payments(300, 'Bob')
    hold(entries.slice(0, 299))
    keep(entries.slice(0, 299))
    const audited = audit()
    hold(entries.slice(299))
    keep(entries.slice(299))
    expect(await audited).toBeGreaterThanOrEqual(299)
  })

  it('is corrupt when it holds fewer entries', async () => {
    const entries = payments(3, 'Bob')
    hold(entries)
    keep(entries.slice(0, 2))
    await expect(audit()).rejects.toThrow('fewer entries than this process')
  })

  it('is corrupt when it holds other entries, however sound', async () => {
    hold(payments(3, 'Bob'))
    keep(payments(3, 'Carol'))
    await expect(audit()).rejects.toThrow('entry 0 of author')
  })

  it('is corrupt when another state comes of the same entries', async () => {
    const entries = payments(3, 'Bob')
    hold(entries)
    keep(entries)
    const other = new Map(lattice.genesis.entries().map(([name, balance]) => [name, balance + 1]))
    await expect(audit(other)).rejects.toThrow('another state')
  })
})
