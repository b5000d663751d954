import type { Entry } from '../../../wire/entry.ts'
import type { Frontier } from '../../../wire/frontier.ts'
import type { Genesis } from '../../../wire/lattice.ts'
import { BALANCE_MAX } from '../../../wire/limits.ts'
import { CompactRange } from './compact-range.ts'
import { cbor } from './fields.ts'
import { hexOf } from './hash.ts'
import { leafHash } from './tree.ts'

/** What the entries up to a frontier come to. */
export interface State {
  /** In account order. */
  balances: ReadonlyMap<string, number>
  /** `author:seq` of every entry that changed nothing because the balances did not allow it, and why. */
  rejected: ReadonlyMap<string, 'unknown-account' | 'overdraft' | 'limit'>
  /** 64 hex. */
  root: string
}

/** Stands for an account where there is none. */
const NOBODY = -1

/**
 * The ledger from its entries, in whatever order they come: replayed from the opening balances in the one
 * order (clock, author, sequence). Keeps numbers alone, some 50 bytes an entry.
 */
export class Replay {
  readonly #genesis: Genesis
  readonly #names: string[] = []
  readonly #numbers = new Map<string, number>()
  readonly #hlc: number[] = []
  readonly #author: number[] = []
  readonly #seq: number[] = []
  readonly #from: number[] = []
  readonly #to: number[] = []
  readonly #amount: number[] = []

  constructor(genesis: Genesis) {
    this.#genesis = genesis
  }

  take({ author, seq, hlc, intent }: Entry): void {
    this.#hlc.push(hlc)
    this.#author.push(this.#numberOf(author))
    this.#seq.push(seq)
    this.#from.push(intent.kind === 'transfer' ? this.#numberOf(intent.from) : NOBODY)
    this.#to.push(intent.kind === 'noop' ? NOBODY : this.#numberOf(intent.to))
    this.#amount.push(intent.kind === 'noop' ? 0 : intent.amount)
  }

  /** The state after exactly the entries that the frontier covers, all of which must have been taken. */
  stateAt(frontier: Frontier): State {
    const balances = new Map(this.#genesis)
    const rejected = new Map<string, 'unknown-account' | 'overdraft' | 'limit'>()
    let total = balances.values().reduce((sum, balance) => sum + balance, 0)
    for (const index of this.#ordered(frontier)) {
      const amount = this.#amount[index] ?? 0
      const from = this.#names[this.#from[index] ?? NOBODY]
      const to = this.#names[this.#to[index] ?? NOBODY]
      const reject = (why: 'unknown-account' | 'overdraft' | 'limit'): void => {
        rejected.set(`${this.#names[this.#author[index] ?? NOBODY]}:${this.#seq[index]}`, why)
      }
      if (to === undefined) continue
      if (from === undefined) {
        if (total + amount > BALANCE_MAX) {
          reject('limit')
          continue
        }
        total += amount
      } else {
        const balance = balances.get(from)
        if (balance === undefined || balance < amount) {
          reject(balance === undefined ? 'unknown-account' : 'overdraft')
          continue
        }
        balances.set(from, balance - amount)
      }
      balances.set(to, (balances.get(to) ?? 0) + amount)
    }
    const sorted = [...balances].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const tree = new CompactRange()
    for (const account of sorted) tree.append(leafHash(cbor(account)))
    return { balances: new Map(sorted), rejected, root: hexOf(tree.root()) }
  }

  /** Indexes of the entries that the frontier covers, in the order in which they are applied. */
  #ordered(frontier: Frontier): Uint32Array {
    const at = (column: readonly number[], index: number): number => column[index] ?? 0
    const sizes = this.#names.map((name) => frontier.get(name) ?? 0)
    const ranks: number[] = []
    const sorted = [...this.#names.keys()].toSorted((a, b) =>
      (this.#names[a] ?? '') < (this.#names[b] ?? '') ? -1 : 1,
    )
    for (const [rank, number] of sorted.entries()) ranks[number] = rank
    return Uint32Array.from(this.#hlc.keys())
      .filter((index) => at(this.#seq, index) < at(sizes, at(this.#author, index)))
      .toSorted(
        (a, b) =>
          at(this.#hlc, a) - at(this.#hlc, b) ||
          at(ranks, at(this.#author, a)) - at(ranks, at(this.#author, b)) ||
          at(this.#seq, a) - at(this.#seq, b),
      )
  }

  /** Authors and accounts are numbered alike; a name that is both has one number. */
  #numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.#names.length)
    return this.#names.push(name) - 1
  }
}
