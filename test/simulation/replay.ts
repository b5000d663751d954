import { leafHash, rootOfLeaves } from '../../src/merkle/index.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { compareEntries, type SignedEntry } from '../../src/wire/entry.ts'
import { latticeRoot, type Frontier } from '../../src/wire/frontier.ts'
import type { Genesis } from '../../src/wire/lattice.ts'
import { BALANCE_MAX } from '../../src/wire/limits.ts'

type ReadonlyLogs = ReadonlyMap<string, readonly SignedEntry[]>

/** What a set of entries comes to, computed anew and apart from the code under test. */
export function replayed(
  logs: ReadonlyLogs,
  genesis: Genesis,
): { balances: Map<string, number>; issued: number } {
  const balances = new Map(genesis)
  let total = genesis.values().reduce((sum, amount) => sum + amount, 0)
  let issued = 0
  const add = (account: string, amount: number): void => {
    balances.set(account, (balances.get(account) ?? 0) + amount)
  }
  const entries = [...logs.values()].flat().map(({ entry }) => entry)
  for (const { intent } of entries.toSorted(compareEntries)) {
    if (intent.kind === 'issue' && total + intent.amount <= BALANCE_MAX) {
      add(intent.to, intent.amount)
      total += intent.amount
      issued += intent.amount
    }
    if (intent.kind === 'transfer' && (balances.get(intent.from) ?? 0) >= intent.amount) {
      add(intent.from, -intent.amount)
      add(intent.to, intent.amount)
    }
  }
  return { balances, issued }
}

/** The lattice root over whole logs, leaf by leaf. 64 hex. */
export function rootOf(logs: ReadonlyLogs): string {
  const frontier: Frontier = new Map(logs.entries().map(([author, log]) => [author, log.length]))
  return toHex(
    latticeRoot(frontier, (author) =>
      rootOfLeaves((logs.get(author) ?? []).map(({ id }) => leafHash(Buffer.from(id, 'hex')))),
    ),
  )
}
