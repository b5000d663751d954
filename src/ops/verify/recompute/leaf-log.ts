import { CompactRange } from './compact-range.ts'

/** Leaves that one piece of memory holds. */
const PIECE_LEAVES = 1024

/** The leaf hashes of one growing log, 32 bytes each, and its RFC 6962 root at any size. */
export class LeafLog {
  readonly #pieces: Buffer[] = []
  readonly #roots = new Map<number, Uint8Array>()
  #size = 0

  get size(): number {
    return this.#size
  }

  append(leaf: Uint8Array): void {
    const place = this.#size % PIECE_LEAVES
    if (place === 0) this.#pieces.push(Buffer.alloc(PIECE_LEAVES * 32))
    this.#pieces.at(-1)?.set(leaf, place * 32)
    this.#size += 1
  }

  /** Null beyond the size. Worked out from the leaves, once for each size. */
  rootAt(size: number): Uint8Array | null {
    if (size > this.#size) return null
    const known = this.#roots.get(size)
    if (known !== undefined) return known
    const range = new CompactRange()
    for (const piece of this.#pieces) {
      for (let at = 0; at < piece.length && range.size < size; at += 32) {
        range.append(piece.subarray(at, at + 32))
      }
    }
    const root = range.root()
    this.#roots.set(size, root)
    return root
  }
}
