import type { JournalRecord } from './journal-record.ts'
import type { Register } from './releases.ts'

/**
 * Which of several machines' records is the newest. A write reaches all or is not acted on, so a
 * machine may lack what came last, or what a write that failed there brought; what it has is never other
 * than what the rest have.
 */

/** The journal that knows most of the newest run. */
export function newestJournal(
  journals: readonly (readonly JournalRecord[])[],
): readonly JournalRecord[] {
  const [best] = journals.toSorted((a, b) => compareRanks(rankOf(b), rankOf(a)))
  return best ?? []
}

/** The register that was written last; an empty one when there is none. */
export function newestRegister(registers: readonly Register[]): Register {
  const [best] = registers.toSorted((a, b) => b.fence - a.fence)
  return best ?? { fence: 0, proven: [] }
}

type Rank = readonly [fence: number, records: number]

function rankOf(records: readonly JournalRecord[]): Rank {
  const run = records.findLast((record) => record.type === 'begin')
  if (run === undefined) return [-1, records.length]
  return [run.fence, records.filter((record) => record.run === run.run).length]
}

const compareRanks = (a: Rank, b: Rank): number => a[0] - b[0] || a[1] - b[1]
