import { CompactRange } from './compact-range.ts'

/** Bytes of one piece of memory: the first, and the largest, since each is as large as all before it. */
const PIECE_BYTES_MIN = 8 * 32
const PIECE_BYTES_MAX = 1024 * 32

/** What came before the first entry that is looked at. */
export interface LogBegin {
  size: number
  /** Roots of the complete subtrees of that size, the largest first. */
  subtrees: readonly Uint8Array[]
}

/** The leaf hashes of one growing log, 32 bytes each, and its RFC 6962 root at any size from its beginning on. */
export class LeafLog {
  readonly #begin: LogBegin
  readonly #pieces: Buffer[] = []
  readonly #roots = new Map<number, Uint8Array>()
  #size: number
  /** Bytes in all pieces, and those of them that are free. */
  #bytes = 0
  #free = 0

  constructor(begin: LogBegin = { size: 0, subtrees: [] }) {
    this.#begin = begin
    this.#size = begin.size
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Uint8Array): void {
    if (this.#free === 0) {
      this.#free = Math.min(PIECE_BYTES_MAX, Math.max(PIECE_BYTES_MIN, this.#bytes))
      this.#bytes += this.#free
      this.#pieces.push(Buffer.alloc(this.#free))
    }
    const piece = this.#pieces.at(-1)
    piece?.set(leaf, piece.length - this.#free)
    this.#free -= 32
    this.#size += 1
  }

  /** Null at a size that was not seen. Worked out from the leaves, once for each size. */
  rootAt(size: number): Uint8Array | null {
    const range = CompactRange.of(this.#begin.size, this.#begin.subtrees)
    if (size > this.#size || range === null || size < range.size) return null
    const known = this.#roots.get(size)
    if (known !== undefined) return known
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
