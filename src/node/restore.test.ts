import * as fc from 'fast-check'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorOf, chainOf, keyOf, makeLattice } from '../../test/simulation/members.ts'
import type { SignedEntry } from '../wire/entry.ts'
import { totalOf } from '../wire/frontier.ts'
import { verifySignature } from '../wire/signature.ts'
import type { CoreConfig, CoreEvent, Ready } from './replica/contract.ts'
import { Core } from './replica/core.ts'
import { isCorruption, restoredFrom, snapshotIn } from './restore.ts'
import { Store } from './store/store.ts'

const lattice = makeLattice(3, { isReal: true })
const key = keyOf(lattice, 0)
const BOUNDS = { openMax: 6, snapshotEntries: 4 }
/** More than any of these tests has late entries. */
const REBUILDS_MAX = 100

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-restore-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** A core on a real store, with bounds so small that everything is folded and kept soon. */
class Bench {
  readonly store: Store
  readonly core: Core
  readonly usedSnapshot: boolean
  #monoMs = 0
  #rebuilds = 0

  constructor(path: string) {
    this.store = new Store(path, lattice.id, key.peerId)
    const config: CoreConfig = {
      lattice: lattice.id,
      genesis: lattice.genesis,
      publicKey: key.publicKey,
      incarnation: this.store.incarnation,
      others: new Map(lattice.keys.slice(1).map((one) => [one.peerId, one.publicKey])),
      exchange: { policy: 'auto', httpPollMs: 10_000, heartbeatMs: 5000 },
      sign: key.sign,
      verify: verifySignature,
      stored: (author, seq) => this.store.entry(author, seq),
      bounds: BOUNDS,
    }
    const snapshot = snapshotIn(this.store, { ...key, lattice: lattice.id })
    this.usedSnapshot = snapshot !== null
    this.core = new Core(config, restoredFrom(this.store, snapshot), this.now())
  }

  now(): { wallMs: number; monoMs: number } {
    this.#monoMs += 1
    return { wallMs: 1_000_000 + this.#monoMs, monoMs: this.#monoMs }
  }

  /** Makes a step durable; what it asks for is left to the caller. */
  commit(event: CoreEvent): Ready['outputs'] {
    const { outputs, snapshot, ...rest }: Ready = this.core.step(event, this.now())
    this.store.commit({ ...rest, snapshots: snapshot === null ? [] : [snapshot] }, 1)
    return outputs
  }

  step(event: CoreEvent): void {
    for (const output of this.commit(event))
      if (output.kind === 'rebuild') this.rebuild(output.beforeHlc)
  }

  rebuild(beforeHlc: number): void {
    this.#rebuilds += 1
    if (this.#rebuilds > REBUILDS_MAX) throw new Error('the state is made anew again and again')
    const snapshot = snapshotIn(this.store, { ...key, lattice: lattice.id }, beforeHlc)
    const frontier = this.core.logs.frontier()
    this.step({ kind: 'rebuild-begin', snapshot, frontier })
    const entries = [...this.store.between(snapshot?.folded.sizes ?? new Map(), frontier)]
    this.step({ kind: 'rebuild-entries', entries })
    this.step({ kind: 'rebuild-end' })
  }

  receive(entries: readonly SignedEntry[]): void {
    this.step({ kind: 'entries', entries, from: 'b', via: 'P2P' })
  }

  outcomesOf(entries: readonly SignedEntry[]): (string | undefined)[] {
    return entries.map(({ entry }) => this.core.receiptOf(entry.author, entry.seq, 0)?.outcome)
  }

  get facts(): unknown {
    const { logs, ledger } = this.core
    return {
      root: logs.root(),
      stateRoot: ledger.accounts.root(),
      rejected: ledger.rejectedCount,
      seals: logs.seals,
    }
  }
}

const payment = fc.record({
  kind: fc.constant('transfer' as const),
  from: fc.constant('Alice'),
  to: fc.constantFrom('Bob', 'Carol'),
  amount: fc.integer({ min: 1, max: 200 }),
})
const log = (index: number): fc.Arbitrary<SignedEntry[]> =>
  fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), payment), { maxLength: 14 }).map((steps) => {
    let hlc = 0
    return chainOf(
      lattice,
      index,
      steps.map(([step, one]) => [(hlc += step), one] as const),
    )
  })
/** A few entries of one of two authors, or a restart. */
const turn = fc.oneof(
  { weight: 4, arbitrary: fc.record({ index: fc.nat(1), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
)

describe('a node that starts again', () => {
  it('is what it was, from a state that it kept and what came after it', () => {
    let bench = new Bench(directory)
    const entries = chainOf(
      lattice,
      1,
      Array.from(
        { length: 40 },
        (_, index) =>
          [index + 1, { kind: 'transfer', from: 'Alice', to: 'Bob', amount: 30 }] as const,
      ),
    )
    for (let size = 0; size < entries.length; size += 10) {
      for (const entry of entries.slice(size, size + 10)) bench.receive([entry])
      const { facts } = bench
      const outcomes = bench.outcomesOf(entries)
      bench.store.close()
      bench = new Bench(directory)
      expect(bench.usedSnapshot).toBe(true)
      expect(bench.facts).toEqual(facts)
      expect(bench.outcomesOf(entries)).toEqual(outcomes)
    }
    expect(bench.outcomesOf(entries).filter((outcome) => outcome === 'rejected')).toHaveLength(7)
    bench.store.close()
  })

  it('goes on from an older state when it was killed while a late entry had it made anew', () => {
    const noop = { kind: 'noop', note: '' } as const
    const entries = chainOf(
      lattice,
      1,
      Array.from({ length: 40 }, (_, index) => [10 * (index + 1), noop] as const),
    )
    const [late] = chainOf(lattice, 2, [[125, noop]]) as [SignedEntry]
    const killed = new Bench(directory)
    for (const entry of entries.slice(0, 20)) killed.receive([entry])
    const wanted = killed.commit({ kind: 'entries', entries: [late], from: 'b', via: 'P2P' })
    expect(wanted.some(({ kind }) => kind === 'rebuild')).toBe(true)
    killed.store.close()
    const bench = new Bench(directory)
    expect(bench.usedSnapshot).toBe(true)
    for (const entry of entries.slice(20)) bench.receive([entry])
    const { facts } = bench
    bench.store.close()
    const again = new Bench(directory)
    expect(again.usedSnapshot).toBe(true)
    expect(again.facts).toEqual(facts)
    again.store.close()
    const fresh = new Bench(mkdtempSync(join(directory, 'fresh-')))
    fresh.receive([...entries, late])
    expect(fresh.facts).toEqual(facts)
    fresh.store.close()
  })

  it('is what it was, from whatever it kept, however late entries came', () => {
    let snapshotsUsed = 0
    fc.assert(
      fc.property(log(1), log(2), fc.array(turn, { maxLength: 14 }), (one, two, turns) => {
        const path = mkdtempSync(join(directory, 'run-'))
        let bench = new Bench(path)
        const queues = [[...one], [...two]]
        for (const next of [...turns, { index: 0, count: 99 }, { index: 1, count: 99 }]) {
          if (next !== 'restart') {
            bench.receive(queues[next.index]?.splice(0, next.count) ?? [])
            continue
          }
          const { facts } = bench
          bench.store.close()
          bench = new Bench(path)
          snapshotsUsed += bench.usedSnapshot ? 1 : 0
          expect(bench.facts).toEqual(facts)
        }
        const fresh = new Bench(mkdtempSync(join(directory, 'run-')))
        fresh.receive([...one, ...two])
        expect(bench.facts).toEqual(fresh.facts)
        bench.store.close()
        fresh.store.close()
      }),
      { numRuns: 60 },
    )
    expect(snapshotsUsed).toBeGreaterThan(0)
  })

  it('keeps few snapshots of a long history, and the history of every account', () => {
    const bench = new Bench(directory)
    const entries = chainOf(
      lattice,
      1,
      Array.from(
        { length: 300 },
        (_, index) =>
          [
            index + 1,
            { kind: 'transfer', from: 'Alice', to: index % 3 === 0 ? 'Carol' : 'Bob', amount: 1 },
          ] as const,
      ),
    )
    for (const entry of entries) bench.receive([entry])
    const database = (sql: string): unknown[] => {
      bench.store.close()
      const raw = new DatabaseSync(join(directory, 'ledger.sqlite'))
      const rows = raw.prepare(sql).all()
      raw.close()
      return rows
    }
    const page = bench.store.history('Carol', null, 3)
    expect(page.map(({ seq }) => seq)).toEqual([297, 294, 291])
    const before = { hlc: 292, author: authorOf(lattice, 1), seq: 291 }
    expect(bench.store.history('Carol', before, 2).map(({ seq }) => seq)).toEqual([288, 285])
    const kept = database('SELECT number FROM snapshot')
    expect(kept.length).toBeGreaterThan(2)
    expect(kept.length).toBeLessThan(16)
  })

  it('reads everything again when what it kept was changed, and never trusts it', () => {
    const bench = new Bench(directory)
    const entries = chainOf(
      lattice,
      1,
      Array.from({ length: 40 }, (_, index) => [index + 1, { kind: 'noop', note: '' }] as const),
    )
    for (const entry of entries) bench.receive([entry])
    const { facts } = bench
    bench.store.close()
    const edits = [
      `UPDATE snapshot SET signature = zeroblob(64)`,
      `UPDATE snapshot SET bytes = x'00'`,
      `UPDATE leaves SET hashes = zeroblob(length(hashes))`,
      `DELETE FROM leaves`,
    ]
    for (const edit of edits) {
      const path = mkdtempSync(join(directory, 'edited-'))
      const file = join(path, 'ledger.sqlite')
      copyFileSync(join(directory, 'ledger.sqlite'), file)
      const raw = new DatabaseSync(file)
      raw.exec(`BEGIN; ${edit}`)
      raw.exec('COMMIT')
      raw.close()
      let found: unknown
      try {
        const again = new Bench(path)
        found = again.usedSnapshot ? 'used' : again.facts
        again.store.close()
      } catch (error) {
        found = isCorruption(error) ? facts : error
      }
      expect({ edit, found }).toEqual({ edit, found: facts })
    }
  })

  it('knows the end of a log that was folded, and holds nothing behind it', () => {
    const bench = new Bench(directory)
    const chain = (from: number, note: string): SignedEntry[] =>
      chainOf(
        lattice,
        1,
        Array.from({ length: 40 }, (_, index) => [from + index, { kind: 'noop', note }] as const),
      )
    const told = chain(1, 'one')
    for (const entry of told) bench.receive([entry])
    const [first] = told as [SignedEntry]
    const other = chainOf(lattice, 1, [[2, { kind: 'noop', note: 'two' }]], { after: [first] })
    bench.receive(other)
    expect(totalOf(bench.core.logs.frontier())).toBe(1)
    const { facts } = bench
    bench.store.close()
    const again = new Bench(directory)
    expect(again.facts).toEqual(facts)
    expect([...again.store.audited('all')]).toHaveLength(1)
    again.store.close()
  })
})
