import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SignedEntry } from '../wire/entry.ts'
import { exchange, fileIn, newDirectoryIn, salvage } from './store/salvage.ts'
import { emptyBatch, type Store } from './store/store.ts'

/** Entries in one transaction. */
const ENTRIES_PER_BATCH = 256

/** What came of a repair. */
export interface Repaired {
  /** Entries that were sound. */
  entriesKept: number
  /** Where the damaged database is now. */
  damagedFile: string
}

/**
 * Puts a new store in the place of a damaged one, which nobody has open: with what of each log is sound.
 * Works beside the rest of the process. Throws `StoreError`; then the damaged one is where it was.
 */
export async function repairStore(
  directory: string,
  open: (directory: string) => Store,
): Promise<Repaired> {
  const newDirectory = newDirectoryIn(directory)
  const store = open(newDirectory)
  let entriesKept: number
  try {
    entriesKept = await refill(store, fileIn(directory))
  } finally {
    store.close()
  }
  return { entriesKept, damagedFile: exchange(directory, newDirectory) }
}

/** Commits what is sound in a damaged file. Resolves with how many entries that were. */
async function refill(store: Store, damagedFile: string): Promise<number> {
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
    if (entries.length < ENTRIES_PER_BATCH) continue
    commit()
    await nextTurn()
  }
  commit()
  return count
}
