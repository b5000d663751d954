import { leafHash, nodeHash, type Hash } from '../../src/merkle/index.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { compareEntries, type Entry, type SignedEntry } from '../../src/wire/entry.ts'
import { latticeRoot, type Frontier } from '../../src/wire/frontier.ts'
import type { Genesis } from '../../src/wire/lattice.ts'
import { BALANCE_MAX } from '../../src/wire/limits.ts'

type ReadonlyLogs = ReadonlyMap<string, readonly SignedEntry[]>

/** A log that was seen, and the roots of its complete subtrees: of 2^k leaves at `levels[k]`. */
interface SeenLog {
  readonly ids: string[]
  readonly levels: Hash[][]
}

/** The state after some first entries of each log. */
interface State {
  readonly sizes: Map<string, number>
  last: Entry | null
  readonly balances: Map<string, number>
  issued: number
}

/**
 * What a set of entries comes to, computed apart from the code under test. Hours of entries are counted
 * again and again, on each node, so what is the same as in the logs before is not counted anew.
 */
export class Replay {
  readonly #genesis: Genesis
  readonly #genesisTotal: number
  readonly #seen = new Map<string, SeenLog>()
  #state: State

  constructor(genesis: Genesis) {
    this.#genesis = genesis
    this.#genesisTotal = genesis.values().reduce((sum, amount) => sum + amount, 0)
    this.#state = this.#beginning()
  }

  /** The lattice root over whole logs (64 hex), the balances after them, and what of these was issued. */
  of(logs: ReadonlyLogs): { root: string; balances: ReadonlyMap<string, number>; issued: number } {
    for (const [author, log] of logs) this.#look(author, log)
    const frontier: Frontier = new Map(logs.entries().map(([author, log]) => [author, log.length]))
    const root = latticeRoot(frontier, (author, size) =>
      rootAt(this.#seen.get(author)?.levels ?? [], 0, size),
    )
    const { balances, issued } = this.#stateOf(logs)
    return { root: toHex(root), balances, issued }
  }

  #stateOf(logs: ReadonlyLogs): State {
    let fresh = this.#beyond(logs)
    const [first] = fresh
    const { sizes, last } = this.#state
    const isLess = sizes.entries().some(([author, size]) => (logs.get(author)?.length ?? 0) < size)
    const isLate = first !== undefined && last !== null && compareEntries(first, last) < 0
    if (isLess || isLate) {
      this.#state = this.#beginning()
      fresh = this.#beyond(logs)
    }
    for (const entry of fresh) this.#apply(entry)
    return this.#state
  }

  #beginning(): State {
    return { sizes: new Map(), last: null, balances: new Map(this.#genesis), issued: 0 }
  }

  /** In the one order. */
  #beyond(logs: ReadonlyLogs): Entry[] {
    return [...logs]
      .flatMap(([author, log]) => log.slice(this.#state.sizes.get(author) ?? 0))
      .map(({ entry }) => entry)
      .toSorted(compareEntries)
  }

  #apply(entry: Entry): void {
    const state = this.#state
    const { intent, author, seq } = entry
    state.sizes.set(author, seq + 1)
    state.last = entry
    const total = this.#genesisTotal + state.issued
    if (intent.kind === 'issue' && total + intent.amount <= BALANCE_MAX) {
      this.#add(intent.to, intent.amount)
      state.issued += intent.amount
    }
    if (intent.kind === 'transfer' && (state.balances.get(intent.from) ?? 0) >= intent.amount) {
      this.#add(intent.from, -intent.amount)
      this.#add(intent.to, intent.amount)
    }
  }

  #add(account: string, amount: number): void {
    const { balances } = this.#state
    balances.set(account, (balances.get(account) ?? 0) + amount)
  }

  /** Takes in what of a log was not seen before; where it is another, what was seen is forgotten. */
  #look(author: string, log: readonly SignedEntry[]): void {
    const seen = this.#seen.get(author) ?? { ids: [], levels: [[]] }
    this.#seen.set(author, seen)
    const { ids, levels } = seen
    const other = ids.findIndex((id, seq) => seq < log.length && log[seq]?.id !== id)
    if (other !== -1) {
      ids.length = other
      for (const [level, hashes] of levels.entries()) hashes.length = other >>> level
      if (other < (this.#state.sizes.get(author) ?? 0)) this.#state = this.#beginning()
    }
    for (const { id } of log.slice(ids.length)) {
      ids.push(id)
      append(levels, leafHash(Buffer.from(id, 'hex')))
    }
  }
}

function append(levels: Hash[][], leaf: Hash): void {
  let hash = leaf
  for (let level = 0; ; level++) {
    const hashes = (levels[level] ??= [])
    hashes.push(hash)
    const left = hashes.at(-2)
    if (hashes.length % 2 === 1 || left === undefined) return
    hash = nodeHash(left, hash)
  }
}

/** The root over `size` leaves from `begin` on, as RFC 6962 defines it. */
function rootAt(levels: readonly Hash[][], begin: number, size: number): Hash {
  const level = 31 - Math.clz32(size)
  const whole = 1 << level
  if (whole === size) {
    const root = levels[level]?.[begin / size]
    if (root === undefined) throw new RangeError(`no subtree of ${size} leaves at ${begin}`)
    return root
  }
  return nodeHash(rootAt(levels, begin, whole), rootAt(levels, begin + whole, size - whole))
}
