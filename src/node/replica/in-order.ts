import { compareEntries, type SignedEntry } from '../../wire/entry.ts'

/** Entries of several logs, each in sequence, merged into the one order in which they are applied. */
export function* inOrder(logs: readonly Iterable<SignedEntry>[]): Generator<SignedEntry> {
  const rest = logs.map((log) => log[Symbol.iterator]())
  const heads = rest.map((log) => log.next())
  for (;;) {
    let least = -1
    let first: SignedEntry | null = null
    for (const [index, head] of heads.entries()) {
      if (head.done === true) continue
      if (first !== null && compareEntries(head.value.entry, first.entry) > 0) continue
      least = index
      first = head.value
    }
    const log = rest[least]
    if (first === null || log === undefined) return
    yield first
    heads[least] = log.next()
  }
}
