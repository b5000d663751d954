import type { AuthorId } from '../../src/wire/author.ts'
import type { SignedEntry } from '../../src/wire/entry.ts'

/** One author's log as it would be seen from above: what stands where, and on whose disks. */
export interface Holding {
  /** By sequence number: the one entry that may ever stand there. */
  readonly ids: string[]
  readonly clocks: number[]
  /** By sequence number: a bit for each node whose disk holds it; and for each whose disk ever did. */
  readonly held: number[]
  readonly everHeld: number[]
  /** By sequence number: the outcome that was called final. */
  readonly finals: string[]
}

/** An entry that is on no disk any more, and on how many it was. */
export interface Loss {
  author: AuthorId
  seq: number
  hlc: number
  copies: number
}

/** Who holds what, over all disks; no node can know it. */
export class Holdings {
  readonly #authors = new Map<AuthorId, Holding>()

  of(author: AuthorId): Holding {
    let holding = this.#authors.get(author)
    if (holding === undefined) {
      holding = { ids: [], clocks: [], held: [], everHeld: [], finals: [] }
      this.#authors.set(author, holding)
    }
    return holding
  }

  /** A node's disk holds this entry. False when another stands in its place elsewhere. */
  keep(node: number, { entry, id }: SignedEntry): boolean {
    const { seq } = entry
    const { ids, clocks, held, everHeld } = this.of(entry.author)
    const isSame = (ids[seq] ?? id) === id
    ids[seq] ??= id
    clocks[seq] = Math.min(clocks[seq] ?? entry.hlc, entry.hlc)
    held[seq] = (held[seq] ?? 0) | (1 << node)
    everHeld[seq] = (everHeld[seq] ?? 0) | (1 << node)
    return isSame
  }

  /** A node's disk holds no more of a log than this. */
  cut(node: number, author: AuthorId, size: number): void {
    const { held } = this.of(author)
    for (let seq = size; seq < held.length; seq++) held[seq] = (held[seq] ?? 0) & ~(1 << node)
  }

  /** A node's disk is gone. Returns what went with it. */
  lose(node: number): Loss[] {
    const lost: Loss[] = []
    const bit = 1 << node
    for (const [author, { held, everHeld, clocks }] of this.#authors) {
      for (const [seq, bits] of held.entries()) {
        if (bits === bit)
          lost.push({ author, seq, hlc: clocks[seq] ?? 0, copies: countOf(everHeld[seq] ?? 0) })
        held[seq] = bits & ~bit
      }
    }
    return lost
  }

  copiesEver(author: AuthorId, seq: number): number {
    return countOf(this.of(author).everHeld[seq] ?? 0)
  }
}

function countOf(bits: number): number {
  let count = 0
  for (let left = bits; left !== 0; left &= left - 1) count += 1
  return count
}
