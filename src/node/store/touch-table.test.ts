import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { authorOf, chainOf } from '../../../test/simulation/members.ts'
import { compareEntries, type SignedEntry } from '../../wire/entry.ts'
import type { Intent } from '../../wire/intent.ts'
import { Directory, emptyBatch, lattice } from './store.fixture.ts'
import type { Store } from './store.ts'

const ACCOUNTS = ['Alice', 'Bob', 'Carol'] as const
const ENTRIES = 700

/** Transfers between accounts in turn, and now and then one that names none. */
const intentOf = (seq: number): Intent => {
  const [from, to] = [ACCOUNTS[seq % 3] ?? '', ACCOUNTS[(seq + 1) % 3] ?? '']
  return seq % 7 === 6
    ? { kind: 'noop', note: `${seq}` }
    : { kind: 'transfer', from, to, amount: 1 }
}
/** Two members write at the same time. */
const logs = [0, 1].map((index) =>
  chainOf(
    lattice,
    index,
    Array.from({ length: ENTRIES }, (_, seq) => [2 * seq + index + 1, intentOf(seq)] as const),
  ),
)

/** What the account's history is, by looking at every entry. */
const historyOf = (account: string, entries: readonly SignedEntry[]): string[] =>
  entries
    .map(({ entry }) => entry)
    .filter(({ intent }) => Object.values(intent).includes(account))
    .toSorted((a, b) => compareEntries(b, a))
    .map(({ author, seq }) => `${author}:${seq}`)

/** The same as the store tells it, a few at a time. */
function pagesOf(store: Store, account: string, limit: number): string[] {
  const found: string[] = []
  for (let before = null, isEnd = false; !isEnd;) {
    const page = store.history(account, before, limit)
    found.push(...page.map(({ author, seq }) => `${author}:${seq}`))
    before = page.at(-1) ?? null
    isEnd = before === null
  }
  return found
}

type Act =
  | { kind: 'append'; log: number; count: number }
  | { kind: 'reopen' }
  /** A log ends at this part of its size. */
  | { kind: 'cut'; log: number; part: number }

let directory: Directory
beforeEach(() => {
  directory = new Directory()
})
afterEach(() => directory[Symbol.dispose]())

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      log: fc.nat(1),
      count: fc.integer({ min: 1, max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      log: fc.nat(1),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
)

/** The table reached beyond where the log ended for a while. */
const CUT_AND_GROWN: Act[] = [
  { kind: 'append', log: 0, count: 300 },
  { kind: 'cut', log: 0, part: 0.3 },
  { kind: 'append', log: 0, count: 100 },
  { kind: 'reopen' },
]

it('an account’s history is that of all entries, however they came and wherever a log was cut', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), fc.constantFrom(3, 1000), (acts, limit) => {
      using own = new Directory()
      let store = own.store()
      const held: SignedEntry[][] = [[], []]
      for (const one of acts) {
        if (one.kind === 'reopen') {
          store.close()
          store = own.store()
          continue
        }
        const log = held[one.log] ?? []
        if (one.kind === 'append') {
          const entries = (logs[one.log] ?? []).slice(log.length, log.length + one.count)
          store.commit({ ...emptyBatch, entries }, 1)
          log.push(...entries)
        } else {
          const size = Math.floor(log.length * one.part)
          const author = authorOf(lattice, one.log)
          if (log.length > 0) store.commit({ ...emptyBatch, cuts: [{ author, size }] }, 1)
          log.length = size
        }
      }
      for (const account of ACCOUNTS)
        expect(pagesOf(store, account, limit)).toEqual(historyOf(account, held.flat()))
    }),
    { numRuns: 25, examples: [[CUT_AND_GROWN, 1000]] },
  )
})

it('a transaction that failed leaves nothing of itself in any history', () => {
  const store = directory.store()
  const [log = []] = logs
  store.commit({ ...emptyBatch, entries: log.slice(0, 4) }, 1)
  // An entry that is there already ends the transaction.
  const twice = { ...emptyBatch, entries: [...log.slice(4, 8), ...log.slice(0, 1)] }
  expect(() => store.commit(twice, 1)).toThrow('cannot write')
  expect(pagesOf(store, 'Alice', 100)).toEqual(historyOf('Alice', log.slice(0, 4)))
})

it('nor does one that failed after its entries went into the table', () => {
  const store = directory.store()
  const [log = []] = logs
  store.commit({ ...emptyBatch, entries: log.slice(0, 200) }, 1)
  const events = [{ kind: 'store', message: null as unknown as string, data: {} }] as const
  const entries = log.slice(200, 300)
  expect(() => store.commit({ ...emptyBatch, entries, events: [...events] }, 1)).toThrow(
    'cannot write',
  )
  expect(pagesOf(store, 'Alice', 100)).toEqual(historyOf('Alice', log.slice(0, 200)))
  store.commit({ ...emptyBatch, entries }, 1)
  expect(pagesOf(store, 'Alice', 100)).toEqual(historyOf('Alice', log.slice(0, 300)))
})

it('a store that is closed has put every entry into the table, for a release that looks nowhere else', () => {
  const [log = []] = logs
  const store = directory.store()
  store.commit({ ...emptyBatch, entries: log.slice(0, 100) }, 1)
  store.close()
  using database = new DatabaseSync(directory.file)
  const row = database.prepare(`SELECT count(*) AS count FROM touch WHERE account = 'Bob'`).get()
  expect(row).toEqual({ count: historyOf('Bob', log.slice(0, 100)).length })
})

it('of a directory whose every commit put its entries into the table, none is missed or told twice', () => {
  const [log = []] = logs
  const store = directory.store()
  store.commit({ ...emptyBatch, entries: log.slice(0, 300) }, 1)
  store.close()
  directory.edit(`DELETE FROM meta WHERE key LIKE 'touched%'`)
  const later = directory.store()
  later.commit({ ...emptyBatch, entries: log.slice(300, 310) }, 1)
  expect(pagesOf(later, 'Bob', 7)).toEqual(historyOf('Bob', log.slice(0, 310)))
  later.close()
  expect(pagesOf(directory.store(), 'Bob', 7)).toEqual(historyOf('Bob', log.slice(0, 310)))
})

it.each(['590', '310', '0', '-1', '1.5', 'x', '9999999'])(
  'nor where the reach that is noted is %s, as an older release or damage leaves it',
  (reach) => {
    const [log = []] = logs
    const store = directory.store()
    store.commit({ ...emptyBatch, entries: log.slice(0, 600) }, 1)
    store.close()
    directory.edit(`UPDATE meta SET value = '${reach}' WHERE key LIKE 'touched:%'`)
    const later = directory.store()
    expect(pagesOf(later, 'Bob', 7)).toEqual(historyOf('Bob', log.slice(0, 600)))
    expect(later.history('Bob', null, 3)).toHaveLength(3)
  },
)

it('an entry that cannot be read is for the audit to tell, not for who opens the table', () => {
  const [log = []] = logs
  const store = directory.store()
  store.commit({ ...emptyBatch, entries: log.slice(0, 50) }, 1)
  store.close()
  directory.edit(
    `UPDATE meta SET value = '0' WHERE key LIKE 'touched:%'`,
    `UPDATE entry SET bytes = zeroblob(9) WHERE seq = 20`,
  )
  const later = directory.store()
  expect(() => [...later.audited('newest')]).toThrow(
    expect.objectContaining({ code: 'corrupt', message: expect.stringContaining('entry 20') }),
  )
})
