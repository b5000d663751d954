import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { intent as anyIntent } from '../../../test/simulation/arbitraries.ts'
import { emptyRoot, leafHash, rootOfLeaves } from '../../merkle/index.ts'
import { toHex } from '../../wire/bytes.ts'
import { encodeCanonical } from '../../wire/cbor.ts'
import type { Intent } from '../../wire/intent.ts'
import { BALANCE_MAX } from '../../wire/limits.ts'
import { Accounts, type Rejection, type Undo } from './accounts.ts'

const genesis = new Map([
  ['Bob', 50],
  ['Alice', 100],
])
const transfer = (from: string, to: string, amount: number): Intent => ({
  kind: 'transfer',
  from,
  to,
  amount,
})
const issue = (to: string, amount: number): Intent => ({ kind: 'issue', to, amount })

const rootOf = (balances: Record<string, number>): string =>
  toHex(
    rootOfLeaves(
      Object.entries(balances)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map((pair) => leafHash(encodeCanonical(pair))),
    ),
  )

describe('accounts', () => {
  const table: [string, Intent, Rejection | null][] = [
    ['a transfer of all', transfer('Alice', 'Bob', 100), null],
    ['a transfer of one more', transfer('Alice', 'Bob', 101), 'overdraft'],
    ['a transfer to a new account', transfer('Alice', 'Carol', 1), null],
    ['a transfer from nobody', transfer('Carol', 'Alice', 1), 'unknown-account'],
    ['an issue', issue('Carol', 1), null],
    ['an issue up to the limit', issue('Carol', BALANCE_MAX - 150), null],
    ['an issue beyond the limit', issue('Carol', BALANCE_MAX - 149), 'limit'],
    ['a noop', { kind: 'noop', note: '' }, null],
  ]
  it.each(table)('%s', (_name, intent, rejection) => {
    expect(new Accounts(genesis).rejectionOf(intent)).toBe(rejection)
  })

  it('give an account that was emptied a balance of 0, not no balance', () => {
    const accounts = new Accounts(genesis)
    accounts.apply(transfer('Alice', 'Bob', 100))
    expect(Object.fromEntries(accounts.sorted())).toEqual({ Alice: 0, Bob: 150 })
    expect(accounts.rejectionOf(transfer('Alice', 'Bob', 1))).toBe('overdraft')
    expect(accounts.root()).toBe(rootOf({ Alice: 0, Bob: 150 }))
  })

  it('take everything back exactly', () => {
    fc.assert(
      fc.property(fc.array(anyIntent), (intents) => {
        const accounts = new Accounts(genesis)
        const applied: { intent: Intent; undo: Undo; before: string }[] = []
        for (const intent of intents) {
          if (accounts.rejectionOf(intent) !== null) continue
          const before = JSON.stringify([accounts.root(), [...accounts.sorted()], accounts.total])
          applied.push({ intent, undo: accounts.apply(intent), before })
        }
        for (const { intent, undo, before } of applied.toReversed()) {
          accounts.revert(intent, undo)
          expect(JSON.stringify([accounts.root(), [...accounts.sorted()], accounts.total])).toBe(
            before,
          )
        }
        expect(accounts.size).toBe(2)
        expect(accounts.total).toBe(150)
      }),
    )
  })

  it('have the root of their balances, however they came about', () => {
    fc.assert(
      fc.property(fc.array(anyIntent), (intents) => {
        const accounts = new Accounts(genesis)
        for (const intent of intents) {
          if (accounts.rejectionOf(intent) === null) accounts.apply(intent)
          if (intent.kind === 'noop') accounts.root()
        }
        const balances = Object.fromEntries(accounts.sorted())
        expect(accounts.root()).toBe(rootOf(balances))
        expect(accounts.root()).toBe(new Accounts(accounts.sorted()).root())
      }),
    )
  })

  it('do not change the genesis that they began with', () => {
    new Accounts(genesis).apply(issue('Alice', 5))
    expect(genesis.get('Alice')).toBe(100)
  })

  it('of nobody have the root of the empty tree', () => {
    const none = new Accounts(new Map())
    expect(none.root()).toBe(toHex(emptyRoot()))
    expect(none.total).toBe(0)
    expect(none.rejectionOf(transfer('A', 'B', 1))).toBe('unknown-account')
  })
})
