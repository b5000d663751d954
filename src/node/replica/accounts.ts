import { ChangingTree, leafHash } from '../../merkle/index.ts'
import { toHex } from '../../wire/bytes.ts'
import { encodedForNow } from '../../wire/cbor.ts'
import type { Genesis } from '../../wire/lattice.ts'
import { BALANCE_MAX } from '../../wire/limits.ts'
import type { Intent } from '../../wire/intent.ts'

/** Why an intent changes nothing. Decided by the balances alone, so the same on every node. */
export type Rejection = 'unknown-account' | 'overdraft' | 'limit'

export const rejectionTexts: Record<Rejection, string> = {
  'unknown-account': 'the account to pay from does not exist',
  overdraft: 'the account to pay from holds less than the amount',
  limit: 'the ledger would hold more than it can count',
}

/** What an applied intent replaced: the balances before, `undefined` for an account that it opened. */
export type Undo = readonly (readonly [account: string, before: number | undefined])[]

/** Balances in minor units, and the RFC 6962 root over `(account, balance)` in account order. */
export class Accounts {
  readonly #balances: Map<string, number>
  /** Place of each account in account order, and the tree over them; null since there are others. */
  #tree: { places: ReadonlyMap<string, number>; tree: ChangingTree } | null = null
  /** Accounts whose leaves are not what their balances are. */
  readonly #changed = new Set<string>()
  #root: string | null = null
  #total: number

  constructor(balances: Genesis) {
    this.#balances = new Map(balances)
    this.#total = balances.values().reduce((sum, amount) => sum + amount, 0)
  }

  get balances(): ReadonlyMap<string, number> {
    return this.#balances
  }

  get size(): number {
    return this.#balances.size
  }

  /** Minor units in all accounts: genesis and what was issued since. */
  get total(): number {
    return this.#total
  }

  /** In account order. */
  sorted(): ReadonlyMap<string, number> {
    return new Map(this.#names().map((name) => [name, this.#balances.get(name) ?? 0]))
  }

  /** Why this intent would be rejected now; null when it holds. */
  rejectionOf(intent: Intent): Rejection | null {
    switch (intent.kind) {
      case 'noop':
        return null
      case 'issue':
        return this.#total + intent.amount > BALANCE_MAX ? 'limit' : null
      case 'transfer': {
        const balance = this.#balances.get(intent.from)
        if (balance === undefined) return 'unknown-account'
        return balance < intent.amount ? 'overdraft' : null
      }
    }
  }

  /** Applies an intent that `rejectionOf` let through. */
  apply(intent: Intent): Undo {
    switch (intent.kind) {
      case 'noop':
        return []
      case 'issue':
        this.#total += intent.amount
        return [this.#add(intent.to, intent.amount)]
      case 'transfer':
        return [this.#add(intent.from, -intent.amount), this.#add(intent.to, intent.amount)]
    }
  }

  /** Takes back the newest applied intent. */
  revert(intent: Intent, undo: Undo): void {
    for (const [account, before] of undo.toReversed()) this.#set(account, before)
    if (intent.kind === 'issue') this.#total -= intent.amount
  }

  /** 64 hex. */
  root(): string {
    this.#root ??= toHex(this.#upToDate().root())
    return this.#root
  }

  #add(account: string, amount: number): readonly [string, number | undefined] {
    const before = this.#balances.get(account)
    this.#set(account, (before ?? 0) + amount)
    return [account, before]
  }

  #set(account: string, balance: number | undefined): void {
    const isOther = (balance === undefined) === this.#balances.has(account)
    if (balance === undefined) this.#balances.delete(account)
    else this.#balances.set(account, balance)
    if (isOther) this.#tree = null
    this.#changed.add(account)
    this.#root = null
  }

  #upToDate(): ChangingTree {
    if (this.#tree === null) {
      const names = this.#names()
      this.#tree = {
        places: new Map(names.map((name, place) => [name, place])),
        tree: new ChangingTree(names.map((name) => this.#leaf(name))),
      }
    } else {
      const { places, tree } = this.#tree
      for (const account of this.#changed) tree.set(places.get(account) ?? -1, this.#leaf(account))
    }
    this.#changed.clear()
    return this.#tree.tree
  }

  #names(): string[] {
    if (this.#tree !== null) return [...this.#tree.places.keys()]
    return [...this.#balances.keys()].toSorted()
  }

  #leaf(account: string): Uint8Array {
    return leafHash(encodedForNow([account, this.#balances.get(account) ?? 0]))
  }
}
