import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chainOf, makeLattice } from '../../../test/simulation/members.ts'
import { compareEntries, type Entry, type SignedEntry } from '../../wire/entry.ts'
import type { Intent } from '../../wire/intent.ts'
import { Accounts, type Rejection } from './accounts.ts'
import { Ledger } from './ledger.ts'

const genesis = new Map([
  ['Alice', 100],
  ['Bob', 50],
])
const lattice = makeLattice(3)
const noop: Intent = { kind: 'noop', note: '' }
/** Nothing is folded before it is final. */
const unread = (): number => {
  throw new Error('no clock is read from the store')
}

const name = fc.constantFrom('Alice', 'Bob', 'Carol', 'Dora')
const intent: fc.Arbitrary<Intent> = fc.oneof(
  fc
    .record({
      kind: fc.constant('transfer' as const),
      from: name,
      to: name,
      amount: fc.integer({ min: 1, max: 120 }),
    })
    .filter(({ from, to }) => from !== to),
  fc.record({
    kind: fc.constant('issue' as const),
    to: name,
    amount: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(Number.MAX_SAFE_INTEGER - 160)),
  }),
  fc.constant(noop),
)

/** Three authors' logs, their clocks close to each other; equal clocks of two authors do occur. */
const logs: fc.Arbitrary<SignedEntry[][]> = fc
  .tuple(
    ...[0, 1, 2].map(() =>
      fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), intent), { maxLength: 8 }),
    ),
  )
  .map((all) =>
    all.map((steps, index) => {
      let hlc = 0
      return chainOf(
        lattice,
        index,
        steps.map(([step, one]) => [(hlc += step), one] as const),
      )
    }),
  )

/** Which author comes next, over and over: any arrival order that keeps each author's own. */
const turns = fc.infiniteStream(fc.integer({ min: 0, max: 2 }))

function arrivalOf(all: readonly SignedEntry[][], order: Stream): SignedEntry[] {
  const queues = all.map((log) => [...log])
  const arrival: SignedEntry[] = []
  while (queues.some((queue) => queue.length > 0)) {
    const next = queues[order.next().value]?.shift()
    if (next !== undefined) arrival.push(next)
  }
  return arrival
}
type Stream = fc.Stream<number>

/** What the ledger must come to: sort everything, then apply one by one to plain balances. */
function replay(entries: readonly Entry[]): {
  balances: Map<string, number>
  outcomes: Map<string, Rejection | null>
} {
  const balances = new Map<string, number>(genesis)
  const outcomes = new Map<string, Rejection | null>()
  for (const { author, seq, intent: one } of entries.toSorted(compareEntries)) {
    const total = [...balances.values()].reduce((sum, each) => sum + BigInt(each), 0n)
    const add = (account: string, amount: number): void => {
      balances.set(account, (balances.get(account) ?? 0) + amount)
    }
    let rejection: Rejection | null = null
    if (one.kind === 'issue') {
      if (total + BigInt(one.amount) > BigInt(Number.MAX_SAFE_INTEGER)) rejection = 'limit'
      else add(one.to, one.amount)
    } else if (one.kind === 'transfer') {
      const held = balances.get(one.from)
      if (held === undefined) rejection = 'unknown-account'
      else if (held < one.amount) rejection = 'overdraft'
      else {
        add(one.from, -one.amount)
        add(one.to, one.amount)
      }
    }
    outcomes.set(`${author}:${seq}`, rejection)
  }
  return { balances, outcomes }
}

function expectIs(ledger: Ledger, entries: readonly Entry[]): void {
  const { balances, outcomes } = replay(entries)
  const sorted = new Map([...balances].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  expect(ledger.accounts.sorted()).toEqual(sorted)
  expect(ledger.accounts.size).toBe(balances.size)
  expect(ledger.accounts.total).toBe([...balances.values()].reduce((sum, each) => sum + each, 0))
  expect(ledger.accounts.root()).toBe(new Accounts(balances).root())
  for (const { author, seq } of entries) {
    const expected = outcomes.get(`${author}:${seq}`) ?? null
    expect(ledger.outcomeOf(author, seq)?.rejection).toBe(expected)
  }
  const rejected = [...outcomes.values()].filter((one) => one !== null).length
  expect(ledger.rejectedCount).toBe(rejected)
}

const entriesOf = (signed: readonly SignedEntry[]): Entry[] => signed.map((one) => one.entry)

describe('the ledger is a function of the set of entries', () => {
  it('whatever the order of arrival and however it was batched', () => {
    fc.assert(
      fc.property(
        logs,
        turns,
        fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
        (all, order, cuts) => {
          const arrival = arrivalOf(all, order)
          const ledger = new Ledger(genesis, unread)
          for (let at = 0; at < arrival.length;) {
            const size = cuts.next().value
            expect(ledger.insert(arrival.slice(at, at + size))).toBe(true)
            at += size
          }
          expectIs(ledger, entriesOf(arrival))
          expect(ledger.pendingFinal).toBe(arrival.length)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('at every moment, not only at the end', () => {
    fc.assert(
      fc.property(logs, turns, (all, order) => {
        const ledger = new Ledger(genesis, unread)
        const arrived: SignedEntry[] = []
        for (const one of arrivalOf(all, order)) {
          ledger.insert([one])
          arrived.push(one)
          expectIs(ledger, entriesOf(arrived))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('settled or not: finality never changes an outcome, nor the state', () => {
    fc.assert(
      fc.property(logs, turns, fc.infiniteStream(fc.boolean()), (all, order, settles) => {
        const arrival = arrivalOf(all, order)
        const ledger = new Ledger(genesis, unread)
        const final = new Map<SignedEntry, Rejection | null>()
        for (const [index, one] of arrival.entries()) {
          expect(ledger.insert([one])).toBe(true)
          if (!settles.next().value) continue
          // The highest sound floor: nothing that is still to come is below it.
          const floor = Math.min(100, ...arrival.slice(index + 1).map(({ entry }) => entry.hlc))
          const before = ledger.pendingFinal
          expect(before - ledger.settle(floor)).toBe(ledger.pendingFinal)
          for (const held of arrival.slice(0, index + 1)) {
            const outcome = ledger.outcomeOf(held.entry.author, held.entry.seq)
            expect(outcome?.isFinal).toBe(held.entry.hlc < floor || final.has(held))
            if (outcome?.isFinal !== true) continue
            if (!final.has(held)) final.set(held, outcome.rejection)
            expect(outcome.rejection).toBe(final.get(held))
          }
        }
        expectIs(ledger, entriesOf(arrival))
      }),
      { numRuns: 150 },
    )
  })

  it('folded early, made anew when something comes before the fold, and continued from what was kept', () => {
    fc.assert(
      fc.property(logs, turns, fc.nat(3), fc.nat(30), (all, order, openMax, floor) => {
        const arrival = arrivalOf(all, order)
        const clocks = new Map(
          arrival.map(({ entry }) => [`${entry.author}:${entry.seq}`, entry.hlc]),
        )
        const parts = [
          genesis,
          (a: string, seq: number) => clocks.get(`${a}:${seq}`) ?? 0,
          openMax,
        ] as const
        let ledger = new Ledger(...parts)
        for (const [index, one] of arrival.entries()) {
          if (!ledger.insert([one])) {
            ledger = new Ledger(...parts)
            ledger.insert(arrival.slice(0, index + 1))
          }
          ledger.fold(false)
          // As after a restart.
          const kept = ledger.folded()
          const open = arrival
            .slice(0, index + 1)
            .filter(({ entry }) => entry.seq >= (kept.sizes.get(entry.author) ?? 0))
          ledger = Ledger.after(kept, ...parts)
          expect(ledger.insert(open)).toBe(true)
          ledger.fold(false)
        }
        expectIs(ledger, entriesOf(arrival))
        ledger.settle(floor)
        const final = arrival.filter(({ entry }) => entry.hlc < floor)
        expect(ledger.pendingFinal).toBe(arrival.length - final.length)
        for (const { entry } of arrival)
          expect(ledger.outcomeOf(entry.author, entry.seq)?.isFinal).toBe(entry.hlc < floor)
      }),
      { numRuns: 200 },
    )
  })

  it('and with a log cut off as if the rest of it had never come', () => {
    fc.assert(
      fc.property(logs, turns, fc.nat(2), fc.nat(4), (all, order, index, size) => {
        const arrival = arrivalOf(all, order)
        const author = all[index]?.[0]?.entry.author ?? ''
        const left = arrival.filter(({ entry }) => entry.author !== author || entry.seq < size)
        const ledger = new Ledger(genesis, unread)
        ledger.insert(arrival)
        expect(ledger.cut(author, size)).toBe(true)
        expectIs(ledger, entriesOf(left))
        for (const { entry } of arrival.filter((one) => !left.includes(one)))
          expect(ledger.outcomeOf(entry.author, entry.seq)).toBeNull()
      }),
    )
  })

  it('and conserves the total: genesis and what was issued', () => {
    fc.assert(
      fc.property(logs, turns, (all, order) => {
        const ledger = new Ledger(genesis, unread)
        let issued = 0
        for (const one of arrivalOf(all, order)) ledger.insert([one])
        for (const { entry } of all.flat()) {
          const isApplied = ledger.outcomeOf(entry.author, entry.seq)?.rejection === null
          if (entry.intent.kind === 'issue' && isApplied) issued += entry.intent.amount
        }
        const balances = [...ledger.accounts.sorted().values()]
        expect(balances.reduce((sum, one) => sum + one, 0)).toBe(150 + issued)
        expect(ledger.accounts.total).toBe(150 + issued)
        expect(balances.every((one) => one >= 0)).toBe(true)
      }),
    )
  })
})

describe('a late entry', () => {
  const [paid] = chainOf(lattice, 0, [
    [10, { kind: 'transfer', from: 'Alice', to: 'Bob', amount: 100 }],
  ]) as [SignedEntry]
  const [late] = chainOf(lattice, 1, [
    [5, { kind: 'transfer', from: 'Alice', to: 'Carol', amount: 1 }],
  ]) as [SignedEntry]

  it('turns an applied transfer into a rejected one, on every node alike', () => {
    const ledger = new Ledger(genesis, unread)
    ledger.insert([paid])
    expect(ledger.outcomeOf(paid.entry.author, 0)).toEqual({ rejection: null, isFinal: false })
    ledger.insert([late])
    expect(ledger.outcomeOf(paid.entry.author, 0)?.rejection).toBe('overdraft')
    expect(ledger.rejectedCount).toBe(1)
    expect(Object.fromEntries(ledger.accounts.sorted())).toEqual({ Alice: 99, Bob: 50, Carol: 1 })
  })

  it('before a final one is refused and changes nothing', () => {
    const ledger = new Ledger(genesis, unread)
    ledger.insert([paid])
    expect(ledger.settle(11)).toBe(1)
    const root = ledger.accounts.root()
    expect(ledger.insert([late])).toBe(false)
    expect(ledger.accounts.root()).toBe(root)
    expect(ledger.outcomeOf(late.entry.author, 0)).toBeNull()
  })

  it('between two batches costs no more than what comes after it', () => {
    const many = chainOf(
      lattice,
      2,
      Array.from({ length: 500 }, (_, index) => [20 + index, noop] as const),
    )
    const ledger = new Ledger(genesis, unread)
    ledger.insert(many)
    ledger.settle(519)
    ledger.insert(chainOf(lattice, 0, [[519, noop]]))
    expect(ledger.pendingFinal).toBe(2)
  })
})

describe('the clock of the first entry that is not final', () => {
  it('is found whether that is final, folded or open, and however often it is asked for', () => {
    const log = chainOf(
      lattice,
      0,
      Array.from({ length: 9 }, (_, index) => [10 * (index + 1), noop] as const),
    )
    const [{ entry }] = log as [SignedEntry]
    const ledger = new Ledger(genesis, (_author, seq) => log[seq]?.entry.hlc ?? 0, 4)
    ledger.insert(log)
    ledger.fold(false)
    ledger.settle(25)
    expect(ledger.foldedCount).toBe(7)
    const clocks = Array.from({ length: 10 }, (_, from) => ledger.openClockOf(entry.author, from))
    expect(clocks).toEqual([30, 30, 30, 40, 50, 60, 70, 80, 90, null])
    expect(ledger.openClockOf(entry.author, 0)).toBe(30)
    expect(ledger.openClockOf('a'.repeat(80), 0)).toBeNull()
  })
})

describe('what a ledger does not hold', () => {
  it('has no outcome', () => {
    const ledger = new Ledger(genesis, unread)
    expect(ledger.outcomeOf('a'.repeat(80), 0)).toBeNull()
    expect(ledger.insert([])).toBe(true)
    expect(ledger.settle(Number.MAX_SAFE_INTEGER)).toBe(0)
  })
})
