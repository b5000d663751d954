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
          const ledger = new Ledger(genesis)
          for (let at = 0; at < arrival.length;) {
            const size = cuts.next().value
            expect(ledger.insert(arrival.slice(at, at + size))).toBe(true)
            at += size
          }
          expectIs(ledger, entriesOf(arrival))
          expect(ledger.openCount).toBe(arrival.length)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('at every moment, not only at the end', () => {
    fc.assert(
      fc.property(logs, turns, (all, order) => {
        const ledger = new Ledger(genesis)
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
        const ledger = new Ledger(genesis)
        const final = new Map<SignedEntry, Rejection | null>()
        for (const [index, one] of arrival.entries()) {
          expect(ledger.insert([one])).toBe(true)
          if (!settles.next().value) continue
          // The highest sound floor: nothing that is still to come is below it.
          const floor = Math.min(100, ...arrival.slice(index + 1).map(({ entry }) => entry.hlc))
          const before = ledger.openCount
          expect(before - ledger.settle(floor)).toBe(ledger.openCount)
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

  it('rebuilt from all entries in any order, also after some were settled', () => {
    fc.assert(
      fc.property(logs, turns, fc.nat(20), (all, order, floor) => {
        const arrival = arrivalOf(all, order)
        const ledger = new Ledger(genesis)
        ledger.insert(arrival)
        ledger.settle(floor)
        ledger.rebuild(entriesOf(arrival.toReversed()))
        expectIs(ledger, entriesOf(arrival))
        expect(ledger.openCount).toBe(arrival.length)
        expect(
          arrival.every(
            ({ entry }) => ledger.outcomeOf(entry.author, entry.seq)?.isFinal === false,
          ),
        ).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('and conserves the total: genesis and what was issued', () => {
    fc.assert(
      fc.property(logs, turns, (all, order) => {
        const ledger = new Ledger(genesis)
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
    const ledger = new Ledger(genesis)
    ledger.insert([paid])
    expect(ledger.outcomeOf(paid.entry.author, 0)).toEqual({ rejection: null, isFinal: false })
    ledger.insert([late])
    expect(ledger.outcomeOf(paid.entry.author, 0)?.rejection).toBe('overdraft')
    expect(ledger.rejectedCount).toBe(1)
    expect(Object.fromEntries(ledger.accounts.sorted())).toEqual({ Alice: 99, Bob: 50, Carol: 1 })
  })

  it('before a final one is refused and changes nothing; a rebuild takes it', () => {
    const ledger = new Ledger(genesis)
    ledger.insert([paid])
    expect(ledger.settle(11)).toBe(1)
    const root = ledger.accounts.root()
    expect(ledger.insert([late])).toBe(false)
    expect(ledger.accounts.root()).toBe(root)
    expect(ledger.outcomeOf(late.entry.author, 0)).toBeNull()
    ledger.rebuild(entriesOf([late, paid]))
    expectIs(ledger, entriesOf([late, paid]))
  })

  it('between two batches costs no more than what comes after it', () => {
    const many = chainOf(
      lattice,
      2,
      Array.from({ length: 500 }, (_, index) => [20 + index, noop] as const),
    )
    const ledger = new Ledger(genesis)
    ledger.insert(many)
    ledger.settle(519)
    ledger.insert(chainOf(lattice, 0, [[519, noop]]))
    expect(ledger.openCount).toBe(2)
  })
})

describe('what a ledger does not hold', () => {
  it('has no outcome', () => {
    const ledger = new Ledger(genesis)
    expect(ledger.outcomeOf('a'.repeat(80), 0)).toBeNull()
    expect(ledger.insert([])).toBe(true)
    expect(ledger.settle(Number.MAX_SAFE_INTEGER)).toBe(0)
  })
})
