import { EMPTY_FRONTIER, type Frontier } from '../wire/frontier.ts'
import type { SignedEntry } from '../wire/entry.ts'
import type { Engine } from './engine.ts'
import type { Snapshot } from './replica/snapshot.ts'
import type { Store } from './store/store.ts'

/** Entries that are handed over at once: a few milliseconds of work. */
const ENTRIES_PER_PART = 256

/** Reads all entries after a snapshot and hands them to the core, part by part, beside the other work. */
export async function rebuildFrom(
  store: Store,
  snapshot: Snapshot | null,
  engine: Engine,
): Promise<void> {
  // Everything that the core holds now was committed before it asked.
  const frontier: Frontier = engine.core.logs.frontier()
  engine.push({ kind: 'rebuild-begin', snapshot, frontier })
  let entries: SignedEntry[] = []
  for (const signed of store.between(snapshot?.folded.sizes ?? EMPTY_FRONTIER, frontier)) {
    entries.push(signed)
    if (entries.length < ENTRIES_PER_PART) continue
    engine.push({ kind: 'rebuild-entries', entries })
    entries = []
    await engine.room()
  }
  engine.push({ kind: 'rebuild-entries', entries })
  engine.push({ kind: 'rebuild-end' })
}
