import type { SignedEntry } from '../wire/entry.ts'
import { salvage } from './store/salvage.ts'
import { emptyBatch, type Store } from './store/store.ts'

/** Entries in one transaction. */
const ENTRIES_PER_BATCH = 1024

/** Commits to a new store what is sound in a damaged file. Returns how many entries that were. */
export function refill(store: Store, damagedFile: string): number {
  let count = 0
  let entries: SignedEntry[] = []
  const commit = (): void => {
    if (entries.length > 0) store.commit({ ...emptyBatch, entries }, 0)
    count += entries.length
    entries = []
  }
  for (const found of salvage(damagedFile)) {
    if ('seals' in found) store.commit({ ...emptyBatch, seals: found.seals }, 0)
    else entries.push(found.entry)
    if (entries.length === ENTRIES_PER_BATCH) commit()
  }
  commit()
  return count
}
